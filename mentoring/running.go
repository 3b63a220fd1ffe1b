package mentoring

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/words"
	"github.com/openfairlead/fairlead/matcher/pairing"
)

// CreateMatching queues a run over everybody who is available. m gives Program,
// Objectives (empty: the plan's), Seed (empty: drawn) and Work.
func (s *Service) CreateMatching(ctx context.Context, who access.Principal, m *Matching, idem Idempotency) (*Matching, error) {
	return s.queue(ctx, who, m, "CreateMatching", idem)
}

// Rematch queues a run that mends the end of a proposal: what stands, stands,
// and what is free is matched again; the pair that ended is not made again if
// it was declined. Those whom a published run left without a mentor come first.
func (s *Service) Rematch(ctx context.Context, who access.Principal, program, proposal string, idem Idempotency) (*Matching, error) {
	return s.queue(ctx, who, &Matching{Program: program, After: proposal}, "Rematch", idem)
}

func (s *Service) queue(ctx context.Context, who access.Principal, asked *Matching, method string, idem Idempotency) (*Matching, error) {
	if err := calls.Need(who, access.MatchingsRun, asked.Program); err != nil {
		return nil, err
	}
	var bad []Violation
	seed, why := words.Clean(asked.Seed, false, 200)
	if why != "" {
		bad = append(bad, Violation{Field: "seed", Message: why})
	}
	if asked.Work < 0 {
		bad = append(bad, Violation{Field: "work_limit", Message: "not negative; 0 is no limit"})
	}
	if len(asked.Objectives) > 0 {
		if _, err := pairing.ParseObjective(strings.Join(asked.Objectives, ",")); err != nil {
			bad = append(bad, Violation{Field: "objectives", Message: err.Error()})
		}
	}
	if len(bad) > 0 {
		return nil, problem.Invalid("MATCHING_INVALID", "the run cannot begin like this", bad...)
	}
	drawn := make([]byte, 16)
	if _, err := io.ReadFull(s.Random, drawn); err != nil {
		return nil, fmt.Errorf("read random bytes: %w", err)
	}
	made, err := once(ctx, s, who, asked.Program, method, idem, func(tx Tx) (*Matching, string, error) {
		p, err := tx.Plan(ctx, asked.Program)
		if err != nil {
			return nil, "", err
		}
		base, err := tx.Published(ctx, asked.Program)
		if err != nil {
			return nil, "", err
		}
		if asked.After != "" {
			ended, err := tx.Proposal(ctx, asked.Program, asked.After)
			if err != nil {
				return nil, "", err
			}
			if ended.State.Open() || ended.State == Confirmed {
				return nil, "", problem.Errorf(problem.FailedPrecondition, "PROPOSAL_STATE", "this proposal is %s: there is nothing to mend", ended.State)
			}
		}
		now := s.now()
		made := &Matching{
			Program: p.Program, ID: s.NewID(), State: Queued, Objectives: slices.Clone(asked.Objectives), Seed: seed, Work: asked.Work,
			Base: base, After: asked.After, Engine: s.Engine, CreateTime: now, UpdateTime: now, CreatedBy: who.Subject,
		}
		if len(made.Objectives) == 0 {
			made.Objectives = slices.Clone(p.Objectives)
		}
		if len(made.Objectives) == 0 {
			for _, t := range pairing.DefaultObjective() {
				made.Objectives = append(made.Objectives, t.String())
			}
		}
		if made.Seed == "" {
			made.Seed = hex.EncodeToString(drawn)
		}
		if err := tx.InsertMatching(ctx, made); err != nil {
			return nil, "", err
		}
		return made, made.ID, tx.AppendEvents(ctx, s.event(who, "matching.create", made.name(), "", transition("", made.State)))
	})
	if err == nil && s.Wake != nil {
		s.Wake()
	}
	return made, err
}

// outside is a run without what its people must not be read from.
func (m *Matching) outside() *Matching {
	r := *m
	r.Frozen, r.Record = nil, nil
	return &r
}

// Matching returns a run: its state and progress.
func (s *Service) Matching(ctx context.Context, who access.Principal, program, id string) (*Matching, error) {
	m, err := s.matching(ctx, who, access.MatchingsRead, program, id)
	if err != nil {
		return nil, err
	}
	return m.outside(), nil
}

func (s *Service) matching(ctx context.Context, who access.Principal, perm access.Permission, program, id string) (*Matching, error) {
	if err := calls.Need(who, perm, program); err != nil {
		return nil, err
	}
	var m *Matching
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		m, err = tx.Matching(ctx, program, id)
		return err
	})
	return m, err
}

var matchingFields = []filter.Field{
	{Name: "state", Type: filter.Enum, Values: names(matchingStates)},
	{Name: "create_time", Type: filter.Time},
	{Name: "end_time", Type: filter.Time},
	{Name: "publish_time", Type: filter.Time},
}

func matchingValue(m *Matching, field string) filter.Value {
	switch field {
	case "state":
		return listing.Text(string(m.State))
	case "create_time":
		return listing.Time(m.CreateTime)
	case "end_time":
		return listing.Time(m.DoneTime)
	case "publish_time":
		return listing.Time(m.PublishTime)
	}
	return filter.Value{}
}

// Matchings lists a program's runs, oldest first.
func (s *Service) Matchings(ctx context.Context, who access.Principal, program string, q ListQuery) (*ListPage[*Matching], error) {
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	l, err := oldestFirst(q, matchingFields, matchingValue)
	if err != nil {
		return nil, err
	}
	var page *ListPage[*Matching]
	err = s.Store.View(ctx, func(tx Tx) error {
		if _, err := tx.Plan(ctx, program); err != nil {
			return err
		}
		page, err = l.Page(func(m *Matching) string { return m.ID }, (*Matching).outside, func(after string) ([]*Matching, error) {
			return tx.MatchingHeads(ctx, program, after, listing.Batch)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// MatchingResult returns what a run found, with the edits since:
// FailedPrecondition MATCHING_WITHOUT_RESULT before there is one.
func (s *Service) MatchingResult(ctx context.Context, who access.Principal, program, id string) (*Result, error) {
	m, err := s.matching(ctx, who, access.MatchingsRead, program, id)
	if err != nil {
		return nil, err
	}
	r, err := m.result()
	if err != nil {
		return nil, err
	}
	for i := range r.Pairs {
		r.Pairs[i].Parts = openParts(r.Pairs[i].Parts)
	}
	return r, nil
}

func (m *Matching) result() (*Result, error) {
	if len(m.Record) == 0 {
		return nil, problem.Errorf(problem.FailedPrecondition, "MATCHING_WITHOUT_RESULT", "this run has no result: it is %s", m.State)
	}
	r := &Result{}
	if err := json.Unmarshal(m.Record, r); err != nil {
		return nil, problem.Errorf(problem.DataLoss, "RECORD_UNREADABLE", "the stored result of this run cannot be read")
	}
	return r, nil
}

// CancelMatching stops a run that is not done.
func (s *Service) CancelMatching(ctx context.Context, who access.Principal, program, id string, idem Idempotency) (*Matching, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	return once(ctx, s, who, program, "CancelMatching", idem, func(tx Tx) (*Matching, string, error) {
		m, err := tx.Matching(ctx, program, id)
		if err != nil {
			return nil, "", err
		}
		next, err := m.State.after(cancelMatching)
		if err != nil {
			return nil, "", err
		}
		now := s.now()
		event := s.event(who, "matching.cancel", m.name(), "", "")
		m.CancelAsked, m.UpdateTime = true, now
		if m.State == Queued { // nobody works on it: it ends here
			event.Detail = transition(m.State, next)
			m.State, m.DoneTime = next, now
		}
		if err := tx.UpdateMatching(ctx, m); err != nil {
			return nil, "", err
		}
		return m.outside(), m.ID, tx.AppendEvents(ctx, event)
	})
}
