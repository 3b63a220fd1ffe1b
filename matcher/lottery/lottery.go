// Package lottery finds the fairest lottery over the integer points of a
// system of rows: the points are cohorts, the columns are types of people, and
// fair is leximin, which raises the smallest chance as far as the rows allow,
// then the next smallest, and so on.
//
//	p(t) = E[c(t)] / people(t)
//
// is the chance of one person of type t when a cohort c is drawn. The leximin
// chances are unique, the lottery that has them is not.
//
// How: the leximin of the linear relaxation is a small linear program for each
// level (relax.go). No lottery is better than it. So where its point is a
// mixture of cohorts, that mixture is a leximin lottery: cohorts are collected
// around the point (herd.go) and weighted so that their mean is the point
// (fit.go). Where it is no such mixture, levels are found one by one, with
// cohorts that an exact integer program adds as long as they help (levels.go).
//
// Floats find the lottery and prove nothing. Each level comes with weights in
// integers and a bound on the weighted sum over all cohorts that is proved in
// integers (proof.go), so that how far any chance is from its optimum is known
// whichever way it was found. docs/lottery.md states the mathematics.
package lottery

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Problem is a set of cohorts: the integer points of Rows, its cost ignored.
// The first columns, as many as there are People, are the types: column t says
// how many people of type t are in. Its box is 0…People[t], or one value where
// that is decided. The others are auxiliary and have no chance of their own.
type Problem struct {
	ilp.Problem
	// People is by type how many there are; all at least 1.
	People []int64
	// Deviations are auxiliary columns of which it is worth asking which values
	// they take in a cohort at all.
	Deviations []int32
	// Varieties are conditions on cohorts beside Rows.
	Varieties []Variety
}

// clone is a copy whose boxes, sides and rows can be changed.
func (p *Problem) clone() *Problem {
	q := *p
	q.Lower, q.Upper, q.Rows = slices.Clone(p.Lower), slices.Clone(p.Upper), slices.Clone(p.Rows)
	return &q
}

// Method is a norm of fairness.
type Method uint8

const (
	Leximin Method = iota // the smallest chance, then the next smallest, …
	Maximin               // the smallest chance only
)

func (m Method) String() string {
	if m == Maximin {
		return "maximin"
	}
	return "leximin"
}

// Options of one Solve. The zero value asks for leximin without limits.
type Options struct {
	Method Method
	// Cap, if not 0, is the largest chance that somebody may have whose box is
	// not one value: 0 < Cap ≤ 1.
	Cap float64
	// Work is the limit in simplex pivots; 0: none.
	Work int64
	// Seed moves the search to another of the lotteries that have the same
	// chances.
	Seed uint64
	// Progress, if not nil, is told now and then, on the calling goroutine.
	Progress func(Progress)

	route    route          // for tests
	sabotage func(*Problem) // for tests: narrows the model wrongly
}

// route leaves one way out, so that tests can compare them.
type route uint8

const (
	anyRoute route = iota
	relaxationOnly
	levelsOnly
)

// Progress is told while a Solve goes on.
type Progress struct {
	// Step is "relaxation", "collecting", "weighing", "narrowing", "level" or
	// "proving".
	Step string
	// Level counts from 1; 0 where the step has none.
	Level  int
	Pivots int64
	// Bound is proved: no lottery gives everybody who can be in a larger chance.
	Bound float64
}

// Status says what was proved.
type Status uint8

const (
	// Proved: every level is proved within Gap.
	Proved Status = iota
	// Bounded: the lottery is valid, and Bound limits its smallest chance; work
	// or time ran out before more was proved.
	Bounded
)

// Result is a lottery. Cohorts[j] has the chance Weights[j] > 0; the weights
// sum to 1 but for rounding.
type Result struct {
	Status Status
	// Route is how the lottery was found: "relaxation" or "levels".
	Route string
	// Cohorts are counts by type, without the auxiliary columns, in an order
	// that depends on nothing but the problem and the seed.
	Cohorts [][]int64
	Weights []float64
	// Chance is by type the chance of one person under the lottery.
	Chance []float64
	// Optimum is by type the proved leximin chance; NaN where nothing is proved
	// of a type. Chance differs from it by at most Error.
	Optimum []float64
	Error   float64
	// Levels are the distinct optimal chances, ascending, each with its proof.
	Levels []Level
	// Gap is the largest gap of a level: how much the level could be raised at
	// most, as far as its proof tells.
	Gap float64
	// Bound is proved: no lottery has a larger smallest chance, types that no
	// cohort holds left out.
	Bound float64
	// Impossible are the types that are proved to be in no cohort or, right at the
	// edge of what the cap allows, to have no chance in any lottery that keeps it.
	Impossible []int
	// Narrowings are bounds that were proved on the way.
	Narrowings []Narrowing
	Canceled   bool
	Pivots     int64
}

// Level is one level of a leximin lottery: the types that cannot have more than
// Value without somebody below, or at the level, having less.
type Level struct {
	Value float64
	Types []int
	Proof Proof
}

// Errors of Solve beside those of a malformed problem.
var (
	// ErrInfeasible: there is no cohort, or none that Cap allows. Proved.
	ErrInfeasible = errors.New("lottery: no cohort keeps every row")
	// ErrCap: no lottery keeps every chance within Cap. Proved (cap.go).
	ErrCap = errors.New("lottery: no lottery keeps every chance within the cap")
	// ErrUndecided: work or time ran out before any lottery was found.
	ErrUndecided = errors.New("lottery: work or time ran out before a cohort was found")
)

// Accuracy that a lottery has, or it is not returned as Proved.
const (
	// errorLimit is the largest |Chance − Optimum|.
	errorLimit = 1e-7
	// gapLimit is the largest gap of a level's proof.
	gapLimit = 1e-7
	// roundingLimit is what rounding may explain: a complete lottery beyond the
	// limits above, but within this one, is returned as Bounded. More than this is
	// a fault of the engine, and nothing is returned.
	roundingLimit = 1e-5
)

// Solve finds a lottery. A context that ends, or work that runs out, gives the
// best lottery so far with Status Bounded and no error.
func Solve(ctx context.Context, p *Problem, o Options) (*Result, error) {
	if err := check(p, o); err != nil {
		return nil, err
	}
	e := newEngine(ctx, p, o)
	r, err := e.solve()
	if r != nil {
		r.Pivots, r.Canceled = e.pivots, e.canceled
		r.Narrowings = e.narrowings
	}
	return r, err
}

func check(p *Problem, o Options) error {
	n, T := len(p.Lower), len(p.People)
	if len(p.Upper) != n || T > n || T == 0 {
		return fmt.Errorf("lottery: %d lower and %d upper bounds for %d types", n, len(p.Upper), T)
	}
	for t, m := range p.People {
		if m < 1 || p.Lower[t] < 0 || p.Upper[t] > m {
			return fmt.Errorf("lottery: type %d: %d people, bounds %d to %d", t, m, p.Lower[t], p.Upper[t])
		}
		if p.Lower[t] < p.Upper[t] && (p.Lower[t] != 0 || p.Upper[t] != m) {
			return fmt.Errorf("lottery: type %d: the bounds must be 0 and %d, or one value", t, m)
		}
	}
	if math.IsNaN(o.Cap) || o.Cap < 0 || o.Cap > 1 {
		return fmt.Errorf("lottery: the cap %v is no chance", o.Cap)
	}
	for i, v := range p.Varieties {
		if int(v.Short) >= n || v.Short >= 0 && int(v.Short) < T {
			return fmt.Errorf("lottery: variety %d: column %d is not auxiliary", i, v.Short)
		}
		for _, set := range v.Sets {
			if !slices.IsSorted(set) || len(set) > 0 && (set[0] < 0 || int(set[len(set)-1]) >= T) {
				return fmt.Errorf("lottery: variety %d: a set is not a sorted list of types", i)
			}
		}
	}
	return nil
}

// decided says whether the box of a type is one value.
func (p *Problem) decided(t int) bool { return p.Lower[t] == p.Upper[t] }

// cohort is a point, as the types that are in.
type cohort struct {
	types  []int32
	counts []int64
	rest   []int64 // the auxiliary columns; nil where they are not known
}

// newCohort is the cohort of a point, or of its first columns.
func newCohort(x []int64, types int) cohort {
	var c cohort
	for t, v := range x[:types] {
		if v != 0 {
			c.types, c.counts = append(c.types, int32(t)), append(c.counts, v)
		}
	}
	if len(x) > types {
		c.rest = slices.Clone(x[types:])
	}
	return c
}

func (c cohort) equal(d cohort) bool {
	return slices.Equal(c.types, d.types) && slices.Equal(c.counts, d.counts)
}

// pool is a list of different cohorts, in the order in which they were found.
type pool struct {
	list []cohort
	at   map[uint64][]int32 // by hash
}

// add returns whether the cohort is new.
func (l *pool) add(c cohort) bool {
	h := uint64(14695981039346656037)
	for k, t := range c.types {
		h = (h ^ uint64(t)<<20 ^ uint64(c.counts[k])) * 1099511628211
	}
	if l.at == nil {
		l.at = map[uint64][]int32{}
	}
	for _, i := range l.at[h] {
		if l.list[i].equal(c) {
			return false
		}
	}
	l.at[h] = append(l.at[h], int32(len(l.list)))
	l.list = append(l.list, c)
	return true
}
