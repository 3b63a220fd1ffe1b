package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
)

// Model is a record whose claims can be turned into systems.
type Model struct {
	*model
	record *matcher.Record
}

// NewModel reads a record with a certificate. It checks what the systems need:
// a valid input, and types that are a partition of alike people.
func NewModel(r *matcher.Record) (*Model, error) {
	if r.Certificate == nil || r.Certificate.Input == nil {
		return nil, fmt.Errorf("the record has no certificate")
	}
	if err := validInput(r.Certificate.Input); err != nil {
		return nil, err
	}
	p := newPool(r.Certificate.Input)
	types, err := p.typesOf(r.Lottery.Types)
	if err != nil {
		return nil, err
	}
	m := newModel(p, types)
	if err := m.alike(); err != nil {
		return nil, err
	}
	return &Model{m, r}, nil
}

// typesOf turns types by ids into types by blocks. Without types each block is
// one of its own.
func (p *pool) typesOf(types [][]string) ([][]int, error) {
	var out [][]int
	if len(types) == 0 {
		for b := range p.blocks {
			out = append(out, []int{b})
		}
		return out, nil
	}
	of := make([]int, len(p.in.People)) // type by person, from 1
	last := ""
	for t, ids := range types {
		if len(ids) == 0 || ids[0] <= last {
			return nil, fmt.Errorf("t%d: types are numbered by their smallest ids", t+1)
		}
		last = ids[0]
		for i, id := range ids {
			k, ok := p.at[id]
			switch {
			case !ok:
				return nil, fmt.Errorf("t%d: somebody is not in the pool", t+1)
			case i > 0 && id <= ids[i-1]:
				return nil, fmt.Errorf("t%d: its ids are not sorted", t+1)
			case of[k] != 0:
				return nil, fmt.Errorf("t%d: somebody is of two types", t+1)
			case p.block[k] < 0:
				return nil, fmt.Errorf("t%d: somebody of it is excluded, or tied to somebody who is", t+1)
			}
			of[k] = t + 1
		}
	}
	out = make([][]int, len(types))
	for b, people := range p.blocks {
		t := of[people[0]]
		for _, k := range people {
			if of[k] == 0 {
				return nil, fmt.Errorf("somebody who could be in is of no type")
			}
			if of[k] != t {
				return nil, fmt.Errorf("t%d: people who are tied together are of different types", t)
			}
		}
		out[t-1] = append(out[t-1], b)
	}
	return out, nil
}

// Needed are the claims that the record makes, without their proofs, in the
// order in which they stand in a record. Those about types follow: IMPOSSIBLE and LEVEL.
func (m *Model) Needed() []matcher.Claim {
	r := m.record
	var list []matcher.Claim
	need := func(kind string, number int, bound int64) {
		list = append(list, matcher.Claim{Kind: kind, Number: number, Bound: bound})
	}
	switch r.Status {
	case matcher.Infeasible:
		i := r.Infeasibility
		switch {
		case i == nil:
		case i.LeastTotalDeviation != nil:
			need(matcher.ClaimLeast, 0, *i.LeastTotalDeviation)
		case len(i.Clash) > 0:
			need(matcher.ClaimConditions, 0, 0)
		default:
			need(matcher.ClaimInfeasible, 0, 0)
		}
		if i != nil && len(i.Conflict) > 0 && len(i.Clash) == 0 {
			need(matcher.ClaimConflict, 0, 0)
		}
	case matcher.Optimal, matcher.Feasible:
		if r.Size.Bound < r.Size.Wanted {
			need(matcher.ClaimSize, 0, int64(r.Size.Bound))
		}
		for _, d := range r.Deviation {
			if d.Bound.Bound > 0 {
				need(matcher.ClaimDeviation, d.Priority, d.Bound.Bound)
			}
		}
		if m.scored() {
			need(matcher.ClaimScore, 0, r.Score.Bound)
		}
		if r.Status == matcher.Optimal && r.Lottery.Method == matcher.LotteryNone {
			first, _ := m.lots(r.Cohort)
			need(matcher.ClaimSeed, 0, first)
		}
	}
	return list
}

func (m *Model) scored() bool {
	for _, s := range m.pool.c.Scores {
		if s > 0 {
			return true
		}
	}
	return false
}

// firstLot is w_1 of a person: the first 20 bits of SHA-256(seed ‖ 0x00 ‖ id).
func firstLot(seed, id string) int64 {
	sum := sha256.Sum256([]byte(seed + "\x00" + id))
	return int64(binary.BigEndian.Uint32(sum[:4]) >> 12)
}

// lots is Σ w_1 of a cohort, and w_1 by block.
func (m *Model) lots(cohort []string) (sum int64, by map[int]int64) {
	by = map[int]int64{}
	seed := m.pool.in.Seed
	for t, blocks := range m.types {
		for _, k := range m.pool.blocks[blocks[0]] {
			by[t] += firstLot(seed, m.pool.in.People[k].ID)
		}
	}
	for _, id := range cohort {
		sum += firstLot(seed, id)
	}
	return sum, by
}

// System is the system that a claim says is empty.
func (m *Model) System(c *matcher.Claim) (*System, error) {
	s := m.base
	s.Lower, s.Upper = slices.Clone(s.Lower), slices.Clone(s.Upper)
	s.Rows = slices.Clone(s.Rows) // rows share their entries, never their sides
	switch c.Kind {
	case matcher.ClaimConditions:
		return &s, nil
	case matcher.ClaimInfeasible:
		m.limit(&s, matcher.Must, 0)
		return &s, nil
	case matcher.ClaimLeast:
		s.Goal = m.limit(&s, matcher.Must, c.Bound-1)
		return &s, nil
	case matcher.ClaimConflict:
		return m.conflict(&s)
	}
	m.limit(&s, matcher.Must, 0)
	if c.Kind == matcher.ClaimSize {
		s.Rows[0].Lo = max(s.Rows[0].Lo, c.Bound+1)
		return &s, nil
	}
	size := int64(m.record.Size.Bound)
	s.Rows[0].Lo, s.Rows[0].Hi = size, size
	for _, d := range m.record.Deviation {
		if c.Kind == matcher.ClaimDeviation && d.Priority == c.Number {
			s.Goal = m.limit(&s, d.Priority, c.Bound-1)
			return &s, nil
		}
		m.limit(&s, d.Priority, d.Bound.Bound+m.pool.c.Allow[d.Priority])
	}
	switch c.Kind {
	case matcher.ClaimDeviation:
		return nil, fmt.Errorf("no rule has priority %d", c.Number)
	case matcher.ClaimScore:
		s.Goal = m.score
		s.Rows[m.score].Lo = c.Bound + 1
		return &s, nil
	}
	if m.scored() {
		s.Rows[m.score].Lo = m.record.Score.Bound
	}
	switch c.Kind {
	case matcher.ClaimSeed:
		return m.seeded(&s, c)
	case matcher.ClaimImpossible:
		if c.Number < 0 || c.Number >= len(m.types) {
			return nil, fmt.Errorf("there is no type t%d", c.Number+1)
		}
		s.Lower[c.Number] = 1
		return &s, nil
	case matcher.ClaimLevel:
		entries := map[int]int64{}
		for _, w := range c.Weights {
			if w.Type < 0 || w.Type >= len(m.types) || w.By > maxWeigh || w.By < -maxWeigh {
				return nil, fmt.Errorf("there is no type t%d, or its weight is too large", w.Type+1)
			}
			entries[w.Type] = w.By
		}
		if c.Bound > maxWeigh*maxPeople || c.Bound < -maxWeigh*maxPeople {
			return nil, fmt.Errorf("the bound is too large")
		}
		s.Goal = len(s.Rows)
		s.row(entries, c.Bound+1, NoUpper)
		return &s, nil
	}
	return nil, fmt.Errorf("unknown kind %q", c.Kind)
}

// maxWeigh is the largest weight of a type, 2^42: with maxPeople of them a sum
// stays below 2^59.
const maxWeigh = 1 << 42

// limit lets the rules of a priority deviate by no more than most in all; it
// returns the row that says so.
func (m *model) limit(s *System, priority int, most int64) int {
	for i := range m.slack {
		k := &m.slack[i]
		if m.pool.c.Rules[k.rule].Priority == priority {
			s.Upper[k.column] = min(k.room, max(0, most)/k.weight)
		}
	}
	row := m.total[priority]
	s.Rows[row].Hi = most
	return row
}

// seeded adds that Σ w_1 is not below the bound, and that the cohort is another
// one than that of the record. The size is the same: so another one lacks one
// of its blocks.
func (m *Model) seeded(s *System, c *matcher.Claim) (*System, error) {
	if len(m.record.Lottery.Types) > 0 {
		return nil, fmt.Errorf("a record with a lottery has no cohort by seed")
	}
	_, by := m.lots(nil)
	people, err := m.pool.people(m.record.Cohort)
	if err != nil {
		return nil, err
	}
	mine := map[int]int64{}
	for _, k := range people {
		if b := m.pool.block[k]; b >= 0 {
			mine[m.typ[b]] = 1
		}
	}
	s.Goal = len(s.Rows)
	s.row(by, c.Bound, NoUpper)
	s.row(mine, NoLower, int64(len(mine))-1)
	return s, nil
}

// conflict keeps of everything that must hold only what the record's conflict
// names.
func (m *Model) conflict(s *System) (*System, error) {
	named := map[matcher.Condition]bool{}
	for _, c := range m.record.Infeasibility.Conflict {
		named[c] = true
	}
	rows := map[int]bool{}
	for i := range m.slack {
		k := &m.slack[i]
		r := &m.pool.c.Rules[k.rule]
		if r.Priority != matcher.Must {
			continue
		}
		c := matcher.Condition{Row: r.Row, Bound: matcher.BoundMin}
		if k.upper {
			c.Bound = matcher.BoundMax
		}
		if named[c] {
			s.Upper[k.column] = 0
		}
	}
	for i := range m.pool.c.Rules {
		rows[m.pool.c.Rules[i].Row] = true
	}
	for c := range named {
		if c.Row > 0 && !rows[c.Row] {
			return nil, fmt.Errorf("the conflict names rule %d, which is not there", c.Row)
		}
		if c.Row == 0 && strings.TrimSpace(c.Bound) == "" {
			return nil, fmt.Errorf("the conflict names an empty condition")
		}
	}
	return s, nil
}

// Decided says whether a type is in by name, so that its chance is 1.
func (m *Model) Decided(t int) bool { return m.base.Lower[t] == m.base.Upper[t] }
