package pairing

import (
	"context"
	"fmt"
	"math/bits"
)

// MaxHardRules is how many hard rules can be told apart.
const MaxHardRules = 64

// HardRules are the rules that decide who is eligible for whom, so that it can
// be said what each of them takes.
type HardRules struct {
	Names []string // at most MaxHardRules
	Rows  RuleRows
}

// RuleRows tells which rules keep a pair from being eligible. Blocked writes for
// mentee j and every mentor, both as they are listed in the problem, a set of
// rules: bit k is Names[k]. A pair that no rule blocks may still be not eligible,
// for a reason that is none of the rules.
type RuleRows interface {
	Blocked(j int, into []uint64)
}

func (h HardRules) check() error {
	if len(h.Names) > MaxHardRules {
		return fmt.Errorf("%d hard rules: at most %d can be told apart", len(h.Names), MaxHardRules)
	}
	return nil
}

// Few is how many mentors somebody should be able to choose from: fewer are
// counted as few by RulePrices.
const Few = 3

// Left counts the mentees whom rules leave with hardly a choice, of those who
// want a mentor. Mentors without a seat do not count.
type Left struct {
	WithNone int // with no mentor at all
	WithFew  int // with fewer than Few mentors, those with none included
}

// RulePrice is what one hard rule takes from the mentees.
type RulePrice struct {
	Rule    string
	Alone   Left // if no other rule held
	Without Left // if every other rule held, and this one did not
	// Pairs is how many pairs this rule blocks and no other one does.
	Pairs int64
}

// RulePrices is what hard rules take together, and each of them.
type RulePrices struct {
	Mentees int   // who want a mentor
	Mentors int   // who have a seat
	All     Left  // with every rule
	None    Left  // with no rule: the scores of the problem are not asked
	Pairs   int64 // that no rule blocks
	Rules   []RulePrice
}

// PriceRules says before rules are saved how many mentees they leave with no
// mentor, or with few. It asks neither for scores nor for a matching: the
// Scores of the problem may be nil.
func PriceRules(ctx context.Context, p *Problem, h HardRules) (*RulePrices, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	prices := &RulePrices{Rules: make([]RulePrice, len(h.Names))}
	for k, name := range h.Names {
		prices.Rules[k].Rule = name
	}
	var withSeat []int
	for i, mentor := range p.Mentors {
		if mentor.Seats > 0 {
			withSeat = append(withSeat, i)
		}
	}
	prices.Mentors = len(withSeat)
	masks := make([]uint64, len(p.Mentors))
	for j, mentee := range p.Mentees {
		if mentee.Demand == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h.Rows.Blocked(j, masks)
		prices.add(mentee.ID, p, masks, withSeat)
	}
	return prices, nil
}

// add counts one mentee.
func (r *RulePrices) add(id string, p *Problem, masks []uint64, withSeat []int) {
	every, open := 0, 0
	var blocked, only [MaxHardRules]int // mentors whom rule k blocks; whom no other one does
	for _, i := range withSeat {
		if p.Mentors[i].ID == id {
			continue
		}
		every++
		mask := masks[i]
		if mask == 0 {
			open++
			continue
		}
		if mask&(mask-1) == 0 {
			only[bits.TrailingZeros64(mask)]++
		}
		for ; mask != 0; mask &= mask - 1 {
			blocked[bits.TrailingZeros64(mask)]++
		}
	}
	r.Mentees++
	r.Pairs += int64(open)
	r.All.count(open)
	r.None.count(every)
	for k := range r.Rules {
		r.Rules[k].Alone.count(every - blocked[k])
		r.Rules[k].Without.count(open + only[k])
		r.Rules[k].Pairs += int64(only[k])
	}
}

func (l *Left) count(mentors int) {
	if mentors == 0 {
		l.WithNone++
	}
	if mentors < Few {
		l.WithFew++
	}
}
