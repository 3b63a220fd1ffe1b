package matcher

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// drawn is the record of a lottery between a and the one of b and c, with
// everything that a record can have.
func drawn() *Record {
	input := &Input{
		People: []Person{{ID: "a", Values: map[string][]string{"x": {"1"}}}, {ID: "b"}, {ID: "c"}},
		Criteria: Criteria{
			Size: 1, MinSize: 1,
			Rules: []Rule{{
				Row: 1, Feature: "X", Value: "1", Max: 1, Weight: 1, MaxFlex: 1, Priority: 2, Fixed: true,
				Property: Property{Terms: []Term{{Attribute: "x", Values: []string{"1", "2"}, Match: MatchAll}, {Attribute: "x", Wildcard: true}}, IDs: []string{"a"}},
			}},
			Caps:    []HardCap{{Attribute: "x", Max: 1}},
			Links:   []Link{{Kind: AtLeastOne, IDs: []string{"a", "b"}}},
			Include: []string{"a"}, Exclude: []string{"b"}, Scores: map[string]int{"a": 2}, Allow: map[int]int64{2: 1},
		},
		MaxChance: 900,
	}
	r := &Record{
		Outcome: Outcome{
			Status: Optimal, Complete: true, Cohort: []string{"c"}, Seed: "v",
			Size: Size{Wanted: 1, Got: 1, Bound: 1}, Score: Bound{Value: 2, Bound: 2},
		},
		Lottery: Lottery{
			Method: LotteryLeximin, Gap: 1, Smallest: 114942529, Largest: Billion, Certain: 1,
			Optimum: map[string]int64{"a": Billion, "b": 250000000, "c": 250000000},
			Types:   [][]string{{"a"}, {"b", "c"}}, Chances: []int64{500000, 500000},
			Book: []BookLine{
				{Tickets: 500000, Counts: []TypeCount{{0, 1}}},
				{Tickets: 500000, Counts: []TypeCount{{1, 1}}},
			},
		},
		InputDigest: input.Digest(), Engine: "e",
		Certificate: &Certificate{
			Version: 1, Input: input,
			Draw: &DrawSource{Root: "sha256:" + strings.Repeat("0a", 32), Value: "v", Selection: "s", Attempt: 2, Ticket: 600000},
			Claims: []Claim{{
				Kind: ClaimLevel, Number: 1, Bound: 3, Value: 250_000_000_000_000, Types: []int{1}, Weights: []Weight{{Type: 1, By: 3}},
				Proof: Proof{{Column: 0, At: 0}, {Leaf: true, Rows: []Multiplier{{Row: 2, By: -1}}}, {Leaf: true}},
			}},
		},
	}
	r.Seal()
	return r
}

func TestLotteryBytes(t *testing.T) {
	r := drawn()
	b := r.AppendJSON(nil)
	for _, want := range []string{
		`"lottery":{"method":"LEXIMIN","gap":0.000000001,"smallest":0.114942529,"largest":1,"certain":1,"impossible":0,` +
			`"optimum":{"a":1,"b":0.25,"c":0.25},"chances":{"t1":500000,"t2":500000},"types":{"t1":["a"],"t2":["b","c"]},` +
			`"book":[{"tickets":500000,"counts":{"t1":1}},{"tickets":500000,"counts":{"t2":1}}]},`,
		`"certificate":{"version":1,"input":{"version":1,"people":[{"id":"a","values":{"x":["1"]}},`,
		`"allow":[{"priority":2,"deviation":1}]},"seed":"","maxChance":900},"draw":{"root":"sha256:0a0a`,
		`0a","value":"v","selection":"s","attempt":2,"ticket":600000},"claims":[{"kind":"LEVEL","number":1,"bound":3,"value":250000000000000,"types":["t2"],"weights":[[2,3]],` +
			`"proof":[{"column":0,"at":0},{"rows":[[2,-1]]},{"rows":[]}]}]},"digest":"sha256:`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the record lacks\n%s\n%s", want, b)
		}
	}
	back, err := ParseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	// Priorities, words and lists come back as they were, not only as bytes.
	if diff := cmp.Diff(r.Certificate.Input.Criteria, back.Certificate.Input.Criteria, cmp.FilterValues(func(a, b []string) bool { return len(a)+len(b) == 0 }, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(r.Lottery, back.Lottery); diff != "" {
		t.Error(diff)
	}
	if back.Certificate.Input.Digest() != back.InputDigest || r.Undrawn() {
		t.Error("the input's digest, or the draw, is lost")
	}
	sealed := *r
	sealed.Cohort, sealed.Size.Got, sealed.Seed = nil, 0, ""
	certificate := *r.Certificate
	certificate.Draw = nil
	sealed.Certificate = &certificate
	sealed.Seal()
	if back, err = ParseRecord(sealed.AppendJSON(nil)); err != nil || !back.Undrawn() {
		t.Errorf("sealed and not drawn: %v", err)
	}
	left := NewErasedRecord(r, &Outcome{Status: Optimal, Cohort: []string{"c"}, Size: Size{Wanted: 1, Got: 1, Bound: 1}}, "sha256:1", 1)
	if back, err = ParseRecord(left.AppendJSON(nil)); err != nil || back.Lottery.Method != LotteryLeximin || back.Certificate != nil || back.Lottery.Drawable() {
		t.Errorf("after an erasure: %v, %+v", err, back)
	}
}

func TestDecimals(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 1: "0.000000001", Billion: "1", 999999999: "0.999999999", 500000000: "0.5", 120: "0.00000012"} {
		w := &canon{fresh: true}
		w.decimal(n)
		var back decimalJSON
		if string(w.b) != want || back.UnmarshalJSON(w.b) != nil || int64(back) != n {
			t.Errorf("%d: %s, back %d", n, w.b, back)
		}
	}
	for _, bad := range []string{"-1", "1e-9", "0.1234567890", "0.", ".5", "x", "0.1.2", `"1"`, "99999999999"} {
		if err := new(decimalJSON).UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestTicketsOfABook(t *testing.T) {
	l := &drawn().Lottery
	for ticket, want := range map[int64]int{0: 0, 499999: 0, 500000: 1, Tickets - 1: 1} {
		if got := l.At(ticket); got != &l.Book[want] {
			t.Errorf("ticket %d draws another line than %d", ticket, want)
		}
	}
	if l.At(Tickets) != nil {
		t.Error("there is no such ticket")
	}
	before := l.BookDigest()
	l.Book[0].Tickets--
	l.Book[1].Tickets++
	if before == l.BookDigest() {
		t.Error("the digest of the book does not depend on its tickets")
	}
}

func TestParseLotteryRefuses(t *testing.T) {
	good := drawn().AppendJSON(nil)
	if _, err := ParseRecord(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{`"gap":0.000000001`, `"gap":1e-9`, "1e-9 is no number"},
		{`"smallest":0.114942529`, `"smallest":0.1149425290`, "no number of 0 or more with at most nine places"},
		{`"smallest":0.114942529`, `"smallest":"0.1"`, "no number"},
		{`"smallest":0.114942529`, `"smallest":1.1`, "out of range"},
		{`"certain":1`, `"certain":-1`, "out of range"},
		{`"optimum":{"a":1`, `"optimum":{"a":2`, `optimum["a"]: a chance is at most 1`},
		{`"chances":{"t1":500000,`, `"chances":{`, "lottery.chances: 1 for 2 types"},
		{`"chances":{"t1":500000`, `"chances":{"t1":-1`, "t1 is missing or negative"},
		{`"types":{"t1":["a"],"t2":["b","c"]}`, `"types":{"t1":["b","c"],"t2":["a"]}`, "t2 is out of order"},
		{`"types":{"t1":["a"],"t2":["b","c"]}`, `"types":{"t1":["a"],"t3":["b","c"]}`, "t2 is missing or empty"},
		{`"types":{"t1":["a"],"t2":["b","c"]}`, `"types":{"t1":["a","c"],"t2":["b","c"]}`, "somebody is of two types"},
		{`"types":{"t1":["a"],"t2":["b","c"]}`, `"types":{"t1":["a"],"t2":["c","b"]}`, "t2: must be sorted"},
		{`"tickets":500000`, `"tickets":0`, "book[0].tickets: 0 is not from 1 to 1000000"},
		{`"counts":{"t1":1}`, `"counts":{"t3":1}`, "no such type"},
		{`"counts":{"t1":1}`, `"counts":{"t01":1}`, "no such type"},
		{`"counts":{"t1":1}`, `"counts":{"t1":2}`, "not so many people"},
		{`"counts":{"t1":1}`, `"counts":{"t2":1}`, "out of order, or a cohort that is there already"},
		{`"status":"OPTIMAL"`, `"status":"FEASIBLE"`, "lottery: must be empty with status FEASIBLE"},
		{`"method":"LEXIMIN"`, `"method":"NONE"`, "lottery: must be empty with method NONE"},
		{`"certificate":{"version":1,`, `"certificate":{"version":2,"new":[],`, "a record of a newer version"},
		{`"certificate":{"version":1,`, `"certificate":{"version":0,`, "certificate.version: 0 is no version"},
		{`"certificate":{"version":1,`, `"certificate":{`, "needs version, input, draw and claims, or nothing"},
		{`"ticket":600000`, `"ticket":1000000`, "certificate.draw: a number is out of range"},
		{`"attempt":2`, `"attempt":0`, "certificate.draw: a number is out of range"},
		{`"root":"sha256:0a`, `"root":"sha256:0A`, "certificate.draw.root: must be sha256:"},
		{`"match":"all"`, `"match":"some"`, `input.criteria.rules[0].terms[0].match: unknown word "some"`},
		{`"kind":"at_least_one"`, `"kind":"near"`, `input.criteria.links[0].kind: unknown word "near"`},
		{`{"id":"b","values":{}}`, `{"id":"a","values":{}}`, "input.people: must be sorted"},
		{`"maxChance":900`, `"maxChance":1001`, "maxChance: 1001 is not from 1 to 1000"},
		{`"maxChance":900`, `"maxChance":0`, "digest"}, // 0 is not written
		{`"engine":"e"`, `"erased":1,"engine":"e"`, "erased: the lottery and the certificate must be empty"},
	} {
		_, err := ParseRecord(reseal(t, good, c.from, c.to))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s → %s: error %v, want one with %q", c.from, c.to, err, c.want)
		}
		if strings.Contains(c.to, `"version":2`) && !errors.Is(err, ErrNewer) {
			t.Errorf("%v is not ErrNewer", err)
		}
	}
}

func TestBookOrder(t *testing.T) {
	line := func(counts ...int64) BookLine {
		var l BookLine
		for t, n := range counts {
			if n > 0 {
				l.Counts = append(l.Counts, TypeCount{t, n})
			}
		}
		return l
	}
	sorted := []BookLine{line(2, 1), line(2, 0, 3), line(2), line(1, 9), line(1, 2), line(0, 4, 1), line(0, 4), line(0, 0, 1), line()}
	for i := range sorted {
		for j := range sorted {
			if got := CompareBookLines(sorted[i], sorted[j]); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Error("lines " + strconv.Itoa(i) + " and " + strconv.Itoa(j) + " are in the wrong order")
			}
		}
	}
}
