package web

import (
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/presets"
)

// posted is the form as a browser sends the draft.
func (d *draft) posted(t *testing.T) url.Values {
	t.Helper()
	js := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	form := url.Values{"name": {d.Name}, "size": {d.Size}, "min_size": {d.MinSize}, "kept": {js(d.Kept)}}
	for g := 1; g <= lowestPriority; g++ {
		form.Set(allowField(g), d.Allow[g])
	}
	for i, c := range d.Cards {
		at := "c" + itoa(i) + "."
		form.Set(at+"kind", c.Kind)
		form.Set(at+"attribute", c.Attribute)
		form.Set(at+"priority", itoa(c.Priority))
		form.Set(at+"weight", itoa(c.Weight))
		for j, r := range c.Rows {
			at := cardRow{i, j}
			form.Set(at.field("kept"), js(r.Kept))
			form.Set(at.field("min"), r.Min)
			form.Set(at.field("max"), r.Max)
		}
	}
	return form
}

// What nobody changed comes back as it was, from every set of the preset and
// from rules of every shape.
func TestDraftKeepsWhatNobodyChanged(t *testing.T) {
	all, err := presets.All()
	if err != nil {
		t.Fatal(err)
	}
	type trial struct {
		c    *applications.Criteria
		form *applications.Form
	}
	trials := map[string]trial{"sample": {sampleCriteria(), sampleForm()}}
	for id, p := range all {
		for name, c := range p.Criteria {
			c.Size, c.MinSize = 15, 12
			trials[id+" "+name] = trial{&c, &p.Form}
		}
	}
	odd := sampleCriteria()
	odd.HardCaps, odd.Allow = map[string]int{"organization": 2}, map[int]int64{1: 3}
	odd.Ties = []applications.Tie{{Kind: "apart", IDs: []string{"NS-0001", "NS-0002"}}}
	odd.Rules = append(
		odd.Rules,
		applications.CriteriaRule{Kind: "quota", Attribute: "sector", Values: []string{"hospital", "housing"}, All: true, Max: number(2), Priority: 3, Weight: 7, Note: "A note."},
		applications.CriteriaRule{Kind: "quota", IDs: []string{"NS-0003"}, Max: number(0)},
		applications.CriteriaRule{Kind: "quota", Attribute: "role_level", Values: []string{"lead"}, Min: number(1), MinFlex: number(0), Fixed: true},
		applications.CriteriaRule{Kind: "quota", Attribute: "role_level", Values: []string{"manager"}, Min: number(1), Max: number(9)},
		applications.CriteriaRule{Kind: "spread", Attribute: "sector", Values: []string{"hospital", "housing"}, Min: number(1), Priority: 9},
	)
	trials["odd"] = trial{odd, sampleForm()}
	for name, x := range trials {
		t.Run(name, func(t *testing.T) {
			d := newDraft(x.c, x.form)
			back, err := readDraft(d.posted(t))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(d, back) {
				t.Errorf("the form loses something:\n%+v\n%+v", d, back)
			}
			c, at, faults := back.criteria(x.c.Program, x.form)
			if len(faults) > 0 {
				t.Errorf("faults %v", faults)
			}
			if got, want := jsonOf(t, c.Rules), jsonOf(t, x.c.Rules); got != want {
				t.Errorf("rules\n%s, want\n%s", got, want)
			}
			if c.Size != x.c.Size || c.MinSize != x.c.MinSize || c.Name != x.c.Name || !reflect.DeepEqual(c.Ties, x.c.Ties) ||
				!reflect.DeepEqual(c.HardCaps, x.c.HardCaps) || !reflect.DeepEqual(c.Allow, x.c.Allow) {
				t.Errorf("got %+v, want %+v", c, x.c)
			}
			rows := 0
			for _, r := range x.c.Rules {
				switch {
				case !r.Each:
					rows++
				case len(r.Values) > 0:
					rows += len(r.Values)
				default:
					rows += len(countedValues(x.form.Attribute(r.Attribute)))
				}
			}
			if len(at.rows) != rows || len(at.rules) != len(c.Rules) {
				t.Errorf("%d rows are told where they stand, the engine has %d", len(at.rows), rows)
			}
		})
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	// nil and empty lists are the same to rules.
	return strings.NewReplacer(`"Values":[]`, `"Values":null`, `"Weight":0`, `"Weight":1`).Replace(string(b))
}

func TestDraftChanges(t *testing.T) {
	form := sampleForm()
	form.Attribute("race_ethnicity").Values[6].Benchmark = &applications.Benchmark{Share: .66}
	form.Attribute("race_ethnicity").Values[0].Benchmark = &applications.Benchmark{Share: .2}
	d := newDraft(&applications.Criteria{Size: 15, MinSize: 12, Rules: []applications.CriteriaRule{
		{Kind: "quota", Attribute: "race_ethnicity", Values: []string{"white"}, Min: number(3), Priority: 1},
	}}, form)
	if len(d.Cards) != 1 || len(d.Cards[0].Rows) != 7 {
		t.Fatalf("the other answers have no rows: %+v", d.Cards)
	}
	if n := d.fill(0, form, 0); n != 2 {
		t.Errorf("%d rows were filled", n)
	}
	find := func(code string) *draftRow {
		i := slices.IndexFunc(d.Cards[0].Rows, func(r draftRow) bool { return r.Kept.Values[0] == code })
		return &d.Cards[0].Rows[i]
	}
	if w, a := find("white"), find("aian"); w.Min != "9" || w.Max != "10" || a.Min != "3" || a.Max != "3" {
		t.Errorf("filled %+v and %+v", *w, *a)
	}
	d.move(0, -1)
	d.move(0, -1)
	if d.Cards[0].Priority != 0 {
		t.Errorf("priority %d", d.Cards[0].Priority)
	}
	d.add("cap", form.Attribute("organization"))
	find("asian").Min, find("asian").Max = "x", ""
	find("black").Min, find("black").Max = "4", "2"
	c, at, faults := d.criteria("p", form)
	if len(faults) != 2 || len(c.Rules) != 4 || len(at.rows) != 4 {
		t.Errorf("faults %v, rules %+v, at %v", faults, c.Rules, at)
	}
	d.remove(0)
	if c, _, _ := d.criteria("p", form); len(c.Rules) != 1 || c.Rules[0].Kind != "cap" || *c.Rules[0].Max != 1 {
		t.Errorf("after removing: %+v", c.Rules)
	}
	for _, x := range []struct {
		share         float64
		size, w, l, h int
	}{{.2, 15, 0, 3, 3}, {.2, 15, 1, 2, 4}, {.0151, 15, 0, 0, 1}, {.0151, 15, 1, 0, 2}, {.6332, 15, 0, 9, 10}, {1, 15, 1, 14, 15}, {0, 15, 0, 0, 0}} {
		if l, h := benchmarkRange(x.share, x.size, x.w); l != x.l || h != x.h {
			t.Errorf("%v of %d, width %d: %d to %d, want %d to %d", x.share, x.size, x.w, l, h, x.l, x.h)
		}
	}
}

// Whatever is posted, reading it neither panics nor makes more rules than there
// are places for.
func TestReadDraftTakesAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := url.Values{}
		word := rapid.SampledFrom([]string{"", "quota", "sector", "0", "-1", "99999999999", "x", "null", "[]", `{"v":["housing"]}`, `{"v":["a","b"],"all":true}`, `{"ids":[""]}`, `{"caps":{"a":1}}`})
		for _, name := range []string{"size", "kept", "c0.kind", "c0.attribute", "c0.priority", "c0.weight", "c0.r0.kept", "c0.r0.min", "c0.r0.max", "c0.r1.kept", "c0.r1.min", "c1.kind", "c1.r0.kept", "c1.r0.max"} {
			if rapid.Bool().Draw(t, name+" is there") {
				form.Set(name, word.Draw(t, name))
			}
		}
		d, err := readDraft(form)
		if err != nil {
			if applications.CodeOf(err) != applications.InvalidArgument {
				t.Fatal(err)
			}
			return
		}
		d.set(word.Draw(t, "set") + " c0.r0.max=3 c1.r9.min=1")
		d.move(rapid.IntRange(-1, 3).Draw(t, "card"), rapid.IntRange(-20, 20).Draw(t, "by"))
		c, at, _ := d.criteria("p", sampleForm())
		if len(c.Rules) != len(at.rules) || len(at.rules) > len(at.rows) {
			t.Fatalf("%d rules at %d places, %d rows", len(c.Rules), len(at.rules), len(at.rows))
		}
		for _, r := range c.Rules {
			if r.Priority < 0 || r.Priority > lowestPriority {
				t.Fatalf("priority %d", r.Priority)
			}
		}
	})
}
