package ilp

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
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

func TestAgainstBruteForce(t *testing.T) {
	infeasible, count := 0, times(6000)
	for seed := range count {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		p := randomProblem(r)
		want, ok := bruteForce(p)
		got, err := Solve(context.Background(), p, Options{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !ok {
			infeasible++
			if got.Status != Infeasible {
				t.Fatalf("seed %d: infeasible, but status %v, value %d", seed, got.Status, got.Value)
			}
			continue
		}
		if got.Status != Optimal || got.Value != want || got.Bound != want {
			t.Fatalf("seed %d: got %v %d (bound %d), want %d", seed, got.Status, got.Value, got.Bound, want)
		}
		if bad := violated(p, got.X); bad != "" {
			t.Fatalf("seed %d: %s", seed, bad)
		}
	}
	if infeasible*4 < count {
		t.Errorf("only %d of %d problems are infeasible; the test wants a quarter", infeasible, count)
	}
}
