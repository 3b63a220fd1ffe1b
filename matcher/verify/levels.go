package verify

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/openfairlead/fairlead/matcher"
)

// claims runs the checks 18 to 24: which claims there are, and whether their
// proofs hold.
func (a *audit) claims() {
	needed := a.model.Needed()
	claims := a.r.Certificate.Claims
	err := a.listed(needed, claims)
	if !a.is("18", err) {
		for n := 19; n <= 24; n++ {
			a.note(fmt.Sprint(n), NotRun, "the claims do not hold")
		}
		return
	}
	numberOf := map[string]string{
		matcher.ClaimConditions: "19", matcher.ClaimInfeasible: "19", matcher.ClaimConflict: "19", matcher.ClaimLeast: "19", matcher.ClaimSize: "19",
		matcher.ClaimDeviation: "20", matcher.ClaimScore: "21", matcher.ClaimSeed: "22", matcher.ClaimImpossible: "23",
	}
	for _, number := range []string{"19", "20", "21", "22", "23"} {
		var found, open int
		var err error
		for i := range claims {
			if numberOf[claims[i].Kind] != number {
				continue
			}
			found++
			if len(claims[i].Proof) == 0 {
				open++
			} else if bad := a.prove(&claims[i]); bad != nil && err == nil {
				err = fmt.Errorf("claims[%d]: %w", i, bad)
			}
		}
		switch {
		case err != nil:
			a.is(number, err)
		case open > 0:
			a.note(number, NotCertified, fmt.Sprintf("%d of %d claims come without proof", open, found))
		case found == 0:
			a.note(number, NoMatter, "nothing of the kind is claimed")
		default:
			a.is(number, nil)
		}
	}
	a.levels()
}

func (a *audit) prove(c *matcher.Claim) error {
	s, err := a.model.System(c)
	if err != nil {
		return err
	}
	return s.check(c.Proof, &a.left)
}

// listed checks that the claims are those needed, and after them those about
// types: IMPOSSIBLE by ascending type, LEVEL counting from 1.
func (a *audit) listed(needed, claims []matcher.Claim) error {
	if len(claims) < len(needed) {
		return errors.New("there are fewer than the record makes")
	}
	for i, want := range needed {
		if c := claims[i]; c.Kind != want.Kind || c.Number != want.Number || c.Bound != want.Bound {
			return fmt.Errorf("claims[%d] is %s %d with bound %d, and the record claims %s %d with bound %d", i, c.Kind, c.Number, c.Bound, want.Kind, want.Number, want.Bound)
		}
	}
	last, level := -1, 0
	for i := range claims {
		c := &claims[i]
		if c.Kind != matcher.ClaimLevel && (c.Value != 0 || len(c.Types)+len(c.Weights) > 0) {
			return fmt.Errorf("claims[%d] has what only a level has", i)
		}
		if i < len(needed) {
			continue
		}
		switch {
		case len(a.r.Lottery.Types) == 0:
			return fmt.Errorf("claims[%d] is about types, and there are none", i)
		case c.Kind == matcher.ClaimImpossible && level == 0 && c.Number > last && c.Number < len(a.r.Lottery.Types) && c.Bound == 0:
			last = c.Number
		case c.Kind == matcher.ClaimLevel && c.Number == level+1:
			level++
		default:
			return fmt.Errorf("claims[%d]: %s %d is out of place", i, c.Kind, c.Number)
		}
	}
	return nil
}

// levels checks the levels of the lottery, 24. With levels 1…k whose types are
// T(1)…T(k) with values v(1) ≤ … ≤ v(k), and a claim for each that no allowed
// cohort c has Σ W·c > V, where W is positive on T(l), 0 or less on the types of
// later levels, and anything on those of earlier ones: every lottery has
// Σ W·m·p ≤ V. With p ≥ v on the types of earlier levels and p > v(l) + gap on all of
// T(l), the left side would exceed V for
//
//	gap = (V − Σ W·m·v) / Σ over T(l) of W·m,
//
// where a negative weight counts with the largest chance that is allowed. So no
// lottery keeps the lower levels and gives everybody of this one more than its value plus gap.
// docs/record.md says why all levels together make a leximin lottery.
func (a *audit) levels() {
	l := &a.r.Lottery
	const number = "24"
	if len(l.Types) == 0 {
		a.note(number, NoMatter, "there is no lottery")
		return
	}
	var list []*matcher.Claim
	open := 0
	for i := range a.r.Certificate.Claims {
		if c := &a.r.Certificate.Claims[i]; c.Kind == matcher.ClaimLevel {
			list = append(list, c)
			if len(c.Proof) == 0 && len(c.Weights) > 0 {
				open++
			}
		}
	}
	worst, whole, err := a.model.order(list)
	for i := 0; err == nil && i < len(list); i++ {
		if c := list[i]; len(c.Proof) > 0 {
			if bad := a.prove(c); bad != nil {
				err = fmt.Errorf("level %d: %w", i+1, bad)
			}
		}
	}
	switch {
	case err != nil:
		a.is(number, err)
	case !whole:
		a.note(number, NotCertified, "not every level is there: the record says that the lottery is not proved to be the fairest, by its gap")
		if l.Gap <= accuracy {
			a.list[len(a.list)-1] = Check{number, titles[number], NotCertified, "the gap is small, but not every level is there"}
		}
	case l.Gap != worst:
		a.is(number, fmt.Errorf("the largest gap is %d billionths, not %d", worst, l.Gap))
	case open > 0:
		a.note(number, NotCertified, fmt.Sprintf("%d of %d levels come without proof", open, len(list)))
	case worst > accuracy:
		a.note(number, NotCertified, fmt.Sprintf("a level could be raised by %d billionths", worst))
	default:
		a.is(number, nil)
	}
}

// order checks the levels' types, values and weights against the optimum. It
// returns the largest gap, in billionths, and whether the levels are all that
// the method asks for.
func (m *Model) order(list []*matcher.Claim) (worst int64, whole bool, err error) {
	l := &m.record.Lottery
	level := make([]int, len(l.Types)) // by type, from 1; −1: decided or impossible
	value := make([]int64, len(l.Types))
	open := 0
	impossible := map[int]bool{}
	for i := range m.record.Certificate.Claims {
		if c := &m.record.Certificate.Claims[i]; c.Kind == matcher.ClaimImpossible {
			impossible[c.Number] = true
		}
	}
	for t := range l.Types {
		switch {
		case m.base.Lower[t] == m.base.Upper[t]:
			level[t], value[t] = -1, quad
		case impossible[t]:
			level[t] = -1
		default:
			open++
		}
	}
	last := int64(0)
	for k, c := range list {
		if c.Value < last || c.Value > m.ceiling() || c.Value == 0 {
			return 0, false, fmt.Errorf("level %d: its value is out of order", k+1)
		}
		last = c.Value
		if len(c.Types) == 0 {
			return 0, false, fmt.Errorf("level %d: it has no types", k+1)
		}
		for _, t := range c.Types {
			if t >= len(l.Types) || level[t] != 0 {
				return 0, false, fmt.Errorf("level %d: t%d is of another one, decided or impossible", k+1, t+1)
			}
			level[t], value[t] = k+1, c.Value
			open--
			if off := c.Value - l.Optimum[l.Types[t][0]]*perBillionth; off > perBillionth/2+1 || -off > perBillionth/2+1 {
				return 0, false, fmt.Errorf("level %d: its value is not the optimum of t%d", k+1, t+1)
			}
		}
		gap, err := m.gap(c, k+1, level, value)
		if err != nil {
			return 0, false, fmt.Errorf("level %d: %w", k+1, err)
		}
		worst = max(worst, gap)
	}
	for t, at := range level {
		// Nobody who is left may have less than the levels say, but for accuracy.
		if at == 0 && l.Optimum[l.Types[t][0]]*perBillionth < last-accuracy*perBillionth {
			return 0, false, fmt.Errorf("t%d is below the last level and of none", t+1)
		}
		if at == -1 && value[t] > 0 && l.Optimum[l.Types[t][0]] != matcher.Billion {
			return 0, false, fmt.Errorf("t%d is in by name, and its optimum is not 1", t+1)
		}
	}
	if m.record.Lottery.Method == matcher.LotteryMaximin {
		if len(list) > 1 {
			return 0, false, errors.New("a maximin lottery has one level")
		}
		return worst, len(list) == 1 || open == 0, nil
	}
	return worst, open == 0, nil
}

// ceiling is the largest chance that somebody who is not decided may have.
func (m *Model) ceiling() int64 {
	if p := m.record.Certificate.Input.MaxChance; p > 0 {
		return int64(p) * (quad / 1000)
	}
	return quad
}

// gap is the gap of a level, in billionths, rounded to the nearest.
func (m *Model) gap(c *matcher.Claim, number int, level []int, value []int64) (int64, error) {
	if len(c.Weights) == 0 {
		if c.Value != m.ceiling() || c.Bound != 0 || len(c.Proof) > 0 {
			return 0, errors.New("it needs weights")
		}
		return 0, nil
	}
	mean, mass := new(big.Int), new(big.Int)
	slack := new(big.Int) // Σ |weight| × blocks
	mine := 0
	for _, w := range c.Weights {
		if w.Type >= len(m.types) {
			return 0, fmt.Errorf("there is no type t%d", w.Type+1)
		}
		blocks := int64(len(m.types[w.Type]))
		slack.Add(slack, new(big.Int).Abs(product(w.By, blocks, 1)))
		decided := level[w.Type] == -1
		switch {
		case decided:
			mean.Add(mean, product(w.By, blocks, value[w.Type]))
		case w.By < 0:
			mean.Add(mean, product(w.By, blocks, m.ceiling()))
		case level[w.Type] == number:
			mean.Add(mean, product(w.By, blocks, c.Value))
			mass.Add(mass, product(w.By, blocks, 1))
			mine++
		case level[w.Type] != 0:
			mean.Add(mean, product(w.By, blocks, value[w.Type]))
		default:
			return 0, fmt.Errorf("t%d is of a later level and has a positive weight", w.Type+1)
		}
	}
	if mine != len(c.Types) {
		return 0, errors.New("a type of it has no positive weight")
	}
	// (V·quad − mean) / mass in units of a billionth, to the nearest.
	off := product(c.Bound, quad, 1)
	off.Sub(off, mean)
	if off.Sign() < 0 {
		// A lottery has these values but for its accuracy, so their mean is above
		// what the proof allows by no more than that.
		if off.Neg(off).Cmp(slack.Mul(slack, big.NewInt((accuracy+1)*perBillionth))) > 0 {
			return 0, errors.New("its value is more than its proof allows")
		}
		return 0, nil
	}
	unit := mass.Mul(mass, big.NewInt(perBillionth))
	off.Add(off, new(big.Int).Rsh(unit, 1)).Quo(off, unit)
	if !off.IsInt64() {
		return 0, errors.New("its gap is too large to say")
	}
	return off.Int64(), nil
}

// Gap is the largest gap of a record's levels, in billionths, and whether they
// are all that its method asks for.
func (m *Model) Gap() (int64, bool, error) {
	var list []*matcher.Claim
	for i := range m.record.Certificate.Claims {
		if c := &m.record.Certificate.Claims[i]; c.Kind == matcher.ClaimLevel {
			list = append(list, c)
		}
	}
	return m.order(list)
}
