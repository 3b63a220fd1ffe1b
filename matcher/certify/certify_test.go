package certify_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ballot"
	"github.com/openfairlead/fairlead/matcher/certify"
	"github.com/openfairlead/fairlead/matcher/selection"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// applicants are n invented people with several answers each.
func applicants(n int, seed uint64) []matcher.Person {
	g := rand.New(rand.NewPCG(seed, 5))
	people := make([]matcher.Person, n)
	for i := range people {
		several := func(word string, values, most int) (held []string) {
			for range 1 + g.IntN(most) {
				if v := fmt.Sprint(word, g.IntN(1+g.IntN(values))); !slices.Contains(held, v) {
					held = append(held, v)
				}
			}
			return held
		}
		people[i] = matcher.Person{ID: fmt.Sprintf("x%04d", i), Values: map[string][]string{
			"county": several("c", 6, 2), "race": several("r", 7, 2), "sector": several("s", 9, 1), "lived": several("l", 8, 3),
			"organization": {fmt.Sprint("o", g.IntN(1+n/3))},
		}}
	}
	return people
}

func criteria(size int) matcher.Criteria {
	c := matcher.Criteria{Size: size, MinSize: size, Caps: []matcher.HardCap{{Attribute: "organization", Max: 2}}}
	add := func(kind matcher.Kind, attribute string, values []string, lo, hi, priority int) {
		c.Rules = append(c.Rules, matcher.Rule{
			Row: len(c.Rules) + 1, Feature: attribute, Kind: kind, Min: lo, Max: hi, Priority: priority, Weight: 1,
			Property: matcher.Property{Terms: []matcher.Term{{Attribute: attribute, Values: values, Wildcard: values == nil}}},
		})
	}
	for v := range 4 {
		add(matcher.Quota, "county", []string{fmt.Sprint("c", v)}, 2, 6, matcher.Must)
		add(matcher.Quota, "race", []string{fmt.Sprint("r", v+1)}, 3, 7, 1)
	}
	add(matcher.Spread, "sector", nil, 6, size, 1)
	add(matcher.Company, "race", nil, 2, size, 2)
	add(matcher.Cap, "sector", nil, 0, 3, 2)
	return c
}

func sealed(t *testing.T, n int, c matcher.Criteria, o ballot.Options) *matcher.Record {
	t.Helper()
	r, _, err := ballot.Seal(context.Background(), applicants(n, 1), c, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Everything that a usual record claims is proved, most of it by one leaf, and the
// same way every time.
func TestUsualRecordsAreCertified(t *testing.T) {
	for _, method := range []string{matcher.LotteryLeximin, matcher.LotteryMaximin, matcher.LotteryNone} {
		r := sealed(t, 60, criteria(12), ballot.Options{Method: method})
		again := sealed(t, 60, criteria(12), ballot.Options{Method: method})
		if r.Digest != again.Digest {
			t.Errorf("%s: two runs, two records", method)
		}
		report, err := verify.File(r.AppendJSON(nil), verify.Options{})
		if err != nil || !report.Certified {
			t.Errorf("%s: %+v %v", method, report, err)
		}
		nodes := 0
		for _, c := range r.Certificate.Claims {
			nodes += len(c.Proof)
		}
		t.Logf("figure: %s, 60 people: %d claims, %d nodes, %d bytes", method, len(r.Certificate.Claims), nodes, len(r.AppendJSON(nil)))
	}
}

// What is false cannot be certified, whoever claims it: a level that is too low
// is found out, and a deviation, a size, somebody called impossible.
func TestFalseClaimsAreFoundOut(t *testing.T) {
	honest := sealed(t, 40, criteria(10), ballot.Options{})
	var levels []certify.Level
	var none certify.Level
	for _, c := range honest.Certificate.Claims {
		if c.Kind == matcher.ClaimImpossible {
			none.Types = append(none.Types, c.Number)
		}
		if c.Kind == matcher.ClaimLevel {
			l := certify.Level{Value: float64(c.Value) / 1e15, Types: c.Types, Bound: c.Bound, Weight: make([]int64, len(honest.Lottery.Types))}
			for _, w := range c.Weights {
				l.Weight[w.Type] = w.By
			}
			levels = append(levels, l)
		}
	}
	run := func(change func(*matcher.Record, []certify.Level) []certify.Level) (*matcher.Record, error) {
		r, err := matcher.ParseRecord(honest.AppendJSON(nil))
		if err != nil {
			t.Fatal(err)
		}
		r.Certificate.Claims = nil
		l := change(r, slices.Clone(levels))
		if len(none.Types) > 0 {
			l = append([]certify.Level{none}, l...)
		}
		err = certify.Run(context.Background(), r, l, certify.Options{})
		r.Seal()
		return r, err
	}
	same := func(_ *matcher.Record, l []certify.Level) []certify.Level { return l }
	if r, err := run(same); err != nil || !certified(t, r) {
		t.Fatalf("the truth is not certified: %v", err)
	}
	for what, change := range map[string]func(*matcher.Record, []certify.Level) []certify.Level{
		// A narrowing that is wrong makes a level look lower than it could be.
		"a level that could be raised by a tenth": func(r *matcher.Record, l []certify.Level) []certify.Level {
			l[0].Value *= 0.9
			l[0].Bound -= l[0].Bound / 10
			for _, t := range l[0].Types {
				for _, id := range r.Lottery.Types[t] {
					r.Lottery.Optimum[id] = int64(l[0].Value * matcher.Billion)
				}
			}
			return l
		},
		"somebody impossible who is not": func(r *matcher.Record, l []certify.Level) []certify.Level {
			none := certify.Level{Types: l[0].Types[:1]}
			l[0].Types = l[0].Types[1:]
			return append([]certify.Level{none}, l...)
		},
		"a larger size is impossible": func(r *matcher.Record, l []certify.Level) []certify.Level {
			r.Certificate.Input.Criteria.Size++ // of which the record only says 10
			r.InputDigest = r.Certificate.Input.Digest()
			r.Size.Wanted++
			return l
		},
		"a deviation that could be smaller": func(r *matcher.Record, l []certify.Level) []certify.Level {
			r.Deviation[0].Value, r.Deviation[0].Bound.Bound = r.Deviation[0].Value+5, r.Deviation[0].Bound.Bound+5
			return l
		},
	} {
		r, err := run(change)
		if err == nil && certified(t, r) {
			t.Errorf("certified: %s", what)
		}
		t.Logf("%s: %v", what, err)
	}
}

func certified(t *testing.T, r *matcher.Record) bool {
	t.Helper()
	report, err := verify.File(r.AppendJSON(nil), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return report.Certified
}

// Over the limits claims stand without proof, and the verifier says so.
func TestLimitsLeaveClaimsWithoutProof(t *testing.T) {
	r := sealed(t, 40, criteria(10), ballot.Options{})
	var levels []certify.Level
	r.Certificate.Claims = nil
	if err := certify.Run(context.Background(), r, levels, certify.Options{}); err != nil {
		t.Fatal(err)
	}
	r.Seal()
	if certified(t, r) {
		t.Error("certified without levels")
	}
	// A lottery that ran out of work says itself that it is not proved.
	bounded := 0
	for work := int64(100); work < 6000; work += work / 3 {
		short := sealed(t, 60, criteria(12), ballot.Options{Options: selection.Options{Work: work}})
		report, err := verify.File(short.AppendJSON(nil), verify.Options{})
		if err != nil || !report.Accepted {
			t.Fatalf("work %d: %+v %v", work, report, err)
		}
		if short.Lottery.Drawable() && short.Lottery.Gap > 100 {
			bounded++
			if report.Certified {
				t.Errorf("work %d: certified with a gap of %d", work, short.Lottery.Gap)
			}
		}
	}
	if bounded == 0 {
		t.Error("no limit in work gave a lottery that is not proved")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	none := sealed(t, 40, criteria(10), ballot.Options{Method: matcher.LotteryNone, Seed: "s"})
	none.Certificate.Claims = nil
	if err := certify.Run(ctx, none, nil, certify.Options{}); err != nil {
		t.Fatal(err)
	}
	none.Seal()
	report, err := verify.File(none.AppendJSON(nil), verify.Options{})
	if err != nil || !report.Accepted || report.Certified || none.Complete {
		t.Errorf("%+v %v complete %v", report, err, none.Complete)
	}
	told := 0
	none.Certificate.Claims = nil
	if err := certify.Run(context.Background(), none, nil, certify.Options{Nodes: 1, Progress: func(int, int) { told++ }}); err != nil || told == 0 {
		t.Errorf("told %d times, %v", told, err)
	}
}

// TestTiedLots has two applicants whose first 20 bits of the seed's hash are
// the same, so that the first stage of the seed does not tell their cohorts
// apart: the claim stays open, and the record is accepted.
func TestTiedLots(t *testing.T) {
	seen := map[uint32]string{}
	var tied []matcher.Person
	for i := 0; tied == nil; i++ {
		id := fmt.Sprint("x", i)
		hash := sha256.Sum256([]byte("s\x00" + id))
		lot := binary.BigEndian.Uint32(hash[:]) >> 12
		if other, ok := seen[lot]; ok {
			tied = []matcher.Person{{ID: other}, {ID: id}}
		}
		seen[lot] = id
	}
	r, _, err := ballot.Seal(context.Background(), tied, matcher.Criteria{Size: 1, MinSize: 1}, ballot.Options{Method: matcher.LotteryNone, Seed: "s"})
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.File(r.AppendJSON(nil), verify.Options{})
	if err != nil || !report.Accepted || report.Certified || r.Status != matcher.Optimal {
		t.Errorf("%+v %v %s", report, err, r.Status)
	}
}
