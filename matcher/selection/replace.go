package selection

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// Repair is what a cohort becomes when some of its people declined.
type Repair struct {
	// Criteria are those under which the free seats are drawn, like any others: the
	// confirmed are included and the decliners excluded. What is allowed above an
	// optimum is what the repair has left of it: a priority whose optimum rose uses
	// it up, and none may go above the limit that was registered unless it must.
	Criteria matcher.Criteria
	// Outcome is what was proved under them before any lottery: the size, the
	// least deviation of each priority, the score, with a cohort that attains all
	// of them. If the rules that must hold cannot be kept, it says how closely they
	// can.
	Outcome *matcher.Outcome
	// Steps are those of the outcome, for Options.Done.
	Steps []Step
	// Exact says that nothing is lost, Moves what is, in the order of objectives.
	// Both are proved if Outcome.Status is OPTIMAL or INFEASIBLE; otherwise Moves
	// is empty.
	Exact bool
	Moves []Move
}

// Move is an objective that a repair cannot keep.
type Move struct {
	// Reason is as in Breach: ExcludedByConditions, ExcludedByMust,
	// ExcludedBySize, or ExcludedByPriority with its number.
	Reason string
	// Limit is the size or deviation that was good enough; Least is the least
	// deviation (the largest size) with the confirmed in and the decliners out.
	Limit, Least int64
	// Rules are those of the level that count further off than before in the cohort
	// of the outcome: the rules that move.
	Rules []RuleShift
	// Clash names the conditions that cannot hold together, of
	// ExcludedByConditions.
	Clash []string
}

// Replace repairs a cohort: the confirmed stay in, the decliners are out, whoever
// is neither goes back into the draw. Rules that must hold stay as they are, and
// the priorities count in their order. A floor of company that fewer people than
// it asks for are left for is none, as in any pool without the decliners.
//
// The repair is exact if the size is reached and every priority keeps the limit
// that was registered, its optimum and what is allowed above it. If not, Moves
// say which objectives give how much way: each the least, proved in order.
func Replace(ctx context.Context, s Selected, confirmed, declined []string, o Options) (*Repair, error) {
	st, err := s.stand()
	if err != nil {
		return nil, err
	}
	if err := st.offers(confirmed, declined); err != nil {
		return nil, err
	}
	out := &Repair{Criteria: repaired(s.Criteria, confirmed, declined)}
	o.Done = nil
	told := o.Proved
	o.Proved = func(step Step) error {
		out.Steps = append(out.Steps, step)
		if told != nil {
			return told(step)
		}
		return nil
	}
	r := newRun(ctx, s.People, out.Criteria, o, func(id string) [3]int64 { return lots(s.Outcome.Seed, id) })
	proved, err := r.repair(st, out)
	if err != nil {
		return nil, err
	}
	if proved {
		r.status = matcher.Optimal
	}
	out.Outcome = r.outcome(s.Outcome.Seed)
	switch {
	case proved:
		st.moves(r, out)
	case r.status == matcher.Infeasible:
		st.impossible(r, out)
	}
	out.Exact = proved && len(out.Moves) == 0
	return out, nil
}

// offers checks who confirmed and who declined.
func (st *standing) offers(confirmed, declined []string) error {
	if len(declined) == 0 {
		return inputError("declined", "is empty: name who declined")
	}
	seen := map[string]bool{}
	for _, list := range []struct {
		field string
		ids   []string
	}{{"declined", declined}, {"confirmed", confirmed}} {
		for _, id := range list.ids {
			if err := st.member(list.field, id); err != nil {
				return err
			}
			if list.field == "confirmed" && slices.Contains(declined, id) {
				return inputError("confirmed", fmt.Sprintf("%q declined too: keep one of the two", id))
			}
			if list.field == "confirmed" && st.excluded[id] {
				return inputError("confirmed", fmt.Sprintf("%q is in the cohort although the criteria exclude them", id))
			}
			if seen[id] {
				return inputError(list.field, fmt.Sprintf("names %q twice", id))
			}
			seen[id] = true
		}
	}
	for _, id := range confirmed {
		for _, other := range st.tied[id] {
			if slices.Contains(declined, other) {
				return inputError("confirmed", fmt.Sprintf("%q comes only together with %q, who declined", id, other))
			}
		}
	}
	return nil
}

// repaired is the criteria with people locked in and out. Whoever was included
// and declined is included no more.
func repaired(c matcher.Criteria, confirmed, declined []string) matcher.Criteria {
	c.Include = slices.DeleteFunc(slices.Clone(c.Include), func(id string) bool { return slices.Contains(declined, id) })
	c.Include = add(c.Include, confirmed)
	c.Exclude = add(slices.Clone(c.Exclude), declined)
	slices.Sort(c.Include)
	slices.Sort(c.Exclude)
	allow := maps.Clone(c.Allow)
	if allow == nil {
		allow = map[int]int64{}
	}
	c.Allow = allow
	return c
}

// repair proves the stages; what is allowed in out.Criteria shrinks on the way.
func (r *run) repair(st *standing, out *Repair) (bool, error) {
	s := newStage()
	keeps, err := r.feasible(&s)
	if err != nil || !keeps {
		return false, err
	}
	r.status = matcher.Feasible
	if proved, err := r.size(&s); err != nil || !proved {
		return false, err
	}
	for g := 1; g <= matcher.MaxPriority; g++ {
		if !r.hasPriority(g) {
			continue
		}
		least, proved, err := r.deviation(stepNumber(StepPriority, g), &s, g)
		r.bounds[g] = least
		if err != nil || !proved {
			return false, err
		}
		if allowed, ok := out.Criteria.Allow[g]; ok {
			out.Criteria.Allow[g] = min(allowed, max(0, st.limit[g]-least))
		}
		s.limit[g] = least + out.Criteria.Allow[g]
	}
	if proved, err := r.score(&s); err != nil || !proved {
		return false, err
	}
	r.settled = s
	return true, nil
}

// moves compares what was proved with what was good enough.
func (st *standing) moves(r *run, out *Repair) {
	if r.settled.size < st.size {
		out.Moves = append(out.Moves, Move{Reason: ExcludedBySize, Limit: int64(st.size), Least: int64(r.settled.size)})
	}
	for g := 1; g <= matcher.MaxPriority; g++ {
		if r.bounds[g] > st.limit[g] {
			out.Moves = append(out.Moves, Move{
				Reason: stepNumber(ExcludedByPriority, g), Limit: st.limit[g], Least: r.bounds[g],
				Rules: further(st.tally.rules, r.tally.rules, g),
			})
		}
	}
}

// impossible says which rules that must hold give way in the closest cohort.
func (st *standing) impossible(r *run, out *Repair) {
	inf := r.infeasibility
	switch {
	case len(inf.Clash) > 0:
		out.Moves = append(out.Moves, Move{Reason: ExcludedByConditions, Clash: inf.Clash})
	case inf.LeastTotalDeviation != nil:
		out.Moves = append(out.Moves, Move{
			Reason: ExcludedByMust, Least: *inf.LeastTotalDeviation,
			Rules: further(st.tally.rules, inf.ClosestRules, matcher.Must),
		})
	}
}

// further lists the rules of a priority that are further off than before.
func further(before, after []matcher.RuleCount, priority int) []RuleShift {
	var list []RuleShift
	for i, a := range after {
		if b := before[i]; a.Priority == priority && a.Short+a.Over > b.Short+b.Over {
			list = append(list, RuleShift{Before: b, After: a})
		}
	}
	return list
}
