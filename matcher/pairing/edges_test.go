package pairing_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// Problems with nobody in them, or nothing to decide, are matched and proved too.
func TestEdges(t *testing.T) {
	mentee := func(id string, demand int) pairing.Mentee { return pairing.Mentee{ID: id, Demand: demand} }
	mentor := func(id string, seats int) pairing.Mentor { return pairing.Mentor{ID: id, Seats: seats} }
	for name, c := range map[string]struct {
		p     pairing.Problem
		pairs int
	}{
		"nobody":             {pairing.Problem{Scores: pairing.Dense{}}, 0},
		"no mentors":         {pairing.Problem{Mentees: []pairing.Mentee{mentee("a", 2)}, Scores: pairing.Dense{}}, 0},
		"no mentees":         {pairing.Problem{Mentors: []pairing.Mentor{mentor("x", 2)}, Scores: pairing.Dense{}}, 0},
		"no demand":          {pairing.Problem{Mentees: []pairing.Mentee{mentee("a", 0)}, Mentors: []pairing.Mentor{mentor("x", 2)}, Scores: pairing.Dense{5}}, 0},
		"no seats":           {pairing.Problem{Mentees: []pairing.Mentee{mentee("a", 1)}, Mentors: []pairing.Mentor{mentor("x", 0)}, Scores: pairing.Dense{5}}, 0},
		"nobody is eligible": {pairing.Problem{Mentees: []pairing.Mentee{mentee("a", 3)}, Mentors: []pairing.Mentor{mentor("x", 3)}, Scores: pairing.Dense{-1}}, 0},
		"the best":           {pairing.Problem{Mentees: []pairing.Mentee{mentee("a", 3)}, Mentors: []pairing.Mentor{mentor("x", 3)}, Scores: pairing.Dense{1000}}, 1},
		"the worst":          {pairing.Problem{Mentees: []pairing.Mentee{mentee("a", 1000)}, Mentors: []pairing.Mentor{mentor("x", 100_000), mentor("y", 1)}, Scores: pairing.Dense{0, 0}}, 2},
		"the same person":    {pairing.Problem{Mentees: []pairing.Mentee{mentee("a", 1)}, Mentors: []pairing.Mentor{mentor("a", 1), mentor("b", 1)}, Scores: pairing.Dense{1000, 3}}, 1},
		"only locks": {pairing.Problem{
			Mentees: []pairing.Mentee{mentee("a", 1), mentee("b", 1)}, Mentors: []pairing.Mentor{mentor("x", 2)}, Scores: pairing.Dense{5, 6},
			Locks: []pairing.Pair{{Mentee: "a", Mentor: "x"}, {Mentee: "b", Mentor: "x"}},
		}, 2},
	} {
		for _, objective := range [][]pairing.Term{nil, {pairing.Even}, {pairing.Cover, pairing.Bands, pairing.Worst}} {
			p := c.p
			p.Objective = objective
			res, err := pairing.Solve(t.Context(), &p, pairing.Options{})
			if err != nil || res.Status != pairing.Optimal || len(res.Matches) != c.pairs && objective == nil {
				t.Errorf("%s: %+v, %v", name, res, err)
				continue
			}
			certified(t, name, &p, res)
		}
	}
}

// What contradicts itself is refused, with the list and the row.
func TestInputErrors(t *testing.T) {
	good := func() *pairing.Problem {
		return &pairing.Problem{
			Mentees: []pairing.Mentee{{ID: "b", Demand: 1, Group: "g"}, {ID: "a", Demand: 2}},
			Mentors: []pairing.Mentor{{ID: "y", Seats: 1}, {ID: "x", Seats: 1}},
			Scores:  pairing.Dense{1, 2, 3, pairing.NotEligible},
		}
	}
	for name, c := range map[string]struct {
		change func(p *pairing.Problem)
		list   string
		row    int
		says   string
	}{
		"no id":        {func(p *pairing.Problem) { p.Mentees[1].ID = "" }, "mentees", 1, "the id is empty"},
		"mentee twice": {func(p *pairing.Problem) { p.Mentees[1].ID = "b" }, "mentees", 1, "twice"},
		"mentor twice": {func(p *pairing.Problem) { p.Mentors[1].ID = "y" }, "mentors", 1, "twice"},
		"demand":       {func(p *pairing.Problem) { p.Mentees[0].Demand = -1 }, "mentees", 0, "from 0 to 1000"},
		"seats":        {func(p *pairing.Problem) { p.Mentors[1].Seats = 100_001 }, "mentors", 1, "from 0 to 100000"},
		"score":        {func(p *pairing.Problem) { p.Scores = pairing.Dense{1, 2, 1001, 3} }, "scores", 1, `the score of "a" with "y" is 1001`},
		"no matrix":    {func(p *pairing.Problem) { p.Scores = pairing.Dense{1, 2, 3} }, "scores", 0, "no matrix"},
		"no scores":    {func(p *pairing.Problem) { p.Scores = nil }, "scores", 0, "missing"},
		"unknown lock": {func(p *pairing.Problem) {
			p.Locks = []pairing.Pair{{Mentee: "a", Mentor: "y"}, {Mentee: "c", Mentor: "y"}}
		}, "locks", 1, `no mentee "c"`},
		"locked, not fit":   {func(p *pairing.Problem) { p.Locks = []pairing.Pair{{Mentee: "a", Mentor: "x"}} }, "locks", 0, "not eligible"},
		"locked, forbidden": {func(p *pairing.Problem) { p.Locks = []pairing.Pair{{Mentee: "a", Mentor: "y"}}; p.Forbidden = p.Locks }, "locks", 0, "forbidden too"},
		"locked twice": {func(p *pairing.Problem) {
			p.Locks = []pairing.Pair{{Mentee: "a", Mentor: "y"}, {Mentee: "a", Mentor: "y"}}
		}, "locks", 1, "locked twice"},
		"locks over seats": {func(p *pairing.Problem) {
			p.Locks = []pairing.Pair{{Mentee: "a", Mentor: "y"}, {Mentee: "b", Mentor: "y"}}
		}, "locks", 1, "than their 1 seats"},
		"locks over demand": {func(p *pairing.Problem) {
			p.Locks = []pairing.Pair{{Mentee: "b", Mentor: "y"}, {Mentee: "b", Mentor: "x"}}
		}, "locks", 1, "than the 1 mentors they want"},
		"no such group":    {func(p *pairing.Problem) { p.Floors = []pairing.Floor{{Group: "h", Covered: 1}} }, "floors", 0, `the group "h"`},
		"floor over group": {func(p *pairing.Problem) { p.Floors = []pairing.Floor{{Group: "g", Covered: 2}} }, "floors", 0, "has 1 mentees"},
		"two floors": {func(p *pairing.Problem) {
			p.Floors = []pairing.Floor{{Group: "g", Covered: 1}, {Group: "g", Covered: 0}}
		}, "floors", 1, "two floors"},
		"stickiness": {func(p *pairing.Problem) { p.Stickiness = 1001 }, "stickiness", 0, "from 0 to 1000"},
	} {
		p := good()
		if _, err := pairing.Solve(t.Context(), p, pairing.Options{}); err != nil {
			t.Fatal(err)
		}
		c.change(p)
		var input *pairing.InputError
		_, err := pairing.Solve(t.Context(), p, pairing.Options{})
		if !errors.As(err, &input) || input.List != c.list || input.Row != c.row || !strings.Contains(input.Message, c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, list := range []string{"worst", "cover,worst,worst", "cover2", "cover,cover3", "nothing", "", "cover,,total"} {
		var wrong *pairing.ObjectiveError
		if _, err := pairing.ParseObjective(list); !errors.As(err, &wrong) {
			t.Errorf("the objective %q: %v", list, err)
		}
	}
	p := good()
	p.Objective = []pairing.Term{99}
	if _, err := pairing.Solve(t.Context(), p, pairing.Options{}); err == nil {
		t.Error("an unknown term is taken")
	}
}
