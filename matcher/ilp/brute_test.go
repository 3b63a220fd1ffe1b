package ilp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// soak says whether the long versions of the tests run.
var soak = os.Getenv("FAIRLEAD_SOAK") != ""

func times(n int) int {
	if soak {
		return n * 20
	}
	return n
}

// bruteForce solves a tiny problem by trying every point of its box.
func bruteForce(p *Problem) (value int64, ok bool) {
	n := len(p.Cost)
	x := make([]int64, n)
	for j := range x {
		if p.Lower[j] > p.Upper[j] {
			return 0, false
		}
		x[j] = p.Lower[j]
	}
	for {
		feasible := true
		for _, row := range p.Rows {
			sum := int64(0)
			for k, j := range row.Index {
				sum += row.Value[k] * x[j]
			}
			if sum < row.Lo || sum > row.Hi {
				feasible = false
				break
			}
		}
		if feasible {
			sum := int64(0)
			for j, v := range x {
				sum += p.Cost[j] * v
			}
			if !ok || sum < value {
				value, ok = sum, true
			}
		}
		j := 0
		for ; j < n; j++ {
			if x[j] < p.Upper[j] {
				x[j]++
				break
			}
			x[j] = p.Lower[j]
		}
		if j == n {
			return value, ok
		}
	}
}

// randomProblem is a small problem of one of several shapes.
func randomProblem(r *rand.Rand) *Problem {
	shape := r.IntN(4)
	n := 1 + r.IntN(9)
	p := &Problem{}
	for range n {
		c := int64(0)
		switch r.IntN(4) {
		case 0:
			c = r.Int64N(11) - 5
		case 1:
			c = r.Int64N(1<<21) - 1<<20
		case 2:
			c = r.Int64N(3) * 7
		}
		lo, hi := int64(0), int64(1)
		if shape == 1 || shape == 3 && r.IntN(3) == 0 {
			lo = r.Int64N(5) - 2
			hi = lo + r.Int64N(4)
		}
		p.Cost = append(p.Cost, c)
		p.Lower = append(p.Lower, lo)
		p.Upper = append(p.Upper, hi)
	}
	for range r.IntN(6) {
		row := Row{}
		for j := range n {
			if r.IntN(2) == 0 {
				continue
			}
			v := int64(1)
			switch {
			case shape == 2:
				v = r.Int64N(41) - 20
			case shape == 3:
				v = r.Int64N(7) - 2
			case shape == 1 && r.IntN(4) == 0:
				v = -1
			}
			row.Index = append(row.Index, int32(j))
			row.Value = append(row.Value, v)
		}
		r.Shuffle(len(row.Index), func(a, b int) {
			row.Index[a], row.Index[b] = row.Index[b], row.Index[a]
			row.Value[a], row.Value[b] = row.Value[b], row.Value[a]
		})
		least, most := int64(0), int64(0)
		for k, j := range row.Index {
			a, b := row.Value[k]*p.Lower[j], row.Value[k]*p.Upper[j]
			least += min(a, b)
			most += max(a, b)
		}
		at := least + r.Int64N(most-least+1)
		switch r.IntN(4) {
		case 0:
			row.Lo, row.Hi = at, at
		case 1:
			row.Lo, row.Hi = at, math.MaxInt64
		case 2:
			row.Lo, row.Hi = math.MinInt64, at
		default:
			row.Lo, row.Hi = at, at+r.Int64N(3)
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// solver is anything that claims to solve a problem.
type solver func(*Problem) (Solution, error)

func solveFully(p *Problem) (Solution, error) { return Solve(context.Background(), p, Options{}) }

// judge compares a solver with brute force on one problem.
func judge(p *Problem, solve solver) error {
	want, ok := bruteForce(p)
	got, err := solve(p)
	switch {
	case err != nil:
		return err
	case !ok:
		if got.Status != Infeasible || got.X != nil {
			return fmt.Errorf("infeasible, but the solver says %v, %d", got.Status, got.Value)
		}
		return nil
	case got.Status != Optimal || got.Value != want || got.Bound != want:
		return fmt.Errorf("the optimum is %d, but the solver says %v, %d, bound %d", want, got.Status, got.Value, got.Bound)
	}
	if bad := violated(p, got.X); bad != "" {
		return errors.New(bad)
	}
	value := int64(0)
	for j, x := range got.X {
		value += p.Cost[j] * x
	}
	if value != want {
		return fmt.Errorf("the point has the value %d, not %d", value, want)
	}
	return nil
}

func problemOf(seed int) *Problem { return randomProblem(rand.New(rand.NewPCG(uint64(seed), 1))) }

func TestAgainstBruteForce(t *testing.T) {
	infeasible, equalities, general, count := 0, 0, 0, times(20000)
	for seed := range count {
		p := problemOf(seed)
		if err := judge(p, solveFully); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if _, ok := bruteForce(p); !ok {
			infeasible++
		}
		if slices.ContainsFunc(p.Rows, func(r Row) bool { return r.Lo == r.Hi }) {
			equalities++
		}
		for j := range p.Cost {
			if p.Upper[j]-p.Lower[j] > 1 {
				general++
				break
			}
		}
	}
	t.Logf("of %d problems, %d infeasible, %d with an equality, %d with general integers", count, infeasible, equalities, general)
	for what, k := range map[string]int{"infeasible": infeasible, "with an equality": equalities, "with general integers": general} {
		if k*4 < count {
			t.Errorf("only %d of %d problems are %s; the test wants a quarter", k, count, what)
		}
	}
}

// Mutants are solvers with one plausible bug each. The comparison with brute
// force has to find every one of them, or it proves nothing.
func TestPlantedBugsAreFound(t *testing.T) {
	// altered solves the problem after a change, and lies about it.
	altered := func(change func(*Problem)) solver {
		return func(p *Problem) (Solution, error) {
			q := *p
			q.Cost = slices.Clone(p.Cost)
			q.Lower, q.Upper = slices.Clone(p.Lower), slices.Clone(p.Upper)
			q.Rows = slices.Clone(p.Rows)
			change(&q)
			return solveFully(&q)
		}
	}
	mutants := map[string]solver{
		"upper side one too large": altered(func(p *Problem) {
			for i, row := range p.Rows {
				if row.Hi != math.MaxInt64 {
					p.Rows[i].Hi++
				}
			}
		}),
		"lower side one too large": altered(func(p *Problem) {
			for i, row := range p.Rows {
				if row.Lo != math.MinInt64 && row.Lo < row.Hi {
					p.Rows[i].Lo++
				}
			}
		}),
		"last row forgotten": altered(func(p *Problem) {
			if len(p.Rows) > 0 {
				p.Rows = p.Rows[:len(p.Rows)-1]
			}
		}),
		"equality read as at most": altered(func(p *Problem) {
			for i, row := range p.Rows {
				if row.Lo == row.Hi {
					p.Rows[i].Lo = math.MinInt64
				}
			}
		}),
		"sign of a coefficient": altered(func(p *Problem) {
			for i, row := range p.Rows {
				p.Rows[i].Value = slices.Clone(row.Value)
				for k, v := range row.Value {
					if v < 0 {
						p.Rows[i].Value[k] = -v
						return
					}
				}
			}
		}),
		"general integers read as zero or one": altered(func(p *Problem) {
			for j := range p.Upper {
				p.Upper[j] = min(p.Upper[j], p.Lower[j]+1)
			}
		}),
		"small costs lost": altered(func(p *Problem) {
			for j := range p.Cost {
				p.Cost[j] &^= 1
			}
		}),
		"two alike columns counted as one": altered(func(p *Problem) {
			for j := 1; j < len(p.Cost); j++ {
				if p.Cost[j] == p.Cost[j-1] {
					p.Upper[j] = p.Lower[j]
					return
				}
			}
		}),
		"second best taken for the best": func(p *Problem) (Solution, error) {
			s, err := solveFully(p)
			if err != nil || s.Status != Optimal {
				return s, err
			}
			q := *p
			all := Row{Lo: s.Value + 1, Hi: math.MaxInt64}
			for j, c := range p.Cost {
				all.Index, all.Value = append(all.Index, int32(j)), append(all.Value, c)
			}
			q.Rows = append(slices.Clone(p.Rows), all)
			if worse, err := solveFully(&q); err == nil && worse.Status == Optimal {
				return worse, nil
			}
			return s, nil
		},
		"too hard taken for infeasible": func(p *Problem) (Solution, error) {
			s, err := Solve(context.Background(), p, Options{Work: 3})
			if s.Status == Unknown {
				return Solution{Status: Infeasible}, err
			}
			return s, err
		},
	}
	for name, mutant := range mutants {
		found := 0
		const count = 2000
		for seed := range count {
			if judge(problemOf(seed), mutant) != nil {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s: not found in %d problems", name, count)
		}
	}
}
