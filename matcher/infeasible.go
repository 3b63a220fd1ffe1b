package matcher

import (
	"fmt"
	"slices"
	"strings"
)

// The sides of a rule that a Condition or a Change is about.
const (
	BoundMin = "MIN"
	BoundMax = "MAX"
)

// Condition is one of the conditions that cannot hold together: a side of a
// rule or, with Row 0, a condition that is no rule, in the words of the input:
//
//	include ID · exclude ID · apart ID, ID · together ID, ID
//	at least one of ID, ID · at most N per ATTRIBUTE
//	size at most N · size at least N
//	exclude N of M people · apart: N of the M given   (where there are many)
type Condition struct {
	Row   int    `json:"row"`
	Bound string `json:"bound"`
}

// Words that a lock begins with in a Condition or Change of row 0.
const (
	LockInclude = "include"
	LockExclude = "exclude"
)

// LockCondition is the condition that somebody is in (LockInclude) or out.
func LockCondition(word, id string) Condition { return Condition{Bound: word + " " + id} }

// Lock is who is locked in or out, if the condition is a lock of one person.
func (c Condition) Lock() (word, id string, ok bool) {
	if c.Row != 0 {
		return "", "", false
	}
	word, id, ok = strings.Cut(c.Bound, " ")
	if !ok || word != LockInclude && word != LockExclude || word == LockExclude && manyExcluded(id) {
		return "", "", false
	}
	return word, id, true
}

// manyExcluded is whether what follows "exclude" counts people instead of
// naming one.
func manyExcluded(rest string) bool {
	var n, m int
	got, err := fmt.Sscanf(rest, "%d of %d people", &n, &m)
	return err == nil && got == 2 && rest == fmt.Sprintf("%d of %d people", n, m)
}

// Change moves one bound of a rule or, with Row 0, takes back a lock: Bound is
// then the lock's words, From 1 and To 0.
type Change struct {
	Row   int    `json:"row"`
	Bound string `json:"bound"`
	From  int    `json:"from"`
	To    int    `json:"to"`
}

// Lock is as Condition.Lock.
func (c Change) Lock() (word, id string, ok bool) {
	return Condition{Row: c.Row, Bound: c.Bound}.Lock()
}

// Relaxation is a set of changes after which a cohort exists. Cost is
// Σ |To − From|.
type Relaxation struct {
	Cost    int64    `json:"cost"`
	Changes []Change `json:"changes"`
}

// What an Infeasibility says was cut off.
const (
	CutConflict    = "conflict"    // it cannot hold, but may be larger than need be
	CutRelaxations = "relaxations" // each is enough, but there may be others, and cheaper ones
)

func appendConflict(w *canon, inf *Infeasibility) {
	conflict := inf.Conflict
	if len(conflict) == 0 {
		for _, words := range inf.Clash {
			conflict = append(conflict, Condition{Bound: words})
		}
	}
	w.open('[')
	for _, c := range conflict {
		w.open('{')
		w.key("row")
		w.int(int64(c.Row))
		w.key("bound")
		w.str(c.Bound)
		w.close('}')
	}
	w.close(']')
}

func appendRelaxations(w *canon, list []Relaxation) {
	w.open('[')
	for _, x := range list {
		w.open('{')
		w.key("cost")
		w.int(x.Cost)
		w.key("changes")
		w.open('[')
		for _, c := range x.Changes {
			w.open('{')
			w.key("row")
			w.int(int64(c.Row))
			w.key("bound")
			w.str(c.Bound)
			w.key("from")
			w.int(int64(c.From))
			w.key("to")
			w.int(int64(c.To))
			w.close('}')
		}
		w.close(']')
		w.close('}')
	}
	w.close(']')
}

// condition checks that a row has a side, and what is no row has words.
func condition(field string, row int, bound string) error {
	switch {
	case row < 0:
		return fmt.Errorf("%s.row: %d is negative", field, row)
	case row > 0 && bound != BoundMin && bound != BoundMax:
		return fmt.Errorf("%s.bound: unknown word %q, want %s or %s", field, bound, BoundMin, BoundMax)
	case row == 0 && bound == "":
		return fmt.Errorf("%s.bound: is empty", field)
	}
	return nil
}

// conflict reads why there is no cohort. It is a clash if no rule is part of it.
func (inf *Infeasibility) conflict(in []Condition) error {
	rules := false
	inf.Conflict = append(inf.Conflict, in...)
	for i, c := range in {
		if err := condition(fmt.Sprintf("infeasibility.conflict[%d]", i), c.Row, c.Bound); err != nil {
			return err
		}
		rules = rules || c.Row > 0
	}
	if !rules {
		for _, c := range in {
			inf.Clash = append(inf.Clash, c.Bound)
		}
	}
	return nil
}

func (inf *Infeasibility) relaxations(in []Relaxation) error {
	inf.Relaxations = append(inf.Relaxations, in...)
	for i, x := range in {
		field := fmt.Sprintf("infeasibility.relaxations[%d]", i)
		cost := int64(0)
		for k, c := range x.Changes {
			at := fmt.Sprintf("%s.changes[%d]", field, k)
			if err := condition(at, c.Row, c.Bound); err != nil {
				return err
			}
			step := c.To - c.From // MAX grows
			if c.Row == 0 || c.Bound == BoundMin {
				step = -step
			}
			if step < 1 || min(c.From, c.To) < 0 {
				return fmt.Errorf("%s: from %d to %d relaxes nothing", at, c.From, c.To)
			}
			cost += int64(step)
		}
		if cost != x.Cost || cost == 0 {
			return fmt.Errorf("%s.cost: is %d, the changes cost %d", field, x.Cost, cost)
		}
		if i > 0 && x.Cost < in[i-1].Cost {
			return fmt.Errorf("%s.cost: is less than that of the one before", field)
		}
	}
	return nil
}

func (inf *Infeasibility) cut(in []string) error {
	for i, what := range in {
		if what != CutConflict && what != CutRelaxations || slices.Contains(in[:i], what) {
			return fmt.Errorf("infeasibility.cut[%d]: unknown or repeated word %q", i, what)
		}
	}
	inf.Cut = in
	return nil
}
