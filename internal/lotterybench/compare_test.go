package lotterybench

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// small is a pool of 17 people, who have 6 organizations. So that a group exists,
// what must hold asks for less; and less is allowed at the targets, so that somebody
// is in none.
func small(seed uint64) Instance {
	in := NewTargets(17, seed)
	in.Criteria.Allow = map[int]int64{1: 1}
	in.Criteria.Caps = []matcher.HardCap{{Attribute: "organization", Max: 4}}
	for i := range in.Criteria.Rules {
		if r := &in.Criteria.Rules[i]; r.Priority == matcher.Must {
			r.Min = max(0, r.Min-1)
		}
	}
	return in
}

// What the oracle is told is what the engine is asked: of 17 people every group of
// 15 is counted by the rows alone.
func TestStatement(t *testing.T) {
	missed, impossible := false, false
	for seed := range uint64(8) {
		in := small(seed)
		l, err := selection.FindLottery(t.Context(), in.People, in.Criteria, selection.LotteryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		least, can := counted(in.state())
		if infeasible := l.Outcome.Status == matcher.Infeasible; infeasible != (can == nil) {
			t.Fatalf("%s: infeasible %v, by the rows %v", in.Name, infeasible, can == nil)
		}
		if can == nil {
			continue
		}
		if got := deviations(l); !slices.Equal(got, least) {
			t.Errorf("%s: least deviations %d, by the rows %d", in.Name, got, least)
		}
		for i, p := range in.People {
			if slices.Contains(l.Impossible, p.ID) == can[i] {
				t.Errorf("%s: %s can be in: by the rows %v", in.Name, p.ID, can[i])
			}
		}
		missed = missed || len(least) == 2 && least[0] > 0
		impossible = impossible || len(l.Impossible) > 0
	}
	if !missed || !impossible {
		t.Errorf("targets missed %v, people impossible %v: the pools ask nothing", missed, impossible)
	}
}

// counted looks at every group without two people: the least deviation of each
// priority and who is in a group that is allowed, nil if none is.
func counted(s *Statement) (least []int64, can []bool) {
	type group struct {
		first, second int
		deviation     [3]int64 // by priority
	}
	var groups []group
	for first := range s.People {
	next:
		for second := first + 1; second < s.People; second++ {
			g := group{first: first, second: second}
			for _, r := range s.Rows {
				count := 0
				for _, i := range r.Members {
					if i != first && i != second {
						count++
					}
				}
				off := max(r.Min-count, count-r.Max, 0)
				if r.Priority == matcher.Must && off > 0 {
					continue next
				}
				g.deviation[r.Priority] += int64(off * r.Weight)
			}
			groups = append(groups, g)
		}
	}
	if len(groups) == 0 {
		return nil, nil
	}
	for priority := 1; priority <= 2; priority++ {
		best := slices.MinFunc(groups, func(a, b group) int { return int(a.deviation[priority] - b.deviation[priority]) }).deviation[priority]
		least = append(least, best)
		groups = slices.DeleteFunc(groups, func(g group) bool { return g.deviation[priority] > best+s.Allow[priority] })
	}
	can = make([]bool, s.People)
	for i := range can {
		can[i] = slices.ContainsFunc(groups, func(g group) bool { return g.first != i && g.second != i })
	}
	return least, can
}

// A comparison that compares nothing fails, and so does each difference.
func TestCompare(t *testing.T) {
	in := small(0)
	l, err := selection.FindLottery(t.Context(), in.People, in.Criteria, selection.LotteryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !l.Proved {
		t.Fatal("there is no lottery to compare")
	}
	without := in // a group of 15 with 15 from nowhere
	without.Criteria.Rules = slices.Concat(in.Criteria.Rules, []matcher.Rule{{
		Row: len(in.Criteria.Rules) + 1, Feature: "county", Value: "nowhere", Weight: 1, Min: 15, Max: 15,
		Property: matcher.Property{Terms: []matcher.Term{{Attribute: "county", Values: []string{"nowhere"}}}},
	}})
	says := func(change func(*Answer)) Oracle {
		return func(context.Context, *Statement) (*Answer, error) {
			a := &Answer{Deviation: deviations(l)}
			for _, p := range in.People {
				a.Chances = append(a.Chances, chances(l)[p.ID])
			}
			change(a)
			return a, nil
		}
	}
	same := says(func(*Answer) {})
	nobody := says(func(a *Answer) { *a = Answer{Infeasible: true} })
	for _, c := range []struct {
		name   string
		lists  [][]Instance
		oracle Oracle
		want   string
	}{
		{"agreement", [][]Instance{{in}}, same, ""},
		{"both impossible", [][]Instance{{without}}, nobody, "no lottery was compared"},
		{"no pools", [][]Instance{{}}, same, "no lottery was compared"},
		{"one said to be impossible", [][]Instance{{in}}, nobody, "infeasible false"},
		{"another chance", [][]Instance{{in}}, says(func(a *Answer) { a.Chances[3] += 2e-6 }), "a chance differs by"},
		{"another least deviation", [][]Instance{{in}}, says(func(a *Answer) { a.Deviation[1]++ }), "the least deviations"},
		{"somebody forgotten", [][]Instance{{in}}, says(func(a *Answer) { a.Chances = a.Chances[1:] }), "16 chances for 17"},
	} {
		err := Compare(t.Context(), c.lists, c.oracle, io.Discard)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	for _, list := range Compared([]int{80, 120}, 2) {
		if len(list) == 0 {
			t.Error("a list of pools is empty")
		}
	}
}
