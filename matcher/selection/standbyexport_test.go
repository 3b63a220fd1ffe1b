package selection

import (
	"context"
	"math/rand/v2"
)

// PickAlternates chooses alternates without trying all lists. If sample is not 0
// it looks at so many sets of decliners drawn at random instead of all of them,
// as a choice by sampling does; the expectation it tells is over all of them.
func PickAlternates(s Selected, count, sample int, seed uint64) (*Standby, error) {
	st, err := s.stand()
	if err != nil {
		return nil, err
	}
	p := newPicker(context.Background(), st)
	p.mostTried = 0
	out := &Standby{}
	all, of := p.cases, p.of
	if sample > 0 {
		rng := rand.New(rand.NewPCG(seed, 300))
		total := int64(0)
		for _, c := range all {
			total += c.weight
		}
		p.cases, p.of = nil, int64(sample)
		for range sample {
			at := rng.Int64N(total)
			for _, c := range all {
				if at -= c.weight; at < 0 {
					p.cases = append(p.cases, declining{out: c.out, weight: 1})
					break
				}
			}
		}
	}
	p.pick(count, out)
	p.cases, p.of = all, of
	var chosen []int
	for _, a := range out.Alternates {
		for c, ids := range p.candidates {
			if ids[0] == a.ID {
				chosen = append(chosen, c)
			}
		}
	}
	if n := len(out.Alternates); n > 0 {
		out.Alternates[n-1].Expected = p.shortfall(p.sum(p.fill(chosen)))
	}
	return out, nil
}
