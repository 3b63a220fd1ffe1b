package selection

import (
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// Fact is the count behind one member of a conflict.
type Fact struct {
	// People is how many are meant: those of the pool, after exclusions, who have
	// the property of a rule of kind quota, or the one person of a lock. It is −1
	// where the member is about no one group of people.
	People int
	// Overlaps are, in their order, the other members that are rules of kind
	// quota: how many of these people have that rule's property too. "2 of 7 are
	// outside the other rule": People 7, Both 5.
	Overlaps []Overlap
}

// Overlap is what a member of a conflict has in common with another one.
type Overlap struct {
	Member int // index of the other one
	Both   int
}

// Facts counts what stands behind a conflict: one Fact for each member.
func Facts(people []matcher.Person, c matcher.Criteria, conflict []matcher.Condition) []Fact {
	out := wordSet(c.Exclude)
	var pool []matcher.Person
	at := make(map[string]matcher.Person, len(people))
	for _, p := range people {
		at[p.ID] = p
		if !out[p.ID] {
			pool = append(pool, p)
		}
	}
	property := make([]*matcher.Property, len(conflict))
	members := make([][]matcher.Person, len(conflict))
	for i, m := range conflict {
		if _, id, lock := m.Lock(); lock {
			if p, ok := at[id]; ok {
				members[i] = []matcher.Person{p}
			}
			continue
		}
		k := slices.IndexFunc(c.Rules, func(r matcher.Rule) bool {
			return m.Row > 0 && r.Row == m.Row && r.Priority == matcher.Must
		})
		if k < 0 || c.Rules[k].Kind != matcher.Quota {
			continue
		}
		property[i] = &c.Rules[k].Property
		for _, p := range pool {
			if has(p, *property[i]) {
				members[i] = append(members[i], p)
			}
		}
	}
	facts := make([]Fact, len(conflict))
	for i, m := range conflict {
		facts[i].People = len(members[i])
		if _, _, lock := m.Lock(); property[i] == nil && !lock {
			facts[i].People = -1
			continue
		}
		for k, p := range property {
			if p != nil && k != i && conflict[k].Row != m.Row {
				facts[i].Overlaps = append(facts[i].Overlaps, Overlap{Member: k, Both: holders(*p, members[i])})
			}
		}
	}
	return facts
}
