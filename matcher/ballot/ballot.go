// Package ballot takes a selection by lottery from the pool to the record, in
// two steps with the public in between: Seal finds the lottery and writes its
// ticket book down, Draw takes a ticket with a seed that nobody knew before.
//
// Both are pure: the same input gives the same record, the same record and
// seed the same cohort.
package ballot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/lottery"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Options of one Seal. The zero value asks for leximin without a cap on the
// largest chance and without limits.
type Options struct {
	// Options are those of the stages. Work is the limit for stages and lottery
	// together; proofs for the certificate have limits of their own.
	selection.Options
	// Method is matcher.LotteryLeximin (also ""), LotteryMaximin or LotteryNone.
	Method string
	// MaxChance, if not 0, is the largest chance that somebody who is not included by
	// name may have, in thousandths: 1 to 1000.
	MaxChance int
	// Seed breaks ties with LotteryNone. With a lottery nothing depends on it.
	Seed string
	// Explain asks for the reason of each exclusion.
	Explain bool
	// Watch, if not nil, is told of the search for the lottery, after the stages.
	Watch func(lottery.Progress)
	// Certifying, if not nil, is told before each proof how many are done.
	Certifying func(done, of int)
	// Engine names the program in the record.
	Engine string
}

// MaxPermille is the largest value of Options.MaxChance.
const MaxPermille = 1000

// Seal selects by lottery as far as that goes without a seed. The record has
// the ticket book and names nobody: Draw makes the cohort. Where there is no
// lottery the record is final: with LotteryNone, where no cohort is possible,
// and where work or time ran out before one was found (FEASIBLE with the best
// cohort so far, or UNDECIDED).
//
// The lottery that comes with it is nil with LotteryNone. Errors are those of
// selection.Select and selection.FindLottery.
func Seal(ctx context.Context, people []matcher.Person, c matcher.Criteria, o Options) (*matcher.Record, *selection.Lottery, error) {
	method, found, err := lotteryOptions(o)
	if err != nil {
		return nil, nil, err
	}
	r := &matcher.Record{Engine: o.Engine, Lottery: matcher.Lottery{Method: method}}
	input := &matcher.Input{People: people, Criteria: c}
	var l *selection.Lottery
	if method == matcher.LotteryNone {
		input.Seed = o.Seed
		outcome, err := selection.Select(ctx, people, c, o.Seed, o.Options)
		if err != nil {
			return nil, nil, err
		}
		r.Outcome = *outcome
	} else {
		input.MaxChance = o.MaxChance
		if l, err = selection.FindLottery(ctx, people, c, found); err != nil {
			return nil, nil, inPermille(err, o.MaxChance)
		}
		r.Outcome = *l.Outcome
		if len(l.Draws) > 0 {
			if err := fill(&r.Lottery, l); err != nil {
				return nil, nil, err
			}
		}
	}
	r.InputDigest = input.Digest()
	r.Certificate = &matcher.Certificate{Version: matcher.CertificateVersion, Input: input}
	if err := certified(ctx, r, l, o.Certifying); err != nil {
		return nil, nil, err
	}
	r.Seal()
	return r, l, nil
}

func lotteryOptions(o Options) (string, selection.LotteryOptions, error) {
	out := selection.LotteryOptions{Options: o.Options, Explain: o.Explain, Watch: o.Watch}
	if o.MaxChance < 0 || o.MaxChance > MaxPermille {
		return "", out, selection.InputErrors{{Field: "max_chance", Message: fmt.Sprintf("is %d: it must be from 1 to %d thousandths", o.MaxChance, MaxPermille)}}
	}
	out.Cap = float64(o.MaxChance) / MaxPermille
	switch o.Method {
	case "", matcher.LotteryLeximin:
		return matcher.LotteryLeximin, out, nil
	case matcher.LotteryMaximin:
		out.Method = lottery.Maximin
		return o.Method, out, nil
	case matcher.LotteryNone:
		if o.MaxChance > 0 {
			return "", out, selection.InputErrors{{Field: "max_chance", Message: "belongs to a lottery, and none is asked for"}}
		}
		return o.Method, out, nil
	}
	return "", out, selection.InputErrors{{Field: "lottery", Message: fmt.Sprintf("%q: the methods are %s, %s, %s", o.Method, matcher.LotteryLeximin, matcher.LotteryMaximin, matcher.LotteryNone)}}
}

// inPermille tells of a cap that no lottery keeps in the unit of MaxChance.
func inPermille(err error, most int) error {
	var input *selection.InputError
	if most > 0 && errors.As(err, &input) && input.Field == "cap" {
		return selection.InputErrors{{Field: "max_chance", Message: fmt.Sprintf("is %d, and no lottery over the cohorts that are equally good keeps every chance within %d in 1000 and leaves one to everybody who could be in: raise it, or leave it out", most, most)}}
	}
	return err
}

// billionths is the nearest multiple of 1e-9 of a chance.
func billionths(p float64) int64 { return int64(math.Round(p * matcher.Billion)) }

// fill writes a lottery as types, tickets and chances.
func fill(out *matcher.Lottery, l *selection.Lottery) error {
	n := len(l.Types)
	blocks := make([]int64, n) // by type
	each := make([]int64, n)   // people of a block, by type
	impossible := make(map[string]bool, len(l.Impossible))
	for _, id := range l.Impossible {
		impossible[id] = true
	}
	found := &lottery.Result{Chance: make([]float64, n), Optimum: make([]float64, n)}
	out.Optimum = map[string]int64{}
	smallest, largest := int64(matcher.Billion), int64(0)
	for t, ty := range l.Types {
		blocks[t], each[t] = int64(len(ty.Blocks)), int64(len(ty.Blocks[0]))
		ids := slices.Concat(ty.Blocks...)
		slices.Sort(ids)
		if t > 0 && ids[0] <= out.Types[t-1][0] {
			return errors.New("ballot: the types are out of order")
		}
		out.Types = append(out.Types, ids)
		found.Chance[t], found.Optimum[t] = ty.Chance, ty.Optimum
		want := ty.Optimum
		if math.IsNaN(want) {
			want = ty.Chance
		}
		p := min(max(billionths(want), 0), matcher.Billion)
		for _, id := range ids {
			out.Optimum[id] = p
		}
		if impossible[ids[0]] {
			out.Impossible += len(ids)
			continue
		}
		smallest, largest = min(smallest, p), max(largest, p)
	}
	if out.Impossible == len(out.Optimum) { // nobody can be in: the size is 0
		smallest = 0
	}
	out.Smallest, out.Largest = smallest, largest
	out.Gap = billionths(l.Gap)
	if !l.Proved { // a bound is never told too small
		out.Gap = max(0, int64(math.Ceil(l.Bound*matcher.Billion))-smallest)
	}

	draws := slices.Clone(l.Draws)
	slices.SortFunc(draws, func(a, b selection.Draw) int { return slices.Compare(b.Counts, a.Counts) })
	for _, d := range draws {
		found.Cohorts, found.Weights = append(found.Cohorts, d.Counts), append(found.Weights, d.Chance)
	}
	book := lottery.NewBook(found, blocks)
	out.Chances = make([]int64, n)
	for j, counts := range book.Cohorts {
		line := matcher.BookLine{Tickets: book.Count[j]}
		for t, k := range counts {
			if k > 0 {
				seats := k * each[t]
				line.Counts = append(line.Counts, matcher.TypeCount{Type: t, Count: seats})
				out.Chances[t] += book.Count[j] * seats
			}
		}
		if j > 0 && matcher.CompareBookLines(out.Book[j-1], line) >= 0 {
			return errors.New("ballot: the book has a cohort twice")
		}
		out.Book = append(out.Book, line)
	}
	for t, ids := range out.Types {
		if out.Chances[t] == matcher.Tickets*int64(len(ids)) {
			out.Certain += len(ids)
		}
	}
	return nil
}
