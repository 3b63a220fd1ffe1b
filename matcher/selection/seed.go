package selection

import (
	"crypto/sha256"
	"encoding/binary"
)

// lots are w_1, w_2 and w_3 of a person: bits 0–19, 20–39 and 40–59, most
// significant first, of SHA-256(seed ‖ 0x00 ‖ id). Twenty bits a round keep
// every sum exact and small enough to be decided by the solver.
func lots(seed, id string) [3]int64 {
	b := make([]byte, 0, len(seed)+1+len(id))
	b = append(b, seed...)
	b = append(b, 0)
	b = append(b, id...)
	sum := sha256.Sum256(b)
	head := binary.BigEndian.Uint64(sum[:8])
	const mask = 1<<20 - 1
	return [3]int64{int64(head >> 44 & mask), int64(head >> 24 & mask), int64(head >> 4 & mask)}
}

// bySeed is the last objective: among the cohorts that are equally good the
// one with the largest Σ w_1, among those the largest Σ w_2, then Σ w_3, then
// the smallest sorted list of ids. It says whether that was proved.
func (r *run) bySeed(s stage) (bool, error) {
	s.goal = lot
	for round := range 3 {
		s.level = round
		name := stepNumber(StepSeed, round+1)
		if known, ok := r.done[name]; ok {
			s.minLots[round] = known
			if err := r.proved(name, known); err != nil {
				return false, err
			}
			continue
		}
		if round == 1 && r.attains(&s) {
			// Nearly always the first round leaves one cohort. Looking for
			// another one proves it and saves the other rounds.
			alone, proved, err := r.unrivaled(s)
			if err != nil || !proved {
				return false, err
			}
			if alone {
				for ; round < 3; round++ {
					if err := r.proved(stepNumber(StepSeed, round+1), r.lotTotal(round)); err != nil {
						return false, err
					}
				}
				return true, nil
			}
			s.minLots[1] = r.lotTotal(1)
			if err := r.proved(name, s.minLots[1]); err != nil {
				return false, err
			}
			continue
		}
		found, err := r.solve(name, &s)
		if err != nil || found.state != solved {
			return false, err
		}
		s.minLots[round] = found.value
		if err := r.proved(name, found.value); err != nil {
			return false, err
		}
	}
	return r.smallestList(s)
}

// unrivaled looks for the best cohort by w_2 other than r.best among those with
// the same Σ w_1. alone: r.best is the only one with the largest Σ w_2.
// Otherwise r.best is one of those that have it.
func (r *run) unrivaled(s stage) (alone, proved bool, err error) {
	mark := r.lotTotal(1)
	s.not = r.best
	found, err := r.peek(stepNumber(StepSeed, 2), &s)
	switch {
	case err != nil || found.state == partial || found.state == unknown:
		return false, false, err
	case found.state == none || found.value < mark:
		return true, true, nil
	case found.value > mark:
		return false, true, r.accept(found.choice)
	default:
		return false, true, nil
	}
}

// smallestList makes r.best, of all the cohorts that s allows, the one whose
// sorted list of ids comes first.
func (r *run) smallestList(s stage) (bool, error) {
	s.goal = anyCohort
	name := stepNumber(StepSeed, 3)
	if !r.attains(&s) {
		if found, err := r.solve(name, &s); err != nil || found.state != solved {
			return false, err
		}
	}
	s.not = r.best
	found, err := r.peek(name, &s)
	if err != nil || found.state != solved {
		return found.state == none, err
	}
	s.not = nil
	n := len(r.in.blocks)
	s.force, s.forbid = make([]bool, n), make([]bool, n)
	// Blocks stand in the order of their first ids, and a block's other ids
	// come along with its first one.
	for k := range n {
		if !r.best[k] {
			s.force[k] = true
			found, err := r.peek(name, &s)
			if err != nil || found.state == unknown {
				return false, err
			}
			if found.state == none {
				s.force[k], s.forbid[k] = false, true
				continue
			}
			if err := r.accept(found.choice); err != nil {
				return false, err
			}
		}
		s.force[k] = true
	}
	return true, nil
}

func (r *run) lotTotal(round int) int64 {
	sum := int64(0)
	for k, in := range r.best {
		if in {
			sum += r.in.blocks[k].lots[round]
		}
	}
	return sum
}
