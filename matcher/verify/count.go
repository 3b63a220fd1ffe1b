package verify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// pool is an input read by the definitions of its rules: who belongs to what.
type pool struct {
	in       *matcher.Input
	c        *matcher.Criteria
	at       map[string]int // person by id
	excluded []bool
	block    []int   // by person; -1: excluded, or tied to somebody who is
	blocks   [][]int // people, ascending
	included []bool  // by block: somebody of it is included by name
	rules    []ruled
	caps     []valued
}

// ruled is one rule: of a quota who is a member, of the other kinds who holds
// which of its values.
type ruled struct {
	member []bool
	pool   int // members after exclusions
	valued
	alone map[int]bool // of a company rule that gives way: who gives relief
}

// valued is the values of one attribute that take part, in byte order, and who
// holds them.
type valued struct {
	values  []string
	held    [][]int // by person: places in values, ascending
	people  [][]int // by value: who holds it
	holders []int   // by value: people of the pool, after exclusions
}

func newPool(in *matcher.Input) *pool {
	p := &pool{in: in, c: &in.Criteria, at: map[string]int{}, excluded: make([]bool, len(in.People))}
	for i, person := range in.People {
		p.at[person.ID] = i
	}
	for _, id := range p.c.Exclude {
		p.excluded[p.at[id]] = true
	}
	p.tie()
	p.included = make([]bool, len(p.blocks))
	for _, id := range p.c.Include {
		if b := p.block[p.at[id]]; b >= 0 {
			p.included[b] = true
		}
	}
	for i := range p.c.Rules {
		r := &p.c.Rules[i]
		if r.Kind == matcher.Quota {
			q := ruled{member: p.members(r.Property)}
			for k, member := range q.member {
				if member && !p.excluded[k] {
					q.pool++
				}
			}
			p.rules = append(p.rules, q)
		} else {
			q := ruled{valued: p.valued(r.Property.Terms[0]), alone: map[int]bool{}}
			for _, id := range r.Alone {
				q.alone[p.at[id]] = true
			}
			p.rules = append(p.rules, q)
		}
	}
	for _, limit := range p.c.Caps {
		p.caps = append(p.caps, p.valued(matcher.Term{Attribute: limit.Attribute, Wildcard: true}))
	}
	return p
}

// tie makes the blocks: people are in one block if links of the kind together
// lead from one to the other. A block with somebody who is excluded is none.
func (p *pool) tie() {
	n := len(p.in.People)
	tied := make([][]int, n)
	for _, l := range p.c.Links {
		if l.Kind != matcher.Together {
			continue
		}
		for k := 1; k < len(l.IDs); k++ {
			a, b := p.at[l.IDs[k-1]], p.at[l.IDs[k]]
			tied[a], tied[b] = append(tied[a], b), append(tied[b], a)
		}
	}
	p.block = make([]int, n)
	seen := make([]bool, n)
	for i := range n {
		if seen[i] {
			continue
		}
		seen[i] = true
		group := []int{i}
		for k := 0; k < len(group); k++ {
			for _, other := range tied[group[k]] {
				if !seen[other] {
					seen[other] = true
					group = append(group, other)
				}
			}
		}
		number := len(p.blocks)
		if slices.ContainsFunc(group, func(k int) bool { return p.excluded[k] }) {
			number = -1
		} else {
			slices.Sort(group)
			p.blocks = append(p.blocks, group)
		}
		for _, k := range group {
			p.block[k] = number
		}
	}
}

func (p *pool) members(q matcher.Property) []bool {
	out := make([]bool, len(p.in.People))
	listed := map[string]bool{}
	for _, id := range q.IDs {
		listed[id] = true
	}
	for i, person := range p.in.People {
		out[i] = len(q.IDs) == 0 || listed[person.ID]
	}
	for _, t := range q.Terms {
		wanted := setOf(t.Values)
		for i, person := range p.in.People {
			hits := 0
			for v := range setOf(person.Values[t.Attribute]) {
				if wanted[v] {
					hits++
				}
			}
			switch {
			case t.Wildcard:
				out[i] = out[i] && len(person.Values[t.Attribute]) > 0
			case t.Match == matcher.MatchAll:
				out[i] = out[i] && hits == len(wanted)
			default:
				out[i] = out[i] && hits > 0
			}
		}
	}
	return out
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}

func (p *pool) valued(t matcher.Term) valued {
	v := valued{held: make([][]int, len(p.in.People))}
	listed := setOf(t.Values)
	number := map[string]int{}
	for _, person := range p.in.People {
		for _, value := range person.Values[t.Attribute] {
			if _, ok := number[value]; !ok && (t.Wildcard || listed[value]) {
				number[value] = 0
				v.values = append(v.values, value)
			}
		}
	}
	slices.Sort(v.values)
	for k, value := range v.values {
		number[value] = k
	}
	v.holders, v.people = make([]int, len(v.values)), make([][]int, len(v.values))
	for i, person := range p.in.People {
		for value := range setOf(person.Values[t.Attribute]) {
			if k, ok := number[value]; ok {
				v.held[i] = append(v.held[i], k)
			}
		}
		slices.Sort(v.held[i])
		for _, k := range v.held[i] {
			v.people[k] = append(v.people[k], i)
			if !p.excluded[i] {
				v.holders[k]++
			}
		}
	}
	return v
}

// tally is what a cohort amounts to, counted by the definitions of the rules.
type tally struct {
	rules     []matcher.RuleCount
	must      int64 // Σ (short + over) over the rules that must hold
	deviation [matcher.MaxPriority + 1]int64
	score     int64
}

// count counts people of the pool, each named once.
func (p *pool) count(people []int) tally {
	t := tally{rules: make([]matcher.RuleCount, 0, len(p.rules))}
	for i := range p.rules {
		r, q := &p.c.Rules[i], &p.rules[i]
		n := matcher.RuleCount{
			Row: r.Row, Feature: r.Feature, Value: r.Value, Kind: r.Kind, Min: r.Min, Max: r.Max, Priority: r.Priority,
		}
		if r.Kind == matcher.Quota {
			n.Pool = q.pool
			for _, k := range people {
				if q.member[k] {
					n.Count++
				}
			}
			n.Short, n.Over = max(0, r.Min-n.Count), max(0, n.Count-r.Max)
		} else {
			q.count(r, &n, people)
		}
		off := int64(n.Short) + int64(n.Over)
		if r.Priority == matcher.Must {
			t.must += off
		} else {
			t.deviation[r.Priority] += int64(r.Weight) * off
		}
		t.rules = append(t.rules, n)
	}
	for _, k := range people {
		t.score += int64(p.c.Scores[p.in.People[k].ID])
	}
	return t
}

func (q *ruled) count(r *matcher.Rule, n *matcher.RuleCount, people []int) {
	in := make([]int, len(q.values))
	relief := 0
	for _, k := range people {
		if q.alone[k] {
			relief += r.Relief
		}
		for _, v := range q.held[k] {
			in[v]++
		}
	}
	for v, pool := range q.holders {
		switch r.Kind {
		case matcher.Company:
			if pool >= max(1, r.Min) {
				n.Pool++
				n.Short += max(0, r.Min-in[v]-relief)
				if in[v] >= r.Min {
					n.Count++
				}
			}
		case matcher.Spread:
			n.Pool += min(1, pool)
			n.Count += min(1, in[v])
		case matcher.Cap:
			n.Pool, n.Count = max(n.Pool, pool), max(n.Count, in[v])
			n.Over += max(0, in[v]-r.Max)
		}
	}
	if r.Kind == matcher.Spread {
		n.Short = max(0, r.Min-n.Count)
	}
}

// people finds the people with these ids.
func (p *pool) people(ids []string) ([]int, error) {
	list := make([]int, 0, len(ids))
	seen := make(map[int]bool, len(ids))
	for _, id := range ids {
		k, ok := p.at[id]
		if !ok {
			return nil, errors.New("somebody is not in the pool")
		}
		if seen[k] {
			return nil, errors.New("somebody is there twice")
		}
		seen[k] = true
		list = append(list, k)
	}
	return list, nil
}

// conditions checks what can never be relaxed: size range, locks, caps, links.
func (p *pool) conditions(people []int) error {
	if n := len(people); n < p.c.MinSize || n > p.c.Size {
		return fmt.Errorf("%d people, but the size is %d to %d", n, p.c.MinSize, p.c.Size)
	}
	in := make([]bool, len(p.in.People))
	for _, k := range people {
		in[k] = true
		if p.excluded[k] {
			return errors.New("somebody who is excluded is in")
		}
	}
	for _, id := range p.c.Include {
		if !in[p.at[id]] {
			return errors.New("somebody who is included by name is not in")
		}
	}
	for i := range p.caps {
		held := make([]int, len(p.caps[i].values))
		for _, k := range people {
			for _, v := range p.caps[i].held[k] {
				if held[v]++; held[v] > p.c.Caps[i].Max {
					return fmt.Errorf("more than %d people share one value of %q", p.c.Caps[i].Max, p.c.Caps[i].Attribute)
				}
			}
		}
	}
	for _, l := range p.c.Links {
		n := 0
		for _, id := range l.IDs {
			if in[p.at[id]] {
				n++
			}
		}
		switch {
		case l.Kind == matcher.Apart && n > 1:
			return errors.New("people who are to be apart are both in")
		case l.Kind == matcher.Together && n > 0 && n < len(l.IDs):
			return errors.New("of people who are tied together only some are in")
		case l.Kind == matcher.AtLeastOne && n == 0:
			return errors.New("nobody is in of people of whom at least one must be")
		}
	}
	return nil
}
