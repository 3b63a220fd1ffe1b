package pairing_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// Unstable pairs are those that both would change to, by trying every pair with
// every partner, and the same for any order of the people.
func TestUnstable(t *testing.T) {
	some, none := 0, 0
	programs(t, 17, objectives(t), func(name string, rng *rand.Rand, p *pairing.Problem, r *pairing.Result) {
		load, matched, forbidden := map[string]int{}, map[pairing.Pair]int{}, map[pairing.Pair]bool{}
		for _, m := range r.Matches {
			matched[pairing.Pair{Mentee: m.Mentee, Mentor: m.Mentor}] = m.Score
			load[m.Mentee]++
			load[m.Mentor]++
		}
		for _, f := range p.Forbidden {
			forbidden[f] = true
		}
		worse := func(score int, has func(pairing.Pair) bool) bool {
			for pair, s := range matched {
				if has(pair) && s < score {
					return true
				}
			}
			return false
		}
		var want []pairing.Prefers
		row := make([]int16, len(p.Mentors))
		for j, e := range p.Mentees {
			p.Scores.Row(j, row)
			for i, m := range p.Mentors {
				pair, score := pairing.Pair{Mentee: e.ID, Mentor: m.ID}, int(row[i])
				if _, is := matched[pair]; is || score < 0 || forbidden[pair] {
					continue
				}
				byMentee := load[e.ID] < e.Demand || worse(score, func(o pairing.Pair) bool { return o.Mentee == e.ID })
				byMentor := load[m.ID] < m.Seats || worse(score, func(o pairing.Pair) bool { return o.Mentor == m.ID })
				if byMentee && byMentor {
					want = append(want, pairing.Prefers{Pair: pair, Score: score})
				}
			}
		}
		count, all := pairing.Unstable(p, r, len(want)+1)
		if int(count) != len(want) || len(all) != len(want) {
			t.Fatalf("%s: %d pairs, not %v", name, count, want)
		}
		byPair := func(a, b pairing.Prefers) int {
			return cmp.Or(cmp.Compare(a.Pair.Mentee, b.Pair.Mentee), cmp.Compare(a.Pair.Mentor, b.Pair.Mentor))
		}
		got := slices.Clone(all)
		slices.SortFunc(got, byPair)
		slices.SortFunc(want, byPair)
		for k, x := range got {
			if x.Gain < 0 || x.Gain > x.Score || x.Pair != want[k].Pair || x.Score != want[k].Score {
				t.Fatalf("%s: %+v, not %+v", name, x, want[k])
			}
		}
		if !slices.IsSortedFunc(all, func(a, b pairing.Prefers) int { return cmp.Compare(b.Gain, a.Gain) }) {
			t.Fatalf("%s: the largest gains do not come first: %+v", name, all)
		}
		most := rng.IntN(3)
		again, first := pairing.Unstable(shuffled(rng, p), r, most)
		if again != count || !slices.Equal(first, all[:min(most, len(all))]) {
			t.Fatalf("%s: in another order %d, %+v", name, again, first)
		}
		if count > 0 {
			some++
		} else {
			none++
		}
	})
	if some == 0 || none == 0 {
		t.Errorf("%d matchings had such pairs, %d none", some, none)
	}
}

// shuffled is the problem with its mentees and mentors in another order.
func shuffled(rng *rand.Rand, p *pairing.Problem) *pairing.Problem {
	q, rows := *p, p.Scores.(pairing.Dense)
	mentees, mentors := rng.Perm(len(p.Mentees)), rng.Perm(len(p.Mentors))
	scores := make(pairing.Dense, 0, len(rows))
	q.Mentees, q.Mentors = nil, nil
	for _, i := range mentors {
		q.Mentors = append(q.Mentors, p.Mentors[i])
	}
	for _, j := range mentees {
		q.Mentees = append(q.Mentees, p.Mentees[j])
		for _, i := range mentors {
			scores = append(scores, rows[j*len(mentors)+i])
		}
	}
	q.Scores = scores
	return &q
}
