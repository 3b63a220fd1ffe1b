package selection

import (
	"errors"
	"fmt"

	"github.com/openfairlead/fairlead/matcher"
)

// Reasons why somebody is in no cohort that is as good as the best: what can
// not be had with them in, in the order in which it is asked for. Those of a
// priority end in its number.
const (
	ExcludedByConditions = "conditions" // locks, links, hard caps or the size range
	ExcludedByMust       = "must"
	ExcludedBySize       = "size"
	ExcludedByPriority   = "priority "
	ExcludedByScore      = "score"
)

// Exclusion says, of people who are alike, why none of them is in a cohort that
// is as good as the best. It is proved.
type Exclusion struct {
	People []string // ids, sorted as in Type
	Reason string
	// Least is the least deviation with one of them in (for the size and the
	// score: the most), Allowed what there may be (must be) at least.
	Least, Allowed int64
	// Rules are those that a cohort with one of them that comes closest is short
	// of or over, at the level of the reason.
	Rules []matcher.RuleCount
}

// excluded finds the reason for one block that is in no cohort as good as the
// best.
func (r *run) excluded(block int) (Exclusion, error) {
	x, barred, err := r.barred(block, true)
	if err == nil && !barred {
		err = errPossible
	}
	return x, err
}

// barred says whether no cohort as good as the best has a block in (or, with in
// false, none is without it), and why: the stages are proved again with the
// block forced in or out.
func (r *run) barred(block int, in bool) (x Exclusion, barred bool, err error) {
	s := newStage()
	s.force, s.forbid = make([]bool, len(r.in.blocks)), make([]bool, len(r.in.blocks))
	s.force[block], s.forbid[block] = in, !in
	done := r.settled
	ask := func(g goal, level int) (finding, error) {
		s.goal, s.level = g, level
		found, err := r.peek("exclusion", &s)
		if err == nil && found.state != solved && found.state != none {
			err = errUnexplained
		}
		return found, err
	}
	at := func(f finding, reason string, level int, allowed int64) Exclusion {
		x := Exclusion{Reason: reason, Least: f.value, Allowed: allowed}
		for _, n := range f.tally.rules {
			if n.Priority == level && n.Short+n.Over > 0 {
				x.Rules = append(x.Rules, n)
			}
		}
		return x
	}
	s.relaxed = true
	found, err := ask(deviation, matcher.Must)
	switch {
	case err != nil:
		return Exclusion{}, false, err
	case found.state == none:
		return Exclusion{Reason: ExcludedByConditions}, true, nil
	case found.value > 0:
		return at(found, ExcludedByMust, matcher.Must, 0), true, nil
	}
	s.relaxed = false
	if found, err = ask(largest, 0); err != nil {
		return Exclusion{}, false, err
	}
	if int(found.value) < done.size {
		return at(found, ExcludedBySize, -1, int64(done.size)), true, nil
	}
	s.size = done.size
	for g := 1; g <= matcher.MaxPriority; g++ {
		if !r.hasPriority(g) {
			continue
		}
		if found, err = ask(deviation, g); err != nil {
			return Exclusion{}, false, err
		}
		if found.value > done.limit[g] {
			return at(found, stepNumber(ExcludedByPriority, g), g, done.limit[g]), true, nil
		}
		s.limit[g] = done.limit[g]
	}
	if found, err = ask(score, 0); err != nil {
		return Exclusion{}, false, err
	}
	if found.value < done.minScore {
		return at(found, ExcludedByScore, -1, done.minScore), true, nil
	}
	return Exclusion{}, false, nil
}

var errPossible = errors.New("selection: the lottery calls somebody impossible who is in a cohort")

// errUnexplained: work or time ran out; the exclusion itself is proved.
var errUnexplained = fmt.Errorf("selection: work or time ran out before an exclusion was explained")
