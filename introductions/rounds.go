package introductions

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/words"
)

// CreateRound queues a round. r gives Program, Network, Seed (empty: drawn) and
// Work.
func (s *Service) CreateRound(ctx context.Context, who access.Principal, r *Round, idem Idempotency) (*Round, error) {
	if err := calls.Need(who, access.MatchingsRun, r.Program); err != nil {
		return nil, err
	}
	var bad []Violation
	seed, why := words.Clean(r.Seed, false, 200)
	if why != "" {
		bad = append(bad, Violation{Field: "seed", Message: why})
	}
	if r.Work < 0 {
		bad = append(bad, Violation{Field: "work_limit", Message: "not negative; 0 is no limit"})
	}
	if len(bad) > 0 {
		return nil, problem.Invalid("ROUND_INVALID", "the round cannot begin like this", bad...)
	}
	drawn := make([]byte, 16)
	if _, err := io.ReadFull(s.Random, drawn); err != nil {
		return nil, fmt.Errorf("read random bytes: %w", err)
	}
	made, err := once(ctx, s, who, r.Program, "CreateRound", idem, func(tx Tx) (*Round, string, error) {
		n, err := tx.Network(ctx, r.Program, r.Network)
		if err != nil {
			return nil, "", err
		}
		now := s.now()
		made := &Round{
			Program: n.Program, Network: n.ID, ID: s.NewID(), State: Queued, Seed: seed, Work: r.Work, Base: n.Rounds,
			Engine: s.Engine, CreatedBy: who.Subject, CreateTime: now, UpdateTime: now,
		}
		if made.Seed == "" {
			made.Seed = hex.EncodeToString(drawn)
		}
		if err := tx.InsertRound(ctx, made); err != nil {
			return nil, "", err
		}
		return made, made.ID, tx.AppendEvents(ctx, s.event(who, "round.create", made.name(), "", transition("", made.State)))
	})
	if err == nil && s.Wake != nil {
		s.Wake()
	}
	return made, err
}

// outside is a round without what its people must not be read from.
func (r *Round) outside() *Round {
	o := *r
	o.Frozen, o.Record = nil, nil
	return &o
}

// Round returns a round: its state and progress.
func (s *Service) Round(ctx context.Context, who access.Principal, program, network, id string) (*Round, error) {
	r, err := s.round(ctx, who, program, network, id)
	if err != nil {
		return nil, err
	}
	return r.outside(), nil
}

func (s *Service) round(ctx context.Context, who access.Principal, program, network, id string) (*Round, error) {
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	var r *Round
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		r, err = tx.Round(ctx, program, network, id)
		return err
	})
	return r, err
}

// RoundResult returns what a round found: FailedPrecondition
// ROUND_WITHOUT_RESULT before there is anything.
func (s *Service) RoundResult(ctx context.Context, who access.Principal, program, network, id string) (*Result, error) {
	r, err := s.round(ctx, who, program, network, id)
	if err != nil {
		return nil, err
	}
	return r.result()
}

func (r *Round) result() (*Result, error) {
	if len(r.Record) == 0 {
		return nil, problem.Errorf(problem.FailedPrecondition, "ROUND_WITHOUT_RESULT", "this round has no result: it is %s", r.State)
	}
	result := &Result{}
	if err := json.Unmarshal(r.Record, result); err != nil {
		return nil, problem.Errorf(problem.DataLoss, "RECORD_UNREADABLE", "the stored result of this round cannot be read")
	}
	return result, nil
}

// keep stores a result in a round.
func (r *Round) keep(result *Result) error {
	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	r.Record, r.Groups, r.Left = text, len(result.Groups), len(result.Left)
	return nil
}

var roundFilters = []filter.Field{
	{Name: "state", Type: filter.Enum, Values: names(roundStates)},
	{Name: "create_time", Type: filter.Time},
	{Name: "end_time", Type: filter.Time},
	{Name: "publish_time", Type: filter.Time},
}

func roundValue(r *Round, field string) filter.Value {
	switch field {
	case "state":
		return listing.Text(string(r.State))
	case "create_time":
		return listing.Time(r.CreateTime)
	case "end_time":
		return listing.Time(r.DoneTime)
	case "publish_time":
		return listing.Time(r.PublishTime)
	}
	return filter.Value{}
}

// Rounds lists a network's rounds, oldest first.
func (s *Service) Rounds(ctx context.Context, who access.Principal, program, network string, q ListQuery) (*ListPage[*Round], error) {
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	l, err := listing.New(q, roundFilters, roundValue, "create_time")
	if err != nil {
		return nil, err
	}
	if l.Descending {
		return nil, problem.Invalid("LIST_INVALID", "the list cannot be made like this", Violation{Field: "order_by", Message: "rounds are listed oldest first"})
	}
	var page *ListPage[*Round]
	err = s.Store.View(ctx, func(tx Tx) error {
		if _, err := tx.Network(ctx, program, network); err != nil {
			return err
		}
		page, err = l.Page(func(r *Round) string { return r.ID }, (*Round).outside, func(after string) ([]*Round, error) {
			return tx.RoundHeads(ctx, program, network, after, listing.Batch)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// CancelRound stops a round that is not solved.
func (s *Service) CancelRound(ctx context.Context, who access.Principal, program, network, id string, idem Idempotency) (*Round, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	return once(ctx, s, who, program, "CancelRound", idem, func(tx Tx) (*Round, string, error) {
		r, err := tx.Round(ctx, program, network, id)
		if err != nil {
			return nil, "", err
		}
		next, err := r.State.after(cancelRound)
		if err != nil {
			return nil, "", err
		}
		now := s.now()
		event := s.event(who, "round.cancel", r.name(), "", "")
		r.CancelAsked, r.UpdateTime = true, now
		if r.State == Queued { // nobody works on it: it ends here
			event.Detail = transition(r.State, next)
			r.State, r.DoneTime = next, now
		}
		if err := tx.UpdateRound(ctx, r); err != nil {
			return nil, "", err
		}
		return r.outside(), r.ID, tx.AppendEvents(ctx, event)
	})
}

// PublishRound makes the introductions of a solved round, all at once.
// FailedPrecondition ROUND_OVERTAKEN if another one was published since it was
// queued. Who has paused, left or had a change of mind since is taken out, with
// those whose group is too small without them: the result says so.
func (s *Service) PublishRound(ctx context.Context, who access.Principal, program, network, id, reason string, revision int64, idem Idempotency) (*Round, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	reason, err := calls.Reason(reason)
	if err != nil {
		return nil, err
	}
	return once(ctx, s, who, program, "PublishRound", idem, func(tx Tx) (*Round, string, error) {
		n, err := tx.Network(ctx, program, network)
		if err != nil {
			return nil, "", err
		}
		r, err := tx.Round(ctx, program, network, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, r.Revision); err != nil {
			return nil, "", err
		}
		from := r.State
		if r.State, err = from.after(publishRound); err != nil {
			return nil, "", err
		}
		if err := tx.CountRound(ctx, program, network, r.Base); err != nil {
			return nil, "", err
		}
		result, err := r.result()
		if err != nil {
			return nil, "", err
		}
		if err := s.introduce(ctx, tx, n, r, result); err != nil {
			return nil, "", err
		}
		if err := r.keep(result); err != nil {
			return nil, "", err
		}
		now := s.now()
		r.Number, r.PublishedBy, r.PublishTime, r.UpdateTime = r.Base+1, who.Subject, now, now
		if err := tx.UpdateRound(ctx, r); err != nil {
			return nil, "", err
		}
		detail := fmt.Sprintf("%s introductions=%d left=%d", transition(from, r.State), r.Groups, r.Left)
		return r.outside(), r.ID, tx.AppendEvents(ctx, s.event(who, "round.publish", r.name(), reason, detail))
	})
}

// introduce makes an introduction of each group that still can be, and counts
// who is left.
func (s *Service) introduce(ctx context.Context, tx Tx, n *Network, r *Round, result *Result) error {
	list, err := tx.Members(ctx, MemberQuery{Program: n.Program, Network: n.ID})
	if err != nil {
		return err
	}
	open, err := tx.InOpen(ctx, n.Program, n.ID)
	if err != nil {
		return err
	}
	now := s.now()
	members := make(map[string]*Member, len(list))
	for _, m := range list {
		if !m.Erased {
			members[m.ID] = m
		}
	}
	need := n.MinSize
	if n.Pairs() {
		need = 2
	}
	var kept []Group
	for _, g := range result.Groups {
		can := func(id string) bool { return members[id] != nil && members[id].absence(open, now) == "" }
		in := slices.DeleteFunc(slices.Clone(g.Members), func(id string) bool { return !can(id) })
		if len(in) < need || unwanted(in, members) {
			in = nil
		}
		var rest Group
		for i, id := range g.Members {
			if slices.Contains(in, id) {
				rest.Members, rest.Codes = append(rest.Members, id), append(rest.Codes, g.Codes[i])
				continue
			}
			left := Left{Member: id, Code: g.Codes[i], Reason: Changed}
			if m := members[id]; m != nil {
				left.Waited, left.Skipped = m.Waited, m.Skipped
			}
			result.Left = append(result.Left, left)
		}
		if in == nil {
			continue
		}
		if len(in) == len(g.Members) {
			rest = g
		}
		kept = append(kept, rest)
		i := &Introduction{
			Program: n.Program, Network: n.ID, ID: s.NewID(), Round: r.ID, State: Proposed, Need: need,
			CreateTime: now, UpdateTime: now, ExpireTime: now.Add(n.AnswerTime),
		}
		var before []Standing
		for k, id := range rest.Members {
			i.Sides = append(i.Sides, Side{Member: id, Code: rest.Codes[k]})
			before = append(before, members[id].Standing)
		}
		if err := tx.InsertIntroduction(ctx, i, before); err != nil {
			return err
		}
	}
	if len(kept) < len(result.Groups) || slices.ContainsFunc(result.Left, func(l Left) bool { return l.Reason == Changed }) {
		// What was proved was proved of others.
		result.Status, result.LeftProved, result.TotalProved, result.Total = "FEASIBLE", false, false, 0
		for _, g := range kept {
			result.Total += int64(g.Score)
		}
	}
	result.Groups = kept
	slices.SortStableFunc(result.Left, func(a, b Left) int { return compareWaits(b, a) })
	if err := tx.IntroduceMembers(ctx, n.Program, n.ID, r.ID, now); err != nil {
		return err
	}
	for _, l := range result.Left {
		// Who takes no part any more is not skipped.
		if m := members[l.Member]; m != nil && m.absence(open, now) == "" {
			if err := tx.SkipMember(ctx, n.Program, n.ID, m.ID, m.Standing); err != nil {
				return err
			}
		}
	}
	return nil
}

// unwanted reports whether one of some people never wants to meet another.
func unwanted(ids []string, members map[string]*Member) bool {
	return slices.ContainsFunc(ids, func(id string) bool {
		m := members[id]
		return slices.ContainsFunc(ids, func(other string) bool {
			return slices.Contains(m.Never, other) || slices.Contains(m.Refused, other)
		})
	})
}
