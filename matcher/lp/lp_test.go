package lp

import (
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"
)

// times is how often a random test runs: more under FAIRLEAD_SOAK=1.
func times(n int) int {
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		return n * 20
	}
	return n
}

// randomModel is a model with small integer data: many ties, equality rows,
// fixed columns, rows that repeat.
func randomModel(r *rand.Rand) Model {
	n, m := 1+r.IntN(25), r.IntN(14)
	var model Model
	count := r.IntN(3)
	model.Start = []int32{0}
	for range n {
		lo := float64(r.IntN(5) - 2)
		model.Lower = append(model.Lower, lo)
		model.Upper = append(model.Upper, lo+float64(r.IntN(4)))
		cost := 0.0
		switch count {
		case 1:
			cost = float64(r.IntN(5)-2) / 2
		case 2:
			cost = r.Float64()*2 - 1
		}
		model.Cost = append(model.Cost, cost)
		for k := range m {
			if r.IntN(2) == 0 {
				v := 1.0
				if r.IntN(3) == 0 {
					v = float64(r.IntN(7) - 3)
				}
				model.Index = append(model.Index, int32(k))
				model.Value = append(model.Value, v)
			}
		}
		model.Start = append(model.Start, int32(len(model.Index)))
	}
	// Half of the models have ranges around some point of the box, the others
	// anywhere.
	row := make([]float64, m)
	for j := range n {
		x := model.Lower[j] + float64(r.IntN(int(model.Upper[j]-model.Lower[j])+1))
		for k := model.Start[j]; k < model.Start[j+1]; k++ {
			row[model.Index[k]] += model.Value[k] * x
		}
	}
	planted := r.IntN(2) == 0
	for k := range m {
		at := float64(r.IntN(13) - 4)
		width := float64(r.IntN(3))
		if planted {
			at = row[k] - float64(r.IntN(int(width)+1))
		}
		if r.IntN(4) == 0 {
			width = 30
		}
		model.RowLower = append(model.RowLower, at)
		model.RowUpper = append(model.RowUpper, at+width)
	}
	return model
}

func rat(x float64) *big.Rat { return new(big.Rat).SetFloat64(x) }

// dualBound is the exact bound that duals y give for the costs, in the box of
// the model: Σ min (c−yA)·x + Σ min y·s.
func dualBound(model *Model, cost, y []float64) *big.Rat {
	sum := new(big.Rat)
	add := func(d *big.Rat, lo, hi float64) {
		end := lo
		if d.Sign() < 0 {
			end = hi
		}
		sum.Add(sum, new(big.Rat).Mul(d, rat(end)))
	}
	for j := range cost {
		d := rat(cost[j])
		for k := model.Start[j]; k < model.Start[j+1]; k++ {
			d.Sub(d, new(big.Rat).Mul(rat(y[model.Index[k]]), rat(model.Value[k])))
		}
		add(d, model.Lower[j], model.Upper[j])
	}
	for k := range y {
		add(rat(y[k]), model.RowLower[k], model.RowUpper[k])
	}
	return sum
}

// certify checks a verdict by a certificate that has nothing to do with how it
// was found: a feasible point and duals with the same objective, or a
// combination of the rows that no point satisfies.
func certify(t *testing.T, seed int, model *Model, s *Solver, status Status) {
	t.Helper()
	y := make([]float64, len(model.RowLower))
	switch status {
	case Optimal:
		value := 0.0
		row := make([]float64, len(y))
		for j, c := range model.Cost {
			x := s.Value(j)
			if x < model.Lower[j]-1e-6 || x > model.Upper[j]+1e-6 {
				t.Fatalf("seed %d: column %d is %v, outside %v…%v", seed, j, x, model.Lower[j], model.Upper[j])
			}
			value += c * x
			for k := model.Start[j]; k < model.Start[j+1]; k++ {
				row[model.Index[k]] += model.Value[k] * x
			}
		}
		for k, v := range row {
			if v < model.RowLower[k]-1e-6 || v > model.RowUpper[k]+1e-6 {
				t.Fatalf("seed %d: row %d is %v, outside %v…%v", seed, k, v, model.RowLower[k], model.RowUpper[k])
			}
		}
		s.Duals(y)
		bound, _ := dualBound(model, model.Cost, y).Float64()
		if math.Abs(bound-value) > 1e-6*(1+math.Abs(value)) || math.Abs(s.Objective()-value) > 1e-6*(1+math.Abs(value)) {
			t.Fatalf("seed %d: value %v, bound %v, objective %v", seed, value, bound, s.Objective())
		}
	case Infeasible:
		s.Ray(y)
		zero := make([]float64, len(model.Cost))
		if bound, _ := dualBound(model, zero, y).Float64(); bound < 1e-9 {
			t.Fatalf("seed %d: the ray proves only %v", seed, bound)
		}
	default:
		t.Fatalf("seed %d: status %d", seed, status)
	}
}

func TestVerdictsHaveCertificates(t *testing.T) {
	infeasible := 0
	count := times(1500)
	for seed := range count {
		model := randomModel(rand.New(rand.NewPCG(uint64(seed), 7)))
		s := New(model)
		status := s.Solve(math.Inf(1), 1<<40)
		certify(t, seed, &model, s, status)
		if status == Infeasible {
			infeasible++
		}
	}
	if infeasible*4 < count || infeasible*4 > 3*count {
		t.Errorf("%d of %d models are infeasible; the test wants a mix", infeasible, count)
	}
}

// A run of bound changes, saves and loads ends in the same optimum as a new
// solver of the model with those bounds.
func TestWarmStarts(t *testing.T) {
	for seed := range times(400) {
		r := rand.New(rand.NewPCG(uint64(seed), 8))
		model := randomModel(r)
		s := New(model)
		s.Solve(math.Inf(1), 1<<40)
		var state State
		s.Save(&state)
		lower, upper := append([]float64(nil), model.Lower...), append([]float64(nil), model.Upper...)
		for range 12 {
			j := r.IntN(len(model.Cost))
			lo := lower[j] + float64(r.IntN(3)-1)
			hi := lo + float64(r.IntN(3))
			s.SetBounds(j, lo, hi)
			model.Lower[j], model.Upper[j] = lo, hi
			if r.IntN(3) == 0 && len(model.RowLower) > 0 {
				k := r.IntN(len(model.RowLower))
				model.RowLower[k] += float64(r.IntN(3) - 1)
				model.RowUpper[k] = math.Max(model.RowUpper[k], model.RowLower[k])
				s.SetBounds(len(model.Cost)+k, model.RowLower[k], model.RowUpper[k])
			}
			certify(t, seed, &model, s, s.Solve(math.Inf(1), 1<<40))
		}
		// Back to where it started.
		if len(model.RowLower) > 0 {
			continue // row bounds have moved
		}
		for j := range lower {
			s.RestoreBounds(j, lower[j], upper[j])
			model.Lower[j], model.Upper[j] = lower[j], upper[j]
		}
		s.Load(&state)
		certify(t, seed, &model, s, s.Solve(math.Inf(1), 1<<40))
	}
}

func TestLoadReturnsToTheSavedBasis(t *testing.T) {
	for seed := range times(300) {
		r := rand.New(rand.NewPCG(uint64(seed), 9))
		model := randomModel(r)
		s := New(model)
		if s.Solve(math.Inf(1), 1<<40) != Optimal {
			continue
		}
		var state State
		s.Save(&state)
		want := s.Objective()
		for range 5 {
			j := r.IntN(len(model.Cost))
			s.SetBounds(j, model.Lower[j], model.Lower[j])
			s.Solve(math.Inf(1), 1<<40)
			s.RestoreBounds(j, model.Lower[j], model.Upper[j])
			s.Load(&state)
			if got := s.Objective(); got != want {
				t.Fatalf("seed %d: objective %v after Load, %v before", seed, got, want)
			}
			if before := s.Pivots(); s.Solve(math.Inf(1), 1<<40) != Optimal || s.Pivots() != before {
				t.Fatalf("seed %d: a loaded optimal basis is not optimal", seed)
			}
		}
	}
}

// The stored columns of the inverse, completed by the unit vectors that are
// left out, times the basis are the identity.
func TestInverse(t *testing.T) {
	for seed := range times(300) {
		r := rand.New(rand.NewPCG(uint64(seed), 10))
		model := randomModel(r)
		s := New(model)
		check := func(when string) {
			for i := range s.m {
				line := make([]float64, s.m)
				for t, k := range s.slotRow {
					line[k] = s.row(i)[t]
				}
				if h := int(s.head[i]); h >= s.n {
					line[h-s.n] = -1
				}
				norm := 0.0
				for _, v := range line {
					norm += v * v
				}
				if math.Abs(norm-s.norm[i]) > 1e-6*(1+norm) {
					t.Fatalf("seed %d, %s: norm of row %d is %v, stored %v", seed, when, i, norm, s.norm[i])
				}
				for p, h := range s.head {
					sum := 0.0
					if int(h) >= s.n {
						sum = -line[int(h)-s.n]
					} else {
						for k := s.start[h]; k < s.start[h+1]; k++ {
							sum += line[s.index[k]] * s.value[k]
						}
					}
					want := 0.0
					if p == i {
						want = 1
					}
					if math.Abs(sum-want) > 1e-7 {
						t.Fatalf("seed %d, %s: entry %d, %d of inverse × basis is %v", seed, when, i, p, sum)
					}
				}
			}
		}
		s.Solve(math.Inf(1), 1<<40)
		check("after pivots")
		s.refactor()
		check("after refactor")
	}
}

// Models on which a careless simplex method cycles or stalls: they must end,
// and rightly, within a number of pivots that is far below the guard.
func TestDegenerateModels(t *testing.T) {
	// Beale's example, boxed, with its rows given many times over.
	beale := func(copies int) Model {
		m := Model{
			Cost:  []float64{-0.75, 150, -0.02, 6},
			Lower: make([]float64, 4), Upper: []float64{10, 10, 10, 10},
			Start: []int32{0},
		}
		a := [][]float64{{0.25, -60, -0.04, 9}, {0.5, -90, -0.02, 3}, {0, 0, 1, 0}}
		for j := range 4 {
			for c := range copies {
				for k := range a {
					if a[k][j] != 0 {
						m.Index = append(m.Index, int32(c*3+k))
						m.Value = append(m.Value, a[k][j])
					}
				}
			}
			m.Start = append(m.Start, int32(len(m.Index)))
		}
		for range copies {
			m.RowLower = append(m.RowLower, -1e4, -1e4, -1e4)
			m.RowUpper = append(m.RowUpper, 0, 0, 1)
		}
		return m
	}
	// An assignment problem: each row and column of a square exactly once, all
	// costs alike or nearly so.
	assignment := func(n int, cost func(i, j int) float64) Model {
		m := Model{Start: []int32{0}}
		for i := range n {
			for j := range n {
				m.Cost = append(m.Cost, cost(i, j))
				m.Lower, m.Upper = append(m.Lower, 0), append(m.Upper, 1)
				m.Index = append(m.Index, int32(i), int32(n+j))
				m.Value = append(m.Value, 1, 1)
				m.Start = append(m.Start, int32(len(m.Index)))
			}
		}
		for range 2 * n {
			m.RowLower, m.RowUpper = append(m.RowLower, 1), append(m.RowUpper, 1)
		}
		return m
	}
	cases := map[string]Model{
		"Beale":               beale(1),
		"Beale, ten times":    beale(10),
		"assignment, all one": assignment(20, func(i, j int) float64 { return 1 }),
		"assignment, zero":    assignment(20, func(i, j int) float64 { return 0 }),
		"assignment, modular": assignment(20, func(i, j int) float64 { return float64((i * j) % 3) }),
	}
	for name, model := range cases {
		s := New(model)
		status := s.Solve(math.Inf(1), 1<<40)
		if status != Optimal {
			t.Errorf("%s: status %d after %d pivots", name, status, s.Pivots())
			continue
		}
		certify(t, 0, &model, s, status)
		if s.Pivots() > 2000 {
			t.Errorf("%s: %d pivots", name, s.Pivots())
		}
	}
}

// Costs that all tie, shifted while stalled and shifted back: the optimum is
// that of the costs as they are.
func TestPerturbationIsTakenBack(t *testing.T) {
	for seed := range times(200) {
		model := randomModel(rand.New(rand.NewPCG(uint64(seed), 11)))
		s := New(model)
		s.perturb()
		certify(t, seed, &model, s, s.Solve(math.Inf(1), 1<<40))
		if s.noise != nil {
			t.Fatalf("seed %d: costs are still shifted", seed)
		}
	}
}

func TestCutoffAndLimits(t *testing.T) {
	model := Model{
		Cost: []float64{-1, -2, -3}, Lower: []float64{0, 0, 0}, Upper: []float64{4, 4, 4},
		Start: []int32{0, 1, 2, 3}, Index: []int32{0, 0, 0}, Value: []float64{1, 1, 1},
		RowLower: []float64{0}, RowUpper: []float64{6},
	}
	s := New(model)
	if got := s.Solve(-17, 100); got != Cutoff || s.Objective() <= -17 {
		t.Errorf("the optimum is −16: status %d at %v for cut-off −17", got, s.Objective())
	}
	s = New(model)
	if got := s.Solve(-15, 100); got != Optimal || s.Objective() != -16 {
		t.Errorf("status %d at %v for cut-off −15", got, s.Objective())
	}
	s = New(model)
	if got := s.Solve(math.Inf(1), 0); got != Limit {
		t.Errorf("status %d with no pivots allowed", got)
	}
	asked := 0
	big := randomSquare(80)
	s = New(big)
	s.Interrupt = func() bool { asked++; return true }
	if got := s.Solve(math.Inf(1), 1<<40); got != Limit || asked != 1 || s.Pivots() > 200 {
		t.Errorf("status %d after %d pivots, asked %d times", got, s.Pivots(), asked)
	}
}

// randomSquare is a dense feasible model that takes some hundred pivots.
func randomSquare(n int) Model {
	r := rand.New(rand.NewPCG(1, 12))
	m := Model{Start: []int32{0}, RowLower: make([]float64, n), RowUpper: make([]float64, n)}
	for range 3 * n {
		x := r.Float64()
		m.Cost = append(m.Cost, r.Float64())
		m.Lower, m.Upper = append(m.Lower, 0), append(m.Upper, 1)
		for k := range n {
			if r.IntN(3) == 0 {
				v := r.Float64()
				m.Index, m.Value = append(m.Index, int32(k)), append(m.Value, v)
				m.RowLower[k] += v * x
				m.RowUpper[k] += v * x
			}
		}
		m.Start = append(m.Start, int32(len(m.Index)))
	}
	return m
}

func TestLongRunStaysAccurate(t *testing.T) {
	model := randomSquare(80)
	s := New(model)
	certify(t, 0, &model, s, s.Solve(math.Inf(1), 1<<40))
	if s.Pivots() < refactorEvery {
		t.Errorf("only %d pivots: the test wants a new factorization on the way", s.Pivots())
	}
}
