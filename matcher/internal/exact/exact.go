// Package exact is an oracle for tests: leximin over a list of all cohorts, by
// linear programs in exact rationals. It shares nothing with the engine, and
// takes no route but the definition: level by level, types held where the dual
// is positive.
package exact

import "math/big"

// Leximin is by type the leximin chance over these cohorts (counts by type).
func Leximin(cohorts [][]int64, people []int64) []*big.Rat {
	return Capped(cohorts, people, nil)
}

// Capped is Leximin with no chance above its cap, by type; a nil entry is no
// cap. It is nil if no lottery keeps the caps.
func Capped(cohorts [][]int64, people []int64, caps []*big.Rat) []*big.Rat {
	T := len(people)
	level := make([]*big.Rat, T)
	for {
		open := 0
		for _, l := range level {
			if l == nil {
				open++
			}
		}
		if open == 0 {
			return level
		}
		z, held := exactLevel(cohorts, people, level, caps)
		if z == nil {
			return nil
		}
		for _, t := range held {
			level[t] = z
		}
	}
}

// exactLevel maximizes z with λ·c(t) − m(t)·z ≥ 0 for open types and
// λ·c(t) ≥ m(t)·level(t) for the others, Σλ = 1, by the revised simplex method
// with Bland's rule, in standard form with surplus columns and one artificial
// column for each row.
//
// With caps there is a row λ·c(t) + slack = m(t)·cap(t) for each of them.
func exactLevel(cohorts [][]int64, people []int64, level, caps []*big.Rat) (*big.Rat, []int) {
	T, N := len(people), len(cohorts)
	var capped []int
	for t, c := range caps {
		if c != nil {
			capped = append(capped, t)
		}
	}
	K := len(capped)
	m := T + 1 + K
	// Columns: 0…N−1 cohorts, N is z, N+1…N+T surpluses, K slacks of caps, then m
	// artificial ones.
	real := N + 1 + T + K
	cols := real + m
	zero, one := new(big.Rat), big.NewRat(1, 1)
	entry := func(j int) []*big.Rat {
		c := make([]*big.Rat, m)
		for i := range c {
			c[i] = zero
		}
		switch {
		case j < N:
			for t, v := range cohorts[j] {
				c[t] = new(big.Rat).SetInt64(v)
			}
			c[T] = one
			for k, t := range capped {
				c[T+1+k] = new(big.Rat).SetInt64(cohorts[j][t])
			}
		case j == N:
			for t := range T {
				if level[t] == nil {
					c[t] = new(big.Rat).SetInt64(-people[t])
				}
			}
		case j <= N+T:
			c[j-N-1] = big.NewRat(-1, 1)
		case j < real:
			c[T+1+j-N-1-T] = one
		default:
			c[j-real] = one
		}
		return c
	}
	column := make([][]*big.Rat, cols)
	for j := range column {
		column[j] = entry(j)
	}
	b := make([]*big.Rat, m)
	for t := range T {
		b[t] = new(big.Rat)
		if level[t] != nil {
			b[t].Mul(level[t], new(big.Rat).SetInt64(people[t]))
		}
	}
	b[T] = one
	for k, t := range capped {
		b[T+1+k] = new(big.Rat).Mul(caps[t], new(big.Rat).SetInt64(people[t]))
	}
	basis := make([]int, m)
	in := make([]bool, cols)
	inv := make([][]*big.Rat, m)
	for i := range inv {
		basis[i] = real + i
		in[basis[i]] = true
		inv[i] = make([]*big.Rat, m)
		for k := range inv[i] {
			inv[i][k] = new(big.Rat)
		}
		inv[i][i].SetInt64(1)
	}
	x := make([]*big.Rat, m)
	for i := range x {
		x[i] = new(big.Rat).Set(b[i])
	}
	simplex := func(cost func(j int) int64, allowed int) []*big.Rat {
		for {
			y := make([]*big.Rat, m)
			for k := range y {
				y[k] = new(big.Rat)
				for i := range basis {
					if c := cost(basis[i]); c != 0 && inv[i][k].Sign() != 0 {
						y[k].Add(y[k], new(big.Rat).Mul(big.NewRat(c, 1), inv[i][k]))
					}
				}
			}
			q := -1
			for j := range allowed {
				if in[j] {
					continue
				}
				d := big.NewRat(cost(j), 1)
				for k, v := range column[j] {
					if v.Sign() != 0 && y[k].Sign() != 0 {
						d.Sub(d, new(big.Rat).Mul(y[k], v))
					}
				}
				if d.Sign() < 0 {
					q = j
					break
				}
			}
			if q < 0 {
				return y
			}
			a := make([]*big.Rat, m)
			r := -1
			var best *big.Rat
			for i := range a {
				a[i] = new(big.Rat)
				for k, v := range column[q] {
					if v.Sign() != 0 && inv[i][k].Sign() != 0 {
						a[i].Add(a[i], new(big.Rat).Mul(inv[i][k], v))
					}
				}
				if a[i].Sign() > 0 {
					t := new(big.Rat).Quo(x[i], a[i])
					if r < 0 || t.Cmp(best) < 0 || t.Cmp(best) == 0 && basis[i] < basis[r] {
						r, best = i, t
					}
				}
			}
			if r < 0 {
				panic("unbounded")
			}
			for i := range a {
				if i == r || a[i].Sign() == 0 {
					continue
				}
				f := new(big.Rat).Quo(a[i], a[r])
				for k := range inv[i] {
					if inv[r][k].Sign() != 0 {
						inv[i][k].Sub(inv[i][k], new(big.Rat).Mul(f, inv[r][k]))
					}
				}
				x[i].Sub(x[i], new(big.Rat).Mul(best, a[i]))
			}
			for k := range inv[r] {
				inv[r][k].Quo(inv[r][k], a[r])
			}
			x[r] = best
			in[basis[r]], in[q] = false, true
			basis[r] = q
		}
	}
	simplex(func(j int) int64 {
		if j >= real {
			return 1
		}
		return 0
	}, cols)
	for i, j := range basis {
		if j >= real && x[i].Sign() != 0 {
			if caps == nil {
				panic("no lottery keeps the levels that were found")
			}
			return nil, nil
		}
	}
	// An artificial column that is still basic stays at 0 because the rows of
	// surplus and cohorts span it; costs of 2^40 keep it there.
	y := simplex(func(j int) int64 {
		switch {
		case j == N:
			return -1
		case j >= real:
			return 1 << 40
		}
		return 0
	}, real)
	z := new(big.Rat)
	for i, j := range basis {
		if j == N {
			z.Set(x[i])
		}
	}
	var held []int
	for t := range T {
		if level[t] == nil && y[t].Sign() > 0 {
			held = append(held, t)
		}
	}
	return z, held
}
