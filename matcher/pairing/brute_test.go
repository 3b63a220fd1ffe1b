package pairing_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// soak is whether full counts are asked for.
var soak = os.Getenv("FAIRLEAD_SOAK") != ""

// oracle tries every matching of a small problem and counts straight from the
// definitions of the terms; it shares nothing with the solver.
type oracle struct {
	p      *pairing.Problem
	nI     int
	scores []int16
	pairs  [][2]int
	load   []int
	count  []int
	chosen [][2]int
	locked [][2]int
	keys   [2][]uint64
	best   []int64
	winner [][2]int
}

func keyOf(seed, role, id string) uint64 {
	h := sha256.New()
	h.Write([]byte(seed))
	h.Write([]byte{0})
	h.Write([]byte(role))
	h.Write([]byte{0})
	h.Write([]byte(id))
	return binary.BigEndian.Uint64(h.Sum(nil))
}

func lotOf(a, b uint64) int64 {
	z := (a ^ b) + 0x9e3779b97f4a7c15
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	z ^= z >> 31
	return int64(z >> 20)
}

func (o *oracle) at(pair pairing.Pair) [2]int {
	j := slices.IndexFunc(o.p.Mentees, func(m pairing.Mentee) bool { return m.ID == pair.Mentee })
	i := slices.IndexFunc(o.p.Mentors, func(m pairing.Mentor) bool { return m.ID == pair.Mentor })
	return [2]int{j, i}
}

// solve returns the values of the terms and the pairs of the best matching, or nil
// if the floors cannot be kept.
func brute(p *pairing.Problem) ([]int64, [][2]int) {
	o := &oracle{p: p, nI: len(p.Mentors), scores: p.Scores.(pairing.Dense)}
	o.load, o.count = make([]int, o.nI), make([]int, len(p.Mentees))
	for _, m := range p.Mentees {
		o.keys[0] = append(o.keys[0], keyOf(p.Seed, "mentee", m.ID))
	}
	for _, m := range p.Mentors {
		o.keys[1] = append(o.keys[1], keyOf(p.Seed, "mentor", m.ID))
	}
	forbidden := map[[2]int]bool{}
	for _, f := range p.Forbidden {
		forbidden[o.at(f)] = true
	}
	for _, l := range p.Locks {
		o.locked = append(o.locked, o.at(l))
	}
	for j := range p.Mentees {
		for i := range p.Mentors {
			at := [2]int{j, i}
			if o.scores[j*o.nI+i] >= 0 && !forbidden[at] && !slices.Contains(o.locked, at) && p.Mentees[j].ID != p.Mentors[i].ID {
				o.pairs = append(o.pairs, at)
			}
		}
	}
	for _, at := range o.locked {
		o.put(at, 1)
	}
	o.try(0)
	slices.SortFunc(o.winner, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	return o.best, o.winner
}

func (o *oracle) put(at [2]int, by int) {
	o.count[at[0]] += by
	o.load[at[1]] += by
	if by > 0 {
		o.chosen = append(o.chosen, at)
	} else {
		o.chosen = o.chosen[:len(o.chosen)-1]
	}
}

func (o *oracle) try(k int) {
	if k == len(o.pairs) {
		if v := o.value(); v != nil && (o.best == nil || slices.Compare(v, o.best) > 0) {
			o.best, o.winner = v, slices.Clone(o.chosen)
		}
		return
	}
	at := o.pairs[k]
	if o.count[at[0]] < o.p.Mentees[at[0]].Demand && o.load[at[1]] < o.p.Mentors[at[1]].Seats {
		o.put(at, 1)
		o.try(k + 1)
		o.put(at, -1)
	}
	o.try(k + 1)
}

func (o *oracle) value() []int64 {
	best := make([]int64, len(o.count))
	for j := range best {
		best[j] = -1
	}
	for _, at := range o.chosen {
		best[at[0]] = max(best[at[0]], int64(o.scores[at[0]*o.nI+at[1]]))
	}
	for _, f := range o.p.Floors {
		n := 0
		for j, m := range o.p.Mentees {
			if m.Group == f.Group && o.count[j]+m.Has > 0 {
				n++
			}
		}
		if n < f.Covered {
			return nil
		}
	}
	v := []int64{0}
	for j, m := range o.p.Mentees {
		if m.Waiting && o.count[j]+m.Has > 0 {
			v[0]++
		}
	}
	for _, t := range o.p.Objective {
		x := int64(0)
		switch t {
		case pairing.Cover, pairing.Cover2, pairing.Cover3:
			for j, n := range o.count {
				if n+o.p.Mentees[j].Has >= int(t-pairing.Cover)+1 {
					x++
				}
			}
		case pairing.Worst:
			x = 1000
			for j, b := range best {
				if b >= 0 && o.p.Mentees[j].Has == 0 {
					x = min(x, b)
				}
			}
		case pairing.Bands:
			for _, upper := range []int16{200, 400, 600} {
				y := int64(0)
				for _, at := range o.chosen {
					if o.scores[at[0]*o.nI+at[1]] <= upper {
						y--
					}
				}
				v = append(v, y)
			}
			for _, at := range o.chosen {
				if o.scores[at[0]*o.nI+at[1]] <= 800 {
					x--
				}
			}
		case pairing.Total:
			for _, at := range o.chosen {
				x += int64(o.scores[at[0]*o.nI+at[1]])
				for _, s := range o.p.Standing {
					if o.at(s) == at {
						x += int64(o.p.Stickiness)
						break
					}
				}
			}
		case pairing.Even:
			for i, load := range o.load {
				for l := 1; l <= load; l++ {
					x -= int64(5040 * (2*l - 1) / o.p.Mentors[i].Seats)
				}
			}
		}
		v = append(v, x)
	}
	lots := int64(0)
	for _, at := range o.chosen {
		lots += lotOf(o.keys[0][at[0]], o.keys[1][at[1]])
	}
	return append(v, lots)
}

// orders are all orders of the terms that are allowed, of up to six terms.
func orders() [][]pairing.Term {
	all := []pairing.Term{pairing.Cover, pairing.Cover2, pairing.Cover3, pairing.Worst, pairing.Bands, pairing.Total, pairing.Even}
	var list [][]pairing.Term
	var grow func(have []pairing.Term)
	grow = func(have []pairing.Term) {
		if len(have) > 0 {
			list = append(list, slices.Clone(have))
		}
		for _, t := range all {
			words := []string{}
			for _, h := range append(slices.Clone(have), t) {
				words = append(words, h.String())
			}
			if terms, err := pairing.ParseObjective(strings.Join(words, ",")); err == nil {
				grow(terms)
			}
		}
	}
	grow(nil)
	return list
}

// small makes a problem of up to most × most with everything that may be in one.
func small(r *rand.Rand, most, pairs int) *pairing.Problem {
	nJ, nI := 1+r.IntN(most), 1+r.IntN(most)
	p := &pairing.Problem{Seed: fmt.Sprint("seed ", r.IntN(1000))}
	for _, j := range r.Perm(nJ) {
		p.Mentees = append(p.Mentees, pairing.Mentee{ID: fmt.Sprintf("e%d", j), Demand: 1 + r.IntN(3)})
	}
	for i := range nI {
		p.Mentors = append(p.Mentors, pairing.Mentor{ID: fmt.Sprintf("r%d", nI-i), Seats: r.IntN(4)})
	}
	top := []int{1, 3, 10, 1000}[r.IntN(4)]
	scores := make(pairing.Dense, nJ*nI)
	dense := r.Float64()
	left := pairs
	for k := range scores {
		scores[k] = pairing.NotEligible
	}
	for _, k := range r.Perm(len(scores)) {
		if r.Float64() < dense && left > 0 {
			scores[k] = int16(r.IntN(top + 1))
			if top == 3 {
				scores[k] *= 250
			}
			left--
		}
	}
	p.Scores = scores
	return p
}

// directed adds locks, forbidden and standing pairs, groups and people waiting.
func directed(r *rand.Rand, p *pairing.Problem) {
	nI := len(p.Mentors)
	scores := p.Scores.(pairing.Dense)
	demand, seats := map[string]int{}, map[string]int{}
	for j, m := range p.Mentees {
		p.Mentees[j].Waiting = r.IntN(4) == 0
		p.Mentees[j].Has = max(0, r.IntN(7)-4)
		p.Mentees[j].Group = []string{"", "a", "b"}[r.IntN(3)]
		demand[m.ID] = m.Demand
	}
	for _, m := range p.Mentors {
		seats[m.ID] = m.Seats
	}
	p.Stickiness = []int{0, 1, 300}[r.IntN(3)]
	for k, s := range scores {
		pair := pairing.Pair{Mentee: p.Mentees[k/nI].ID, Mentor: p.Mentors[k%nI].ID}
		switch r.IntN(12) {
		case 0:
			if s >= 0 && demand[pair.Mentee] > 0 && seats[pair.Mentor] > 0 {
				demand[pair.Mentee]--
				seats[pair.Mentor]--
				p.Locks = append(p.Locks, pair)
			}
		case 1:
			p.Forbidden = append(p.Forbidden, pair)
		case 2, 3:
			p.Standing = append(p.Standing, pair)
		}
	}
	for _, g := range []string{"a", "b"} {
		n := 0
		for _, m := range p.Mentees {
			if m.Group == g {
				n++
			}
		}
		if n > 0 && r.IntN(2) == 0 {
			p.Floors = append(p.Floors, pairing.Floor{Group: g, Covered: r.IntN(n + 1)})
		}
	}
}

// termValues gives what the oracle counts, from a result.
func termValues(p *pairing.Problem, res *pairing.Result) []int64 {
	v := []int64{0}
	for _, x := range res.Values {
		switch x.Tier.Kind {
		case pairing.KindWaiting:
			v[0] = x.Value
		}
	}
	for _, t := range p.Objective {
		switch t {
		case pairing.Worst:
			if res.Worst < 0 {
				v = append(v, 1000)
			} else {
				v = append(v, int64(res.Worst))
			}
			continue
		}
		for _, x := range res.Values {
			switch {
			case x.Tier.Kind == pairing.KindCover && t <= pairing.Cover3 && int(t-pairing.Cover)+1 == x.Tier.Number,
				x.Tier.Kind == pairing.KindBand && t == pairing.Bands,
				x.Tier.Kind == pairing.KindTotal && t == pairing.Total,
				x.Tier.Kind == pairing.KindEven && t == pairing.Even:
				v = append(v, x.Value)
			}
		}
	}
	return append(v, res.Values[len(res.Values)-1].Value)
}

func places(p *pairing.Problem, res *pairing.Result) [][2]int {
	o := &oracle{p: p}
	var list [][2]int
	for _, m := range res.Matches {
		list = append(list, o.at(pairing.Pair{Mentee: m.Mentee, Mentor: m.Mentor}))
	}
	slices.SortFunc(list, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	return list
}

// The solver finds the values of every matching that there is, and the very pairs,
// for every order of the terms.
func TestBruteForce(t *testing.T) {
	count := 200
	if soak {
		count = 4000
	}
	objectives := orders()
	infeasible, split := 0, 0
	for n := range count {
		r := rand.New(rand.NewPCG(uint64(n), 5))
		p := small(r, 6, 13)
		if n%2 == 1 {
			directed(r, p)
		}
		for k := range 4 {
			p.Objective = objectives[(n*4+k)*7919%len(objectives)]
			checkBrute(t, n, p, &infeasible, &split)
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("figure: %d problems of up to 6 × 6, 4 of %d orders of the terms each: the pairs of the brute force; %d without a matching that keeps the floors, %d where a mentee's best pair decides", count, len(objectives), infeasible, split)
}

func checkBrute(t *testing.T, n int, p *pairing.Problem, infeasible, split *int) {
	t.Helper()
	want, pairs := brute(p)
	res, err := pairing.Solve(t.Context(), p, pairing.Lists([]int{0, 2, 4}[n%3], []int{0, 0, 0, 30, 1}[n%5]))
	if err != nil {
		t.Fatalf("problem %d, %v: %v", n, p.Objective, err)
	}
	certified(t, fmt.Sprintf("problem %d, %v", n, p.Objective), p, res)
	if want == nil {
		*infeasible++
		if res.Status != pairing.Infeasible {
			t.Errorf("problem %d, %v: %s, although no matching keeps the floors", n, p.Objective, res.Status)
		}
		return
	}
	if res.Status != pairing.Optimal {
		t.Errorf("problem %d, %v: %s", n, p.Objective, res.Status)
		return
	}
	if slices.Contains(p.Objective, pairing.Worst) && slices.ContainsFunc(res.Matches, func(m pairing.Match) bool { return m.Score < res.Worst }) {
		*split++
	}
	if got := termValues(p, res); !slices.Equal(got, want) {
		t.Errorf("problem %d, %v: values %v, the best are %v\n%+v", n, p.Objective, got, want, p)
	}
	if got := places(p, res); !slices.Equal(got, pairs) {
		t.Errorf("problem %d, %v: pairs %v, the best are %v", n, p.Objective, got, pairs)
	}
}

// scoresOf gives the scores of a problem to the checker.
func scoresOf(p *pairing.Problem) verify.PairScores {
	return func(mentees, mentors []string) ([]int16, error) {
		row, column := map[string]int{}, map[string]int{}
		for j, m := range p.Mentees {
			row[m.ID] = j
		}
		for i, m := range p.Mentors {
			column[m.ID] = i
		}
		rows := make([]int16, 0, len(mentees)*len(mentors))
		for _, mentee := range mentees {
			for _, mentor := range mentors {
				rows = append(rows, p.Scores.(pairing.Dense)[row[mentee]*len(mentors)+column[mentor]])
			}
		}
		return rows, nil
	}
}

// certified fails unless the checker, which shares nothing with the solver, finds
// a result proved.
func certified(t *testing.T, what string, p *pairing.Problem, res *pairing.Result) *matcher.Matching {
	t.Helper()
	m, err := res.Record(t.Context(), "test")
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	report, err := verify.File(m.AppendJSON(nil), verify.Options{Scores: scoresOf(p)})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !report.Certified {
		t.Errorf("%s: not certified: %+v", what, report.Checks)
	}
	return m
}
