package selection

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
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

// fewTies is how many cohorts with the same Σ w_1 are listed one by one before
// the other rounds are solved as programs of their own.
const fewTies = 32

// bySeed is the last objective: among the cohorts that are equally good the
// one with the largest Σ w_1, among those the largest Σ w_2, then Σ w_3, then
// the smallest sorted list of ids. It says whether that was proved.
//
// Nearly always one cohort has the largest Σ w_1. Proving that there is no
// other one takes about as long as finding it, while the programs of the rounds
// after it, bound to an exact Σ w_1, can take very long. So those cohorts are
// listed, and only where there are many of them the rounds are solved.
func (r *run) bySeed(s stage) (bool, error) {
	s.goal, s.level = lot, 0
	name := stepNumber(StepSeed, 1)
	found, err := r.solve(name, &s)
	if err != nil || found.state != solved {
		return false, err
	}
	if err := r.proved(name, found.value); err != nil {
		return false, err
	}
	s.minLots[0] = found.value
	listed, proved, err := r.listTies(s)
	if err != nil || !proved {
		return false, err
	}
	if !listed {
		return r.laterRounds(s)
	}
	for round := 1; round < 3; round++ {
		if err := r.proved(stepNumber(StepSeed, round+1), r.lotTotal(r.best, round)); err != nil {
			return false, err
		}
	}
	return true, nil
}

// listTies finds the cohorts with the same Σ w_1 as r.best, one after the
// other, and makes the one that the seed rule prefers the best. listed is false
// if there are too many of them.
func (r *run) listTies(s stage) (listed, proved bool, err error) {
	most := s.minLots[0]
	s.goal = rival
	s.minLots[0] = -1
	s.rivals = [][]bool{r.best}
	for len(s.rivals) < fewTies {
		found, err := r.peek(stepNumber(StepSeed, 2), &s)
		if err != nil || found.state != solved {
			return false, false, err
		}
		if found.value < 2*most {
			return true, true, nil
		}
		s.rivals = append(s.rivals, found.choice)
		if r.prefers(found.choice, r.best) {
			r.accept(found)
		}
	}
	return false, true, nil
}

// prefers is whether the seed rule puts a before b, which has the same Σ w_1.
func (r *run) prefers(a, b []bool) bool {
	for round := 1; round < 3; round++ {
		if x, y := r.lotTotal(a, round), r.lotTotal(b, round); x != y {
			return x > y
		}
	}
	return slices.Compare(r.in.cohort(a), r.in.cohort(b)) < 0
}

// laterRounds solves the rounds 2 and 3 and the sorted list of ids.
func (r *run) laterRounds(s stage) (bool, error) {
	for round := 1; round < 3; round++ {
		s.goal, s.level = lot, round
		name := stepNumber(StepSeed, round+1)
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

// smallestList makes r.best, of all the cohorts that s allows, the one whose
// sorted list of ids comes first.
func (r *run) smallestList(s stage) (bool, error) {
	s.goal = anyCohort
	name := stepNumber(StepSeed, 3)
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
			r.accept(found)
		}
		s.force[k] = true
	}
	return true, nil
}

func (r *run) lotTotal(choice []bool, round int) int64 {
	sum := int64(0)
	for k, in := range choice {
		if in {
			sum += r.in.blocks[k].lots[round]
		}
	}
	return sum
}
