// Package certify writes the proofs of a record: for each thing that the record
// claims, the system that the claim says is empty (package verify defines it),
// and a tree of integer row multipliers that shows it to be empty.
//
// It searches by branch and bound on the linear programs of package lp. Floats
// propose; every leaf that it writes has passed the exact arithmetic by which a
// reader will check it. It looks at a record from outside, and shares no model
// with the engine that made it: that a claim comes out true here is a second
// opinion.
package certify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// Level is a level of the lottery as the engine found it, over the types of the
// record: no cohort has Σ Weight·blocks > Bound. One with Value 0 says who is
// impossible; its weights are not used.
type Level struct {
	Value  float64
	Types  []int
	Weight []int64 // by type
	Bound  int64
}

// Options of one Run.
type Options struct {
	// Nodes and Pivots limit the search for one proof, Total is the limit in pivots
	// for all of them; 0: the defaults. A claim that is not proved within them
	// stands without proof.
	Nodes         int
	Pivots, Total int64
	// Progress, if not nil, is told before each claim how many are done.
	Progress func(done, of int)
}

// Defaults of Options: seconds, not minutes.
const (
	defaultNodes  = 4_000
	defaultPivots = 60_000
	defaultTotal  = 600_000
	// mostNodes is how many nodes all proofs of a record have together: each is
	// about 200 bytes of it.
	mostNodes = 30_000
)

// Run fills in the claims of a record that is complete but for them and, where
// every level is proved, the gap of its lottery, which is what the proofs leave
// open. It leaves the digest to the caller. A context that ends leaves claims
// without proof. An error is a fault: a claim that the record makes is false.
func Run(ctx context.Context, r *matcher.Record, levels []Level, o Options) error {
	// What is certified is what a reader will read: in canonical order.
	plain := *r
	plain.Seal()
	read, err := matcher.ParseRecord(plain.AppendJSON(nil))
	if err != nil {
		return fmt.Errorf("certify: %w", err)
	}
	m, err := verify.NewModel(read)
	if err != nil {
		return fmt.Errorf("certify: %w", err)
	}
	o.Nodes, o.Pivots, o.Total = or(o.Nodes, defaultNodes), or(o.Pivots, defaultPivots), or(o.Total, defaultTotal)
	claims := m.Needed()
	for _, l := range levels {
		if l.Value == 0 {
			for _, t := range slices.Sorted(slices.Values(l.Types)) {
				claims = append(claims, matcher.Claim{Kind: matcher.ClaimImpossible, Number: t})
			}
		}
	}
	first := len(claims)
	if len(r.Lottery.Types) > 0 {
		claims = append(claims, levelClaims(m, r, levels)...)
	}
	left, nodes := o.Total, mostNodes
	for i := range claims {
		c := &claims[i]
		if o.Progress != nil {
			o.Progress(i, len(claims))
		}
		if c.Kind == matcher.ClaimLevel && len(c.Weights) == 0 {
			continue
		}
		s, err := m.System(c)
		if err != nil {
			return fmt.Errorf("certify: %s %d: %w", c.Kind, c.Number, err)
		}
		b := newSearch(ctx, s, min(o.Nodes, nodes), min(o.Pivots, left))
		if i >= first {
			b.tighten(c)
		}
		c.Proof, err = b.prove()
		left -= b.pivots()
		nodes -= len(c.Proof)
		if c.Kind == matcher.ClaimSeed && errors.Is(err, errFalse) {
			continue // two cohorts tie in the first 20 bits of their lots: what decided is beyond this claim
		}
		if err != nil {
			return fmt.Errorf("certify: %s %d with bound %d: %w", c.Kind, c.Number, c.Bound, err)
		}
	}
	if ctx.Err() != nil {
		r.Complete = false
	}
	r.Certificate.Claims, read.Certificate.Claims = claims, claims
	if len(r.Lottery.Types) > 0 {
		gap, whole, err := m.Gap()
		if err != nil {
			return fmt.Errorf("certify: %w", err)
		}
		if whole {
			r.Lottery.Gap = gap
		}
	}
	return nil
}

func or[N int | int64](v, otherwise N) N {
	if v == 0 {
		return otherwise
	}
	return v
}

const (
	// quad is the unit of a level's value.
	quad = 1e15
	// noise is how much, in these units, a level may lie below the one before it
	// by the rounding of floats: both are the same then.
	noise = 1e6
)

// levelClaims are the claims of the levels above 0. Weights that no proof needs
// are left out: those of later levels, and negative ones where there is no cap.
func levelClaims(m *verify.Model, r *matcher.Record, levels []Level) []matcher.Claim {
	ceiling := 1.0
	if p := r.Certificate.Input.MaxChance; p > 0 {
		ceiling = float64(p) / 1000
	}
	var out []matcher.Claim
	known := make([]bool, len(r.Lottery.Types))
	mine := make([]bool, len(r.Lottery.Types))
	for _, l := range levels {
		if len(out) > 0 && r.Lottery.Method == matcher.LotteryMaximin {
			break // what is above the smallest chance is not claimed
		}
		for _, t := range l.Types {
			mine[t] = true
		}
		if l.Value == 0 {
			for _, t := range l.Types {
				known[t] = true
			}
		} else {
			c := matcher.Claim{Kind: matcher.ClaimLevel, Number: len(out) + 1, Value: int64(math.Round(l.Value * quad))}
			if n := len(out); n > 0 && c.Value < out[n-1].Value && c.Value > out[n-1].Value-noise {
				c.Value = out[n-1].Value
			}
			c.Types = slices.Sorted(slices.Values(l.Types))
			if l.Value >= ceiling {
				c.Value = int64(math.Round(ceiling * quad))
			} else {
				c.Bound = l.Bound
				for t, w := range l.Weight {
					if w > 0 && (known[t] || mine[t] || m.Decided(t)) || w < 0 && (ceiling < 1 || m.Decided(t)) {
						c.Weights = append(c.Weights, matcher.Weight{Type: t, By: w})
					}
				}
			}
			out = append(out, c)
		}
		for _, t := range l.Types {
			known[t], mine[t] = true, false
		}
	}
	return out
}
