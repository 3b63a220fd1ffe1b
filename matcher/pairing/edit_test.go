package pairing_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// What an edit costs is what the whole is worth with it, and an edit is kept:
// locks are matched, forbidden pairs are not, swapped people have changed places.
func TestEditsAreKeptAndCosted(t *testing.T) {
	kinds := map[pairing.EditKind]int{}
	programs(t, 10, withoutBands(objectives(t)), func(name string, rng *rand.Rand, p *pairing.Problem, r *pairing.Result) {
		var edits []pairing.Edit
		switch rng.IntN(3) {
		case 0:
			pair := pairing.Pair{Mentee: p.Mentees[rng.IntN(len(p.Mentees))].ID, Mentor: p.Mentors[rng.IntN(len(p.Mentors))].ID}
			if w, err := pairing.WhyNotBound(r, pair); err != nil || !w.Possible {
				return
			}
			edits = append(edits, pairing.Edit{Kind: pairing.LockPair, Pair: pair})
		case 1:
			if len(r.Matches) == 0 {
				return
			}
			m := r.Matches[rng.IntN(len(r.Matches))]
			edits = append(edits, pairing.Edit{Kind: pairing.ForbidPair, Pair: pairing.Pair{Mentee: m.Mentee, Mentor: m.Mentor}})
		case 2:
			if len(r.Matches) < 2 {
				return
			}
			a, b := r.Matches[rng.IntN(len(r.Matches))], r.Matches[rng.IntN(len(r.Matches))]
			edits = append(edits, pairing.Edit{Kind: pairing.SwapPairs, Pair: pairing.Pair{Mentee: a.Mentee, Mentor: a.Mentor}, With: pairing.Pair{Mentee: b.Mentee, Mentor: b.Mentor}})
		}
		e := edits[0]
		c, err := pairing.CostOf(context.Background(), p, r, edits, pairing.Options{})
		var input *pairing.InputError
		if errors.As(err, &input) && e.Kind == pairing.SwapPairs { // the crossed pairs are not eligible, or share somebody
			return
		}
		if err != nil {
			t.Fatalf("%s: %+v: %v", name, e, err)
		}
		kinds[e.Kind]++
		has := func(r *pairing.Result, mentee, mentor string) bool {
			return slices.Contains(mentors(r)[mentee], mentor)
		}
		switch e.Kind {
		case pairing.LockPair:
			if !has(c.After, e.Pair.Mentee, e.Pair.Mentor) {
				t.Fatalf("%s: %+v is not kept", name, e)
			}
		case pairing.ForbidPair:
			if has(c.After, e.Pair.Mentee, e.Pair.Mentor) {
				t.Fatalf("%s: %+v is not kept", name, e)
			}
		case pairing.SwapPairs:
			if !has(c.After, e.Pair.Mentee, e.With.Mentor) || !has(c.After, e.With.Mentee, e.Pair.Mentor) || has(c.After, e.Pair.Mentee, e.Pair.Mentor) || has(c.After, e.With.Mentee, e.With.Mentor) {
				t.Fatalf("%s: %+v is not kept", name, e)
			}
		}
		edited, err := pairing.Apply(p, r, edits)
		if err != nil {
			t.Fatal(err)
		}
		freed := slices.ContainsFunc(p.Locks, func(l pairing.Pair) bool { return l == e.Pair || l == e.With })
		if !freed && c.After.Status == pairing.Optimal && slices.Compare(attained(edited, c.After), attained(p, r)) > 0 {
			t.Fatalf("%s: %+v makes the whole better: %v, then %v", name, e, r.Values, c.After.Values)
		}
		before, after := pairing.TermValues(p, r), pairing.TermValues(edited, c.After)
		for k, x := range c.Terms {
			if x != (pairing.TermChange{Term: p.Objective[k], Before: before[k], After: after[k]}) {
				t.Fatalf("%s: %+v: %+v", name, e, c.Terms)
			}
		}
		moved := mentors(r)
		for _, m := range c.Gone {
			moved[m.Mentee] = slices.DeleteFunc(moved[m.Mentee], func(o string) bool { return o == m.Mentor })
		}
		for _, m := range c.Come {
			moved[m.Mentee] = append(moved[m.Mentee], m.Mentor)
			slices.Sort(moved[m.Mentee])
		}
		if !mapsEqual(moved, mentors(c.After)) {
			t.Fatalf("%s: %+v: gone %v, come %v", name, e, c.Gone, c.Come)
		}
		if broken := len(c.Broken) > 0; broken != (c.After.Status == pairing.Infeasible) {
			t.Fatalf("%s: %+v: floors %v are broken, status %v", name, e, c.Broken, c.After.Status)
		}
	})
	if len(kinds) != 3 || kinds[pairing.SwapPairs] < 5 {
		t.Errorf("too little was tried: %v", kinds)
	}
}

func TestEditsThatCannotBe(t *testing.T) {
	p := &pairing.Problem{
		Seed:    "s",
		Mentees: []pairing.Mentee{{ID: "A", Demand: 1}, {ID: "B", Demand: 1}},
		Mentors: []pairing.Mentor{{ID: "M", Seats: 1}, {ID: "N", Seats: 1}},
		Scores:  pairing.Dense{9, 1, 1, pairing.NotEligible},
	}
	r := mustSolve(t, p) // A with N, B with M
	am, an, bm, bn := pairing.Pair{Mentee: "A", Mentor: "M"}, pairing.Pair{Mentee: "A", Mentor: "N"}, pairing.Pair{Mentee: "B", Mentor: "M"}, pairing.Pair{Mentee: "B", Mentor: "N"}
	for name, edits := range map[string][]pairing.Edit{
		"no kind":        {{Kind: "lock", Pair: am}},
		"not matched":    {{Kind: pairing.SwapPairs, Pair: am, With: bm}},
		"nobody":         {{Kind: pairing.LockPair, Pair: pairing.Pair{Mentee: "X", Mentor: "M"}}},
		"not eligible":   {{Kind: pairing.LockPair, Pair: bn}},
		"too many seats": {{Kind: pairing.LockPair, Pair: am}, {Kind: pairing.LockPair, Pair: bm}},
		"share somebody": {{Kind: pairing.SwapPairs, Pair: an, With: an}},
	} {
		var input *pairing.InputError
		if _, err := pairing.CostOf(context.Background(), p, r, edits, pairing.Options{}); !errors.As(err, &input) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A later edit takes the place of an earlier one.
	c, err := pairing.CostOf(context.Background(), p, r, []pairing.Edit{{Kind: pairing.ForbidPair, Pair: am}, {Kind: pairing.LockPair, Pair: am}}, pairing.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []pairing.TermChange{{Term: pairing.Cover, Before: 2, After: 1}, {Term: pairing.Cover2}, {Term: pairing.Cover3}, {Term: pairing.Worst, Before: 1, After: 9}, {Term: pairing.Total, Before: 2, After: 9}, {Term: pairing.Even, Before: 10080, After: 5040}}
	if diff := cmp.Diff(want, c.Terms); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]pairing.Match{{Mentee: "A", Mentor: "N", Score: 1}, {Mentee: "B", Mentor: "M", Score: 1}}, c.Gone); diff != "" {
		t.Error(diff)
	}
	if len(p.Locks)+len(p.Forbidden) > 0 {
		t.Error("edits changed the problem itself")
	}
}

// Explanations need a proof, and say so.
func TestNoProofNoExplanation(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 0))
	p := program(rng, 14, 9, nil)
	r, err := pairing.Solve(context.Background(), p, pairing.Options{Work: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Status == pairing.Optimal {
		t.Fatal("one visit was enough")
	}
	pair := pairing.Pair{Mentee: p.Mentees[0].ID, Mentor: p.Mentors[0].ID}
	if _, err := pairing.WhyNot(context.Background(), r, pair); !errors.Is(err, pairing.ErrNoProof) {
		t.Error(err)
	}
	if _, err := pairing.Recruit(context.Background(), p, r, pairing.RecruitOptions{}); !errors.Is(err, pairing.ErrNoProof) {
		t.Error(err)
	}
	why, err := pairing.WhyUnmatched(context.Background(), p, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range why {
		if u.Witness != nil && u.Witness.Check(p, r) != nil || u.Witness == nil && u.Reason != pairing.NotProved {
			t.Errorf("%+v", u)
		}
	}
	if _, err := pairing.AuditEquity(context.Background(), p, r, nil, pairing.AuditOptions{}); err != nil {
		t.Error(err)
	}
}

// The rule that leaves a group behind is named: most juniors have nobody one or
// two grades above them, and the grade rule is why.
func TestTheRuleBehindAGap(t *testing.T) {
	const juniors, seniors, mentorCount = 20, 20, 30
	p := &pairing.Problem{Seed: "s"}
	grade := pairing.Grouping{Attribute: "grade"}
	for j := range juniors + seniors {
		p.Mentees = append(p.Mentees, pairing.Mentee{ID: fmt.Sprintf("e%02d", j), Demand: 1})
		grade.Of = append(grade.Of, []string{[]string{"junior", "senior"}[j/juniors]})
	}
	for i := range mentorCount {
		p.Mentors = append(p.Mentors, pairing.Mentor{ID: fmt.Sprintf("o%02d", i), Seats: 2})
	}
	scores, blocked := make(pairing.Dense, 0, 40*mentorCount), make([]uint64, 0, 40*mentorCount)
	for j := range juniors + seniors {
		for i := range mentorCount {
			mask := uint64(0)
			if j < juniors && i >= 6 { // few are close enough in grade
				mask |= 2
			}
			if i == j%mentorCount { // the same unit
				mask |= 1
			}
			score := int16(500)
			if mask != 0 {
				score = pairing.NotEligible
			}
			scores, blocked = append(scores, score), append(blocked, mask)
		}
	}
	p.Scores = scores
	h := &pairing.HardRules{Names: []string{"power", "grade gap"}, Rows: masks{mentorCount, blocked}}
	r := mustSolve(t, p)
	a, err := pairing.AuditEquity(context.Background(), p, r, []pairing.Grouping{grade}, pairing.AuditOptions{Rules: h})
	if err != nil {
		t.Fatal(err)
	}
	junior, senior := a.Attributes[0].Groups[0], a.Attributes[0].Groups[1]
	if junior.Covered != 12 || senior.Covered != 20 || junior.CoverageRatio != 600 || junior.ScoreRatio != 600 || senior.CoverageRatio != 1000 {
		t.Errorf("%+v, %+v", junior, senior)
	}
	if senior.Gap != nil || junior.Gap == nil || junior.Gap.Rule != "grade gap" || junior.Gap.Serves != 8 {
		t.Errorf("the gap is said to come from %+v, and of the best group from %+v", junior.Gap, senior.Gap)
	}
	why, err := pairing.WhyUnmatched(context.Background(), p, r, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range why {
		if w := u.Witness; w.Cause() != "grade gap" || len(w.Mentees) != 20 || len(w.Mentors) != 6 || w.Seats != 12 || w.Rules[0].Serves != 8 {
			t.Errorf("%+v", w)
		}
	}
	prices, err := pairing.PriceRules(context.Background(), p, *h)
	if err != nil {
		t.Fatal(err)
	}
	if prices.All != (pairing.Left{}) || prices.Rules[1].Pairs != 20*24-14 {
		t.Errorf("%+v", prices)
	}
}
