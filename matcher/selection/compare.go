package selection

import (
	"math/big"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// Comparison puts selections side by side: one column each.
type Comparison struct {
	Columns []Column
	// Rules are those of all the selections; rules are the same if kind, feature
	// and value are, and the n-th of them is the n-th of the other's.
	Rules []ComparedRule
}

// Column is one selection in a comparison.
type Column struct {
	Cohort []string
	// Met and Targets count its rules with a priority, Kept and Musts those that
	// must hold.
	Met, Targets, Kept, Musts int
	Size                      matcher.Size
	Deviation                 []matcher.Deviation
	Score                     matcher.Bound
	// Common is how many people it shares with the first one; Joined are in this
	// one only, Left in the first one only.
	Common       int
	Joined, Left []string
	// Smallest is the smallest chance above 0, Mean that of everybody in the pool
	// who may be in; nil where no chances are known.
	Smallest, Mean *big.Rat
}

// ComparedRule is a rule in each column; nil where a selection lacks it.
type ComparedRule struct {
	Counts []*matcher.RuleCount
}

// Compare counts selections against their own criteria. They may be of different
// pools and criteria.
func Compare(options ...Selected) (*Comparison, error) {
	out := &Comparison{}
	type name struct {
		kind           matcher.Kind
		feature, value string
		nth            int
	}
	at := map[name]int{}
	for i, s := range options {
		st, err := s.stand()
		if err != nil {
			return nil, err
		}
		col := Column{
			Cohort: st.cohort,
			Size:   matcher.Size{Wanted: s.Criteria.Size, Got: st.tally.size, Bound: s.Outcome.Size.Bound},
			Score:  matcher.Bound{Value: st.tally.score, Bound: s.Outcome.Score.Bound},
		}
		for _, d := range s.Outcome.Deviation {
			d.Value = st.tally.deviation[d.Priority]
			col.Deviation = append(col.Deviation, d)
		}
		if i == 0 {
			col.Common = len(st.cohort)
		} else {
			first := out.Columns[0].Cohort
			col.Joined, col.Left = difference(st.cohort, first), difference(first, st.cohort)
			col.Common = len(st.cohort) - len(col.Joined)
		}
		times := map[name]int{}
		for k, n := range st.tally.rules {
			met := n.Short+n.Over == 0
			if n.Priority == matcher.Must {
				col.Musts++
				if met {
					col.Kept++
				}
			} else {
				col.Targets++
				if met {
					col.Met++
				}
			}
			id := name{n.Kind, n.Feature, n.Value, 0}
			times[id]++
			id.nth = times[id]
			row, ok := at[id]
			if !ok {
				row = len(out.Rules)
				at[id] = row
				out.Rules = append(out.Rules, ComparedRule{Counts: make([]*matcher.RuleCount, len(options))})
			}
			out.Rules[row].Counts[i] = &st.tally.rules[k]
		}
		col.chances(s)
		out.Columns = append(out.Columns, col)
	}
	return out, nil
}

// Rat is the chance as a fraction.
func (c Chance) Rat() *big.Rat {
	return big.NewRat(c.Tickets, 1_000_000*int64(max(1, c.People)))
}

// chances finds the smallest and the mean chance.
func (col *Column) chances(s Selected) {
	if s.Chances == nil {
		return
	}
	sum, people := new(big.Rat), int64(0)
	for _, p := range s.People {
		if slices.Contains(s.Criteria.Exclude, p.ID) {
			continue
		}
		people++
		c := s.Chances[p.ID].Rat()
		sum.Add(sum, c)
		if c.Sign() > 0 && (col.Smallest == nil || c.Cmp(col.Smallest) < 0) {
			col.Smallest = c
		}
	}
	if people > 0 {
		col.Mean = sum.Quo(sum, new(big.Rat).SetInt64(people))
	}
}
