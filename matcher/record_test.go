package matcher

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// small is the example of docs/record.md.
func small() *Outcome {
	return &Outcome{
		Status: Optimal, Complete: true, Cohort: []string{"a", "c"},
		Rules: []RuleCount{
			{Row: 1, Feature: "race", Value: "Asian", Kind: Quota, Min: 1, Max: 4, Priority: Must, Pool: 12, Count: 1},
			{Row: 2, Feature: "county", Value: "*", Kind: Spread, Min: 3, Max: 2, Priority: 2, Pool: 5, Count: 2, Short: 1},
		},
		Size:      Size{Wanted: 2, Got: 2, Bound: 2},
		Deviation: []Deviation{{Priority: 2, Bound: Bound{Value: 1, Bound: 1}}},
		Seed:      "say \"when\"\n",
	}
}

func TestRecordBytes(t *testing.T) {
	body := `{"status":"OPTIMAL","complete":true,"cohort":["a","c"],` +
		`"rules":[{"row":1,"feature":"race","value":"Asian","kind":"quota","min":1,"max":4,"priority":"must","pool":12,"count":1,"short":0,"over":0},` +
		`{"row":2,"feature":"county","value":"*","kind":"spread","min":3,"max":2,"priority":2,"pool":5,"count":2,"short":1,"over":0}],` +
		`"size":{"wanted":2,"got":2,"bound":2},"deviation":[{"priority":2,"value":1,"bound":1}],"totalScore":{"value":0,"bound":0},` +
		`"lottery":{"method":"NONE","gap":0,"smallest":0,"largest":0,"certain":0,"impossible":0,"optimum":{},"chances":{},"types":{},"book":[]},` +
		`"infeasibility":{"conflict":[],"relaxations":[],"leastTotalDeviation":0,"closest":{"cohort":[],"rules":[]}},` +
		`"alternates":[],"seed":"say \"when\"\n","inputDigest":"sha256:00","engine":"e","certificate":{}`
	sum := sha256.Sum256([]byte(body))
	want := body + `,"digest":"sha256:` + hex.EncodeToString(sum[:]) + `"}`
	got := string(NewRecord(small(), "sha256:00", "e").AppendJSON(nil))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Appending leaves alone what is there.
	if b := NewRecord(small(), "sha256:00", "e").AppendJSON([]byte("x")); string(b) != "x"+want {
		t.Errorf("appended: %s", b)
	}
}

func TestInputDigestBytes(t *testing.T) {
	people := []Person{
		{ID: "b", Values: map[string][]string{"race": {"white", "asian", "white"}, "unused": {"x"}}},
		{ID: "a"},
	}
	c := Criteria{
		Size: 2, MinSize: 1,
		Rules: []Rule{{
			Row: 1, Feature: "Race", Value: "Asian;White", Kind: Quota, Min: 1, Max: 2, Priority: 3, Weight: 4, MinFlex: 0, MaxFlex: 2, Fixed: true,
			Property: Property{Terms: []Term{{Attribute: "race", Values: []string{"white", "asian"}, Match: MatchAll}}},
		}},
		Caps:    []HardCap{{Attribute: "race", Max: 2}},
		Links:   []Link{{Kind: Together, IDs: []string{"b", "a"}}, {Kind: Apart, IDs: []string{"b", "a"}}},
		Include: []string{"b", "b"}, Scores: map[string]int{"b": 3, "a": 0}, Allow: map[int]int64{3: 1, 2: 0},
	}
	want := `{"version":1,"people":[{"id":"a","values":{}},{"id":"b","values":{"race":["asian","white"]}}],` +
		`"criteria":{"size":2,"minSize":1,"rules":[{"row":1,"feature":"Race","value":"Asian;White","kind":"quota",` +
		`"terms":[{"attribute":"race","match":"all","values":["asian","white"]}],"ids":[],"min":1,"max":2,"priority":3,"weight":4,"minFlex":0,"maxFlex":2,"fixed":true}],` +
		`"caps":[{"attribute":"race","max":2}],"links":[{"kind":"apart","ids":["a","b"]},{"kind":"together","ids":["a","b"]}],` +
		`"include":["b"],"exclude":[],"scores":{"b":3},"allow":[{"priority":3,"deviation":1}]},"seed":"s"}`
	if diff := cmp.Diff(want, string(appendInput(nil, people, c, "s"))); diff != "" {
		t.Error(diff)
	}
	sum := sha256.Sum256([]byte(want))
	if got := InputDigest(people, c, "s"); got != "sha256:"+hex.EncodeToString(sum[:]) {
		t.Errorf("digest %s", got)
	}
}

// Every word in a record that a draw of random outcomes can make comes back.
func TestRecordRoundTrip(t *testing.T) {
	text := rapid.String()
	counts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) RuleCount {
		n := rapid.IntRange(0, 1<<40)
		return RuleCount{
			Row: n.Draw(t, "row"), Feature: text.Draw(t, "feature"), Value: text.Draw(t, "value"),
			Kind: Kind(rapid.IntRange(0, 3).Draw(t, "kind")), Min: n.Draw(t, "min"), Max: n.Draw(t, "max"),
			Priority: rapid.IntRange(0, MaxPriority).Draw(t, "priority"),
			Pool:     n.Draw(t, "pool"), Count: n.Draw(t, "count"), Short: n.Draw(t, "short"), Over: n.Draw(t, "over"),
		}
	}), 0, 3)
	people := rapid.Custom(func(t *rapid.T) []string {
		set := map[string]bool{}
		for _, id := range rapid.SliceOfN(rapid.StringN(1, 8, -1), 0, 4).Draw(t, "ids") {
			set[id] = true
		}
		var ids []string
		for id := range set {
			ids = append(ids, id)
		}
		return sorted(ids)
	})
	rapid.Check(t, func(t *rapid.T) {
		o := &Outcome{Complete: rapid.Bool().Draw(t, "complete"), Seed: text.Draw(t, "seed")}
		o.Status = rapid.SampledFrom([]Status{Optimal, Feasible, Infeasible, Undecided}).Draw(t, "status")
		o.Size = Size{Wanted: rapid.IntRange(0, 99).Draw(t, "wanted"), Bound: rapid.IntRange(0, 99).Draw(t, "bound")}
		switch o.Status {
		case Infeasible:
			o.Infeasibility = &Infeasibility{Closest: people.Draw(t, "closest"), ClosestRules: counts.Draw(t, "closestRules")}
			if rapid.Bool().Draw(t, "known") {
				least := rapid.Int64Range(1, 1<<50).Draw(t, "least")
				o.Infeasibility.LeastTotalDeviation = &least
			} else {
				o.Infeasibility.Clash = rapid.SliceOfN(rapid.StringN(1, 8, -1), 0, 3).Draw(t, "clash")
			}
		case Optimal, Feasible:
			o.Cohort = people.Draw(t, "cohort")
			o.Size.Got = len(o.Cohort)
			o.Rules = counts.Draw(t, "rules")
			for g := 1; g <= MaxPriority; g++ {
				if rapid.Bool().Draw(t, "has") {
					bound := rapid.Int64Range(0, 1<<40).Draw(t, "deviation")
					o.Deviation = append(o.Deviation, Deviation{Priority: g, Bound: Bound{Value: bound + rapid.Int64Range(0, 3).Draw(t, "gap"), Bound: bound}})
				}
			}
			o.Score.Value = rapid.Int64Range(0, 1<<40).Draw(t, "score")
			o.Score.Bound = o.Score.Value + rapid.Int64Range(0, 3).Draw(t, "gap")
		}
		r := NewRecord(o, "sha256:"+text.Draw(t, "input"), text.Draw(t, "engine"))
		b := r.AppendJSON(nil)
		back, err := ParseRecord(b)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if diff := cmp.Diff(string(b), string(back.AppendJSON(nil))); diff != "" {
			t.Fatal(diff)
		}
	})
}

func sorted(ids []string) []string {
	for i := range ids {
		for j := i; j > 0 && ids[j] < ids[j-1]; j-- {
			ids[j], ids[j-1] = ids[j-1], ids[j]
		}
	}
	return ids
}

// reseal replaces words in a record and computes its digest anew, so that only
// the other checks stand between the change and its reader.
func reseal(t *testing.T, b []byte, from, to string) []byte {
	t.Helper()
	text := string(b)
	if !strings.Contains(text, from) {
		t.Fatalf("the record has no %s", from)
	}
	text = strings.Replace(text, from, to, 1)
	body := text[:strings.LastIndex(text, `,"digest":`)]
	return []byte(body + `,"digest":"` + digestOf([]byte(body)) + `"}`)
}

func TestParseRecordRefuses(t *testing.T) {
	good := NewRecord(small(), "sha256:00", "e").AppendJSON(nil)
	impossible := NewRecord(&Outcome{Status: Infeasible, Infeasibility: &Infeasibility{Clash: []string{"size at least 3"}}}, "i", "e").AppendJSON(nil)
	for _, b := range [][]byte{good, impossible} {
		if _, err := ParseRecord(b); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, want string
		text       []byte
	}{
		{"empty", "EOF", nil},
		{"not UTF-8", "not UTF-8", []byte("\xff")},
		{"cut", "unexpected EOF", good[:len(good)/2]},
		{"two", "something follows", append(append([]byte{}, good...), good...)},
		{"a changed number", "digest", []byte(strings.Replace(string(good), `"count":1`, `"count":2`, 1))},
		{"a changed digest", "digest", []byte(strings.Replace(string(good), `"digest":"sha256:`, `"digest":"sha256:0`, 1))},
		{"a space", "canonical", []byte(strings.Replace(string(good), `"cohort":`, `"cohort": `, 1))},
		{"a line end", "canonical", append(append([]byte{}, good...), '\n')},
		{"keys in another order, resealed", "digest", reseal(t, good, `"status":"OPTIMAL","complete":true`, `"complete":true,"status":"OPTIMAL"`)},
		{"unknown key", `unknown field "extra"`, reseal(t, good, `"certificate":{}`, `"certificate":{},"extra":1`)},
		{"key left out", "digest", reseal(t, good, `"complete":true,`, ``)},
		{"unknown status", `status: unknown word "BEST"`, reseal(t, good, `"OPTIMAL"`, `"BEST"`)},
		{"unknown kind", `rules[0].kind: unknown word "quote"`, reseal(t, good, `"quota"`, `"quote"`)},
		{"unknown lottery", `lottery.method: unknown word "LUCK"`, reseal(t, good, `"NONE"`, `"LUCK"`)},
		{"book without lottery", "lottery: must be empty", reseal(t, good, `"book":[]`, `"book":[{}]`)},
		{"relaxations", "infeasibility: must be empty", reseal(t, good, `"relaxations":[]`, `"relaxations":[{}]`)},
		{"priority", "priority must be", reseal(t, good, `"priority":"must"`, `"priority":0`)},
		{"negative count", "rules[0]: negative", reseal(t, good, `"count":1`, `"count":-1`)},
		{"unsorted cohort", "cohort: must be sorted", reseal(t, good, `["a","c"]`, `["c","a"]`)},
		{"somebody twice", "cohort: must be sorted", reseal(t, good, `["a","c"]`, `["a","a"]`)},
		{"size", "size.got: 2, but the cohort has 1", reseal(t, good, `["a","c"]`, `["a"]`)},
		{"negative size", "size: negative", reseal(t, good, `"wanted":2`, `"wanted":-2`)},
		{"deviation below its bound", "deviation[0]: needs", reseal(t, good, `"value":1,"bound":1`, `"value":1,"bound":2`)},
		{"priority 0 of a deviation", "deviation[0].priority", reseal(t, good, `{"priority":2,"value"`, `{"priority":0,"value"`)},
		{"score above its bound", "totalScore", reseal(t, good, `"totalScore":{"value":0`, `"totalScore":{"value":1`)},
		{"a clash with a cohort", "infeasibility: must be empty", reseal(t, good, `"conflict":[]`, `"conflict":[{"row":0,"bound":"x"}]`)},
		{"a cohort without one", "cohort: must be empty", reseal(t, impossible, `"cohort":[]`, `"cohort":["a"]`)},
		{"a row in the conflict", "conflict[0].bound", reseal(t, impossible, `"row":0`, `"row":1`)},
		{"no deviation at all", "leastTotalDeviation: 0 is below 1", reseal(t, impossible, `"leastTotalDeviation":null`, `"leastTotalDeviation":0`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseRecord(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add(NewRecord(small(), "sha256:00", "e").AppendJSON(nil))
	f.Add(NewRecord(&Outcome{Status: Infeasible, Infeasibility: &Infeasibility{Clash: []string{"x"}}}, "i", "e").AppendJSON(nil))
	f.Add([]byte(`{"status":"UNDECIDED"}`))
	f.Add(drawn().AppendJSON(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err == nil && string(r.AppendJSON(nil)) != string(b) {
			t.Fatal("accepted bytes that it would not write")
		}
	})
}
