package applications

import (
	"context"
	"slices"
	"sync"
	"time"
)

// An editor asks for a verdict at every keystroke, and between two of them
// nearly always nothing in the pool has changed. So a check remembers for a
// moment what it has just read and decrypted. It remembers codes and the answers
// that rules can count: no names, no contacts, no words of people's own but the
// organization. Whether it is still so is asked of the database each time, by
// the ids and revisions of all who are in the pool; an erasure, a withdrawal, a
// changed answer and a lost permission show at once. Nothing is written
// anywhere, and the clock takes it away.
const (
	// recallFor is how long after the last check a pool is remembered.
	recallFor = 20 * time.Second
	// maxRecalled and maxRecalledPools bound what it takes: a person is about 1 KB.
	maxRecalled      = 5_000
	maxRecalledPools = 8
)

// ApplicationMark is enough to tell whether an application has changed.
type ApplicationMark struct {
	ID       string
	Revision int64
}

type recalledPool struct {
	form   int // version whose questions say what is kept
	marks  []ApplicationMark
	people []*Application // Code and counted Answers alone; never written to
	forget *time.Timer
}

// recalling guards the pools of every Service, which are copied in tests.
var recalling sync.Mutex

// recalled is the pool of a program under a form, with these marks, or nil.
func (s *Service) recalled(program string, form *Form, marks []ApplicationMark) []*Application {
	recalling.Lock()
	defer recalling.Unlock()
	p := s.pools[program]
	if p == nil || p.form != form.Version || !slices.Equal(p.marks, marks) || !p.forget.Reset(recallFor) {
		return nil
	}
	return p.people
}

// recall remembers what rules can count of a pool.
func (s *Service) recall(program string, form *Form, pool []*Application) {
	if len(pool) > maxRecalled {
		return
	}
	var keys []string
	for i := range form.Attributes {
		switch a := &form.Attributes[i]; a.Kind {
		case Single, Multi, Entity:
			keys = append(keys, a.Key)
		}
	}
	p := &recalledPool{form: form.Version}
	for _, a := range pool {
		p.marks = append(p.marks, ApplicationMark{a.ID, a.Revision})
		kept := &Application{Code: a.Code, Answers: make(Answers, len(keys))}
		for _, key := range keys {
			if answer, ok := a.Answers[key]; ok {
				one := Answer{Values: answer.Values}
				if form.Attribute(key).Kind == Entity {
					one.Text = answer.Text
				}
				kept.Answers[key] = one
			}
		}
		p.people = append(p.people, kept)
	}
	recalling.Lock()
	defer recalling.Unlock()
	if s.pools == nil {
		s.pools = map[string]*recalledPool{}
	}
	if len(s.pools) >= maxRecalledPools && s.pools[program] == nil {
		return
	}
	if before := s.pools[program]; before != nil {
		before.forget.Stop()
	}
	pools := s.pools
	p.forget = time.AfterFunc(recallFor, func() {
		recalling.Lock()
		defer recalling.Unlock()
		if pools[program] == p {
			delete(pools, program)
		}
	})
	pools[program] = p
}

// forget drops what is remembered of a program's pool.
func (s *Service) forget(program string) {
	recalling.Lock()
	defer recalling.Unlock()
	if p := s.pools[program]; p != nil {
		p.forget.Stop()
		delete(s.pools, program)
	}
}

// presentPool is who a run would choose from if the call closed now, as far as
// rules can count them: their codes and answers.
func (s *Service) presentPool(ctx context.Context, tx Tx, p *Program, form *Form) ([]*Application, error) {
	q := ApplicationQuery{Program: p.ID, States: []ApplicationState{InPool}}
	if p.State == ProgramOpen {
		q.States = append(q.States, Submitted)
	}
	marks, err := tx.ApplicationMarks(ctx, q.Program, q.States)
	if err != nil {
		return nil, err
	}
	all := s.recalled(p.ID, form, marks)
	if all == nil {
		if all, err = tx.Applications(ctx, q); err != nil {
			return nil, err
		}
		s.recall(p.ID, form, all)
	}
	var pool []*Application
	for _, a := range all {
		if form.Eligible(a.Answers) {
			pool = append(pool, a)
		}
	}
	return pool, nil
}
