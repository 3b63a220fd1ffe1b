package pairing_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// attained is what a result attains, in order: of those left over from earlier,
// then term by term. Larger is better in each.
func attained(p *pairing.Problem, r *pairing.Result) []int64 {
	waiting, has := int64(0), mentors(r)
	for _, m := range p.Mentees {
		if m.Waiting && m.Has+len(has[m.ID]) > 0 {
			waiting++
		}
	}
	values := []int64{waiting}
	for k, v := range pairing.TermValues(p, r) {
		if t := p.Objective[k]; t == pairing.Bands || t == pairing.Even {
			v = -v
		}
		values = append(values, v)
	}
	return values
}

// bands are compared one after the other, so their sum says nothing.
func withoutBands(all [][]pairing.Term) [][]pairing.Term {
	return slices.DeleteFunc(all, func(o []pairing.Term) bool { return slices.Contains(o, pairing.Bands) })
}

// programs runs a test over invented programs of every objective.
func programs(t *testing.T, seed uint64, all [][]pairing.Term, each func(name string, rng *rand.Rand, p *pairing.Problem, r *pairing.Result)) {
	t.Helper()
	n := 200
	if soak {
		n = 5_000
	}
	for k := range n {
		rng := rand.New(rand.NewPCG(seed, uint64(k)))
		p := program(rng, 1+rng.IntN(mostMentees()), 1+rng.IntN(mostMentors()), all[k%len(all)])
		if r := mustSolve(t, p); r.Status == pairing.Optimal {
			each(fmt.Sprintf("problem %d of seed %d, %v", k, seed, p.Objective), rng, p, r)
		}
	}
}

// A seat more never lowers coverage or the optimum.
func TestASeatMoreNeverHurts(t *testing.T) {
	better := 0
	programs(t, 7, withoutBands(objectives(t)), func(name string, rng *rand.Rand, p *pairing.Problem, r *pairing.Result) {
		q := *p
		q.Mentors = slices.Clone(p.Mentors)
		q.Mentors[rng.IntN(len(q.Mentors))].Seats++
		again := mustSolve(t, &q)
		before, after := attained(p, r), attained(&q, again)
		switch c := slices.Compare(after, before); {
		case c < 0:
			t.Fatalf("%s: %v became %v", name, before, after)
		case c > 0:
			better++
		}
		if p.Objective[0] == pairing.Cover && again.Covered < r.Covered {
			t.Fatalf("%s: %d are covered instead of %d", name, again.Covered, r.Covered)
		}
	})
	if better < 40 {
		t.Errorf("too little was tried: a seat more helped %d times", better)
	}
}

// Forbidding pairs that were not used changes nothing.
func TestForbiddingUnusedPairsChangesNothing(t *testing.T) {
	forbidden := 0
	programs(t, 8, objectives(t), func(name string, rng *rand.Rand, p *pairing.Problem, r *pairing.Result) {
		q, used := *p, mentors(r)
		q.Forbidden = slices.Clone(p.Forbidden)
		share := rng.Float64()
		for _, e := range p.Mentees {
			for _, o := range p.Mentors {
				if rng.Float64() < share && !slices.Contains(used[e.ID], o.ID) {
					q.Forbidden = append(q.Forbidden, pairing.Pair{Mentee: e.ID, Mentor: o.ID})
					forbidden++
				}
			}
		}
		again := mustSolve(t, &q)
		if diff := cmp.Diff(r.Matches, again.Matches); diff != "" {
			t.Fatalf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(r.Values, again.Values); diff != "" {
			t.Fatalf("%s: %s", name, diff)
		}
	})
	if forbidden < 1000 {
		t.Errorf("too little was tried: %d pairs were forbidden", forbidden)
	}
}

// Neither the order in which people, scores and directives are listed matters,
// nor the number of processors; other ids change nothing but ids and what the
// lottery decides.
func TestOrderIdsAndProcessorsChangeNothing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	programs(t, 9, objectives(t), func(name string, rng *rand.Rand, p *pairing.Problem, r *pairing.Result) {
		rename := func(kind string, id string) string { return id }
		again := func() *pairing.Problem {
			q := *p
			n, m := len(p.Mentees), len(p.Mentors)
			rows, columns := rng.Perm(n), rng.Perm(m)
			q.Mentees, q.Mentors = nil, nil
			scores := make(pairing.Dense, 0, n*m)
			for _, j := range rows {
				e := p.Mentees[j]
				e.ID = rename("e", e.ID)
				q.Mentees = append(q.Mentees, e)
				for _, i := range columns {
					scores = append(scores, p.Scores.(pairing.Dense)[j*m+i])
				}
			}
			for _, i := range columns {
				o := p.Mentors[i]
				o.ID = rename("o", o.ID)
				q.Mentors = append(q.Mentors, o)
			}
			q.Scores = scores
			for _, list := range []*[]pairing.Pair{&q.Locks, &q.Forbidden, &q.Standing} {
				*list = slices.Clone(*list)
				for k, pair := range *list {
					(*list)[k] = pairing.Pair{Mentee: rename("e", pair.Mentee), Mentor: rename("o", pair.Mentor)}
				}
				rng.Shuffle(len(*list), func(a, b int) { (*list)[a], (*list)[b] = (*list)[b], (*list)[a] })
			}
			q.Floors = slices.Clone(p.Floors)
			slices.Reverse(q.Floors)
			return &q
		}
		runtime.GOMAXPROCS(2)
		shuffled := mustSolve(t, again())
		if diff := cmp.Diff(r.Matches, shuffled.Matches); diff != "" {
			t.Fatalf("%s, listed in another order: %s", name, diff)
		}
		runtime.GOMAXPROCS(1)
		rename = func(kind string, id string) string { return fmt.Sprintf("%x%s", id[1:], kind) }
		renamed := mustSolve(t, again())
		lots := len(r.Values) - 1
		if diff := cmp.Diff(r.Values[:lots], renamed.Values[:lots]); diff != "" {
			t.Fatalf("%s, with other ids: %s", name, diff)
		}
	})
}
