package introductions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/problem"
)

// Accept accepts an introduction: one's own, or, as staff with a reason, that of
// member. When all who are left in it have accepted, it is ACCEPTED and they see
// each other's contact. FailedPrecondition INTRODUCTION_EXPIRED after the time to
// answer, INTRODUCTION_ANSWERED for a second answer.
func (s *Service) Accept(ctx context.Context, who access.Principal, program, network, id, member, onBehalfReason string, revision int64, idem Idempotency) (*Shown, error) {
	return s.answer(ctx, who, "AcceptIntroduction", program, network, id, member, onBehalfReason, revision, idem, func(tx Tx, i *Introduction, side *Side) error {
		side.Answer = Accepted
		return nil
	})
}

// Decline is an answer that refuses an introduction.
type Decline struct {
	Reason DeclineReason
	// Never: not these people, ever. No round puts them together again, and
	// nobody else sees it.
	Never bool
}

// Decline refuses an introduction, as Accept accepts it. With fewer than the
// network's smallest group left it is DECLINED; else the others go on.
func (s *Service) Decline(ctx context.Context, who access.Principal, program, network, id string, d Decline, member, onBehalfReason string, revision int64, idem Idempotency) (*Shown, error) {
	if !slices.Contains(DeclineReasons, d.Reason) {
		return nil, problem.Invalid("DECLINE_INVALID", "the answer cannot be kept like this", Violation{Field: "reason", Message: "one of " + strings.Join(names(DeclineReasons), ", ")})
	}
	return s.answer(ctx, who, "DeclineIntroduction", program, network, id, member, onBehalfReason, revision, idem, func(tx Tx, i *Introduction, side *Side) error {
		side.Answer, side.Reason = Declined, d.Reason
		m, err := tx.Member(ctx, program, network, side.Member)
		if err != nil {
			return err
		}
		for _, other := range i.Sides {
			if d.Never && other.Member != m.ID && !slices.Contains(m.Refused, other.Member) {
				m.Refused = append(m.Refused, other.Member)
			}
		}
		return tx.UpdateMember(ctx, m) // never or not: staff see the etag of members
	})
}

func (s *Service) answer(ctx context.Context, who access.Principal, method, program, network, id, member, onBehalfReason string, revision int64, idem Idempotency, take func(tx Tx, i *Introduction, side *Side) error) (*Shown, error) {
	own := isOwn(who, program, network)
	if own {
		if member != "" && member != who.Member {
			return nil, noIntroduction()
		}
		member = who.Member
	} else if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	reason, err := calls.OnBehalf(own, onBehalfReason)
	if err != nil {
		return nil, err
	}
	if member == "" {
		return nil, problem.Invalid("MEMBER_MISSING", "say for whom you answer", Violation{Field: "member", Message: "one of the members of the introduction"})
	}
	return once(ctx, s, who, program, method, idem, func(tx Tx) (*Shown, string, error) {
		n, err := tx.Network(ctx, program, network)
		if err != nil {
			return nil, "", err
		}
		i, err := tx.Introduction(ctx, program, network, id)
		if err != nil {
			return nil, "", err
		}
		side := i.side(member)
		if side == nil {
			if own {
				return nil, "", noIntroduction()
			}
			return nil, "", problem.Invalid("MEMBER_MISSING", "say for whom you answer", Violation{Field: "member", Message: "is not in this introduction"})
		}
		if !own { // a member is shown no revision while it is open, and cannot find it out by guesses
			if err := calls.SameRevision(revision, i.Revision); err != nil {
				return nil, "", err
			}
		}
		if err := i.open(s, side); err != nil {
			return nil, "", err
		}
		side.Time = s.now()
		if err := take(tx, i, side); err != nil {
			return nil, "", err
		}
		event, err := s.settle(ctx, tx, who, i, map[State]string{Accepted: "introduction.accept", Declined: "introduction.decline"}[side.Answer], reason)
		if err != nil {
			return nil, "", err
		}
		shown, err := i.shownTo(ctx, tx, n, who)
		if err != nil {
			return nil, "", err
		}
		return shown.stored(), i.ID, tx.AppendEvents(ctx, event)
	})
}

// open refuses an answer that comes too late, or twice.
func (i *Introduction) open(s *Service, side *Side) error {
	switch {
	case i.State == Expired, i.State == Proposed && !s.now().Before(i.ExpireTime):
		return problem.Errorf(problem.FailedPrecondition, "INTRODUCTION_EXPIRED", "the time to answer this introduction is over; the next round introduces you to somebody else")
	case side.Left:
		return problem.Errorf(problem.FailedPrecondition, "INTRODUCTION_STATE", "this member was erased, and nobody answers for them")
	case side.Answer != "":
		return problem.Errorf(problem.FailedPrecondition, "INTRODUCTION_ANSWERED", "this introduction was answered already")
	case i.State != Proposed:
		return problem.Errorf(problem.FailedPrecondition, "INTRODUCTION_STATE", "this introduction is over")
	}
	return nil
}

// settle stores an introduction after somebody answered or left, and ends it
// where that decides it: this is, with expire, the only place where its state
// changes. Whose introduction ends through somebody else had nobody in that round.
func (s *Service) settle(ctx context.Context, tx Tx, who access.Principal, i *Introduction, action, reason string) (Event, error) {
	from := i.State
	accepted, declined := i.answers()
	left := 0
	for _, side := range i.Sides {
		if side.Left && side.Answer != Declined {
			left++
		}
	}
	switch remain := len(i.Sides) - declined - left; {
	case remain < i.Need && declined > 0:
		i.State = Declined
	case remain < i.Need:
		i.State = Recalled
	case accepted >= remain:
		i.State = Accepted
		stands, err := i.stands(ctx, tx)
		if err != nil {
			return Event{}, err
		}
		if !stands {
			i.State = Recalled
		}
	}
	return s.store(ctx, tx, who, i, from, action, reason)
}

// stands reports whether those who accepted may still be introduced: all of them
// agree that their answers are used, and none never wants to meet another. An
// acceptance cannot be taken back, but these can, until contacts are shared.
func (i *Introduction) stands(ctx context.Context, tx Tx) (bool, error) {
	var ids []string
	members := map[string]*Member{}
	for _, side := range i.Sides {
		if side.Answer != Accepted {
			continue
		}
		m, err := tx.Member(ctx, i.Program, i.Network, side.Member)
		if err != nil {
			return false, err
		}
		if !m.Agreed {
			return false, nil
		}
		ids, members[m.ID] = append(ids, m.ID), m
	}
	return !unwanted(ids, members), nil
}

func (s *Service) store(ctx context.Context, tx Tx, who access.Principal, i *Introduction, from State, action, reason string) (Event, error) {
	i.UpdateTime = s.now()
	if i.State != Proposed {
		i.EndTime = i.UpdateTime
	}
	if err := tx.UpdateIntroduction(ctx, i); err != nil {
		return Event{}, err
	}
	if i.State != Proposed && i.State != Accepted {
		before, err := tx.Before(ctx, i.Program, i.Network, i.ID)
		if err != nil {
			return Event{}, err
		}
		for _, side := range i.Sides {
			if side.Left || side.Answer == Declined || i.State == Expired && side.Answer != Accepted {
				continue
			}
			if err := tx.SkipMember(ctx, i.Program, i.Network, side.Member, before[side.Member]); err != nil {
				return Event{}, err
			}
		}
	}
	detail := ""
	if i.State != from {
		detail = transition(from, i.State)
	}
	return s.event(who, action, i.name(), reason, detail), nil
}

// Expire ends every introduction whose time to answer is over, and returns how
// many. Where enough have accepted for a group, these are introduced. The server
// calls it from time to time; calling it twice, or on two servers at once, or
// while somebody answers, gives each introduction one end.
func (s *Service) Expire(ctx context.Context) (int, error) {
	n := 0
	var failed error
	for {
		var due []Key
		err := s.Store.View(ctx, func(tx Tx) (err error) {
			due, err = tx.DueIntroductions(ctx, s.now(), listing.Batch)
			return err
		})
		if err != nil {
			return n, errors.Join(failed, err)
		}
		before := n
		for _, key := range due {
			did, err := s.expire(ctx, key)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("introduction %s of network %s: %w", key.ID, networkName(key.Program, key.Network), err))
			}
			if did {
				n++
			}
		}
		if len(due) < listing.Batch || n == before || ctx.Err() != nil {
			return n, failed
		}
	}
}

func (s *Service) expire(ctx context.Context, key Key) (bool, error) {
	did := false
	err := s.Store.Update(ctx, func(tx Tx) error {
		did = false
		if _, err := tx.Network(ctx, key.Program, key.Network); err != nil {
			return err
		}
		i, err := tx.Introduction(ctx, key.Program, key.Network, key.ID)
		if err != nil || i.State != Proposed || s.now().Before(i.ExpireTime) {
			return err // answered or ended meanwhile
		}
		from := i.State
		i.State = Expired
		if accepted, _ := i.answers(); accepted >= i.Need {
			stands, err := i.stands(ctx, tx)
			if err != nil {
				return err
			}
			if stands { // else it ends as if too few had answered, which tells nobody why
				i.State = Accepted
			}
		}
		event, err := s.store(ctx, tx, calls.System, i, from, "introduction.expire", "")
		if err != nil {
			return err
		}
		did = true
		return tx.AppendEvents(ctx, event)
	})
	if problem.CodeOf(err) == problem.NotFound {
		return false, nil // its program was deleted
	}
	return did && err == nil, err
}

// Shown is an introduction as the caller sees it.
type Shown struct {
	Introduction
	// Profiles and Contacts of the others, by id, as far as the caller sees them.
	Profiles map[string]map[string]string
	Contacts map[string]Contact
	Own      string // id of the caller's side, or ""
	// Declines by reason, for staff, once it is over.
	Declines map[DeclineReason]int
}

// stored is what is kept of an answer for who sends the same request again:
// nothing of anybody's profile or contact.
func (v *Shown) stored() *Shown {
	r := *v
	r.Profiles, r.Contacts = nil, nil
	return &r
}

// shownTo is what the caller sees of an introduction: nobody what another one
// answered, before it is over or after; who is in it what the network shows of
// the others, and their contact once all of them accepted. Nothing of who took
// back since that their answers are used.
func (i *Introduction) shownTo(ctx context.Context, tx Tx, n *Network, who access.Principal) (*Shown, error) {
	v := &Shown{Introduction: *i}
	v.Sides = slices.Clone(i.Sides)
	for k := range v.Sides {
		if s := &v.Sides[k]; !who.MemberOf(i.Program, i.Network, s.Member) {
			s.Answer, s.Time, s.Reason = "", zeroTime, ""
		}
	}
	own := i.side(who.Member)
	if who.Member == "" || own == nil {
		v.Declines = map[DeclineReason]int{}
		for _, s := range i.Sides {
			if i.State != Proposed && s.Answer == Declined {
				v.Declines[s.Reason]++
			}
		}
		return v, nil
	}
	v.Own = own.Member
	if i.State == Proposed { // neither the number of changes nor the time of the last one tells of an answer
		v.UpdateTime, v.Revision = i.CreateTime, 0
	}
	// For whom it is over earlier, or without them.
	switch {
	case own.Answer == Declined:
		v.State, v.EndTime, v.UpdateTime, v.Revision = Declined, own.Time, own.Time, 0
	case i.State == Accepted && own.Answer != Accepted:
		v.State = Expired
	}
	met := v.State == Accepted
	if met {
		v.Sides = slices.DeleteFunc(v.Sides, func(s Side) bool { return i.side(s.Member).Answer != Accepted })
	}
	v.Profiles, v.Contacts = map[string]map[string]string{}, map[string]Contact{}
	for _, s := range v.Sides {
		if s.Member == own.Member || v.State != Proposed && !met {
			continue
		}
		m, err := tx.Member(ctx, i.Program, i.Network, s.Member)
		if err != nil {
			return nil, err
		}
		shown := map[string]string{}
		v.Profiles[m.ID] = shown
		if !m.Agreed || m.Erased {
			continue
		}
		for _, column := range n.Shown {
			if cell := m.Profile[column]; cell != "" {
				shown[column] = cell
			}
		}
		if met {
			v.Contacts[m.ID] = m.Contact
		}
	}
	return v, nil
}

// Introduction returns an introduction: to who is in it, and to staff with
// MatchingsRead, who see nobody's profile or contact in it.
func (s *Service) Introduction(ctx context.Context, who access.Principal, program, network, id string) (*Shown, error) {
	own := isOwn(who, program, network)
	if !own {
		if err := calls.Need(who, access.MatchingsRead, program); err != nil {
			return nil, err
		}
	}
	var v *Shown
	err := s.Store.View(ctx, func(tx Tx) error {
		n, err := tx.Network(ctx, program, network)
		if err != nil {
			return err
		}
		i, err := tx.Introduction(ctx, program, network, id)
		if err == nil && own && i.side(who.Member) == nil {
			err = noIntroduction()
		}
		if err != nil {
			return err
		}
		v, err = i.shownTo(ctx, tx, n, who)
		return err
	})
	return v, err
}

var introductionFilters = []filter.Field{
	{Name: "state", Type: filter.Enum, Values: names(introductionStates)},
	{Name: "round", Type: filter.String},
	{Name: "create_time", Type: filter.Time},
	{Name: "expire_time", Type: filter.Time},
	{Name: "end_time", Type: filter.Time},
}

func introductionValue(v *Shown, field string) filter.Value {
	switch field {
	case "state":
		return listing.Text(string(v.State))
	case "round":
		return listing.Text(networkName(v.Program, v.Network) + "/rounds/" + v.Round)
	case "create_time":
		return listing.Time(v.CreateTime)
	case "expire_time":
		return listing.Time(v.ExpireTime)
	case "end_time":
		return listing.Time(v.EndTime)
	}
	return filter.Value{}
}

// Introductions lists introductions in the order they were made: to a member
// their own, to staff all of a network.
func (s *Service) Introductions(ctx context.Context, who access.Principal, program, network string, q ListQuery) (*ListPage[*Shown], error) {
	own := ""
	if isOwn(who, program, network) {
		own = who.Member
	} else if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	// What is filtered is what is seen: a filter must tell nobody more.
	l, err := listing.New(q, introductionFilters, introductionValue, "create_time")
	if err != nil {
		return nil, err
	}
	var page *ListPage[*Shown]
	err = s.Store.View(ctx, func(tx Tx) error {
		n, err := tx.Network(ctx, program, network)
		if err != nil {
			return err
		}
		id, show := func(v *Shown) string { return v.ID }, func(v *Shown) *Shown { return v }
		page, err = l.Page(id, show, func(after string) ([]*Shown, error) {
			list, err := tx.Introductions(ctx, IntroductionQuery{Program: program, Network: network, Member: own, AfterID: after, Descending: l.Descending, Limit: listing.Batch})
			if err != nil {
				return nil, err
			}
			shown := make([]*Shown, len(list))
			for k, i := range list {
				if shown[k], err = i.shownTo(ctx, tx, n, who); err != nil {
					return nil, err
				}
			}
			return shown, nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}
