package mentoring

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
	"github.com/openfairlead/fairlead/internal/words"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// Propose offers a pair that no run made, by a person, with a reason. It may go
// beyond a mentor's places: then the first to accept gets the seat.
func (s *Service) Propose(ctx context.Context, who access.Principal, program, mentee, mentor, reason string, idem Idempotency) (*Proposal, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return nil, problem.Invalid("REASON_MISSING", "a pair made by hand needs a reason, which is recorded", bad...)
	}
	if !strings.HasPrefix(who.Subject, "users/") {
		return nil, problem.Errorf(problem.FailedPrecondition, "PERSON_NEEDED", "pairs are proposed by a person, not by a program: use the token of a member of staff (`fairlead users create`), not one of its own")
	}
	return once(ctx, s, who, program, "Propose", idem, func(tx Tx) (*Proposal, string, error) {
		plan, err := tx.Plan(ctx, program)
		if err != nil {
			return nil, "", err
		}
		a, b, err := pairOf(ctx, tx, program, mentee, mentor)
		if err != nil {
			return nil, "", err
		}
		for _, e := range []*Enrollment{a, b} {
			if e.State != Available && e.State != Paused {
				return nil, "", problem.Errorf(problem.FailedPrecondition, "ENROLLMENT_STATE", "%s is %s: a pair is proposed to people who are AVAILABLE or PAUSED", e.Code, e.State)
			}
		}
		if err := possiblePair(ctx, tx, a, b); err != nil {
			return nil, "", err
		}
		p := &Proposal{ByHand: who.Subject, Reason: reason}
		events, err := s.propose(ctx, tx, who, plan, a, b, p, reason)
		if err != nil {
			return nil, "", err
		}
		return p.shownTo(who), p.ID, tx.AppendEvents(ctx, events...)
	})
}

// propose stages a proposal and sends it, with the places of both sides, in one
// write: a run has thousands. The caller appends the events, last.
func (s *Service) propose(ctx context.Context, tx Tx, who access.Principal, plan *Plan, mentee, mentor *Enrollment, p *Proposal, reason string) ([]Event, error) {
	events, err := s.send(who, plan, mentee, mentor, p, reason)
	if err != nil {
		return nil, err
	}
	if err := tx.InsertProposal(ctx, p); err != nil {
		return nil, err
	}
	for _, id := range ordered(p) {
		if err := tx.ProposePlace(ctx, p.Program, id, p.ByHand != ""); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// send fills in a proposal of a pair as one that is staged and sent.
func (s *Service) send(who access.Principal, plan *Plan, mentee, mentor *Enrollment, p *Proposal, reason string) ([]Event, error) {
	now := s.now()
	p.Program, p.ID, p.State = mentee.Program, s.NewID(), Staged
	p.Mentee, p.Mentor, p.MenteeCode, p.MentorCode = mentee.ID, mentor.ID, mentee.Code, mentor.Code
	p.CreateTime, p.UpdateTime = now, now
	staged := s.event(who, "proposal.stage", p.name(), reason, transition("", p.State))
	from := p.State
	var err error
	if p.State, err = from.after(sendProposal); err != nil {
		return nil, err
	}
	p.SendTime, p.ExpireTime = now, now.Add(plan.AnswerTime)
	return []Event{staged, s.event(who, proposalEvents[sendProposal], p.name(), "", transition(from, p.State))}, nil
}

// ordered are the two sides of a pair in the one order in which their places
// are counted: transactions that lock both would otherwise wait for each other.
func ordered(p *Proposal) []string {
	return slices.Sorted(slices.Values([]string{p.Mentee, p.Mentor}))
}

var proposalEvents = map[proposalAction]string{
	sendProposal: "proposal.send", acceptProposal: "proposal.accept", confirmProposal: "proposal.confirm",
	declineProposal: "proposal.decline", expireProposal: "proposal.expire", recallProposal: "proposal.recall",
}

// moveProposal takes one transition of a proposal, with the places of both
// sides, and returns what to record: this is the only place where either
// changes.
func (s *Service) moveProposal(ctx context.Context, tx Tx, who access.Principal, p *Proposal, action proposalAction, reason string) (Event, error) {
	from := p.State
	next, err := from.after(action)
	if err != nil {
		return Event{}, err
	}
	p.State, p.UpdateTime = next, s.now()
	if answer := action == acceptProposal || action == declineProposal; answer && p.FirstAnswerTime.IsZero() {
		p.FirstAnswerTime = p.UpdateTime
	}
	if !next.Open() {
		p.EndTime = p.UpdateTime
	}
	// The proposal before the counts, always.
	if err := tx.UpdateProposal(ctx, p); err != nil {
		return Event{}, err
	}
	for _, id := range ordered(p) {
		switch {
		case next == Confirmed:
			err = tx.TakePlace(ctx, p.Program, id)
			if problem.ReasonOf(err) == "PLACES_TAKEN" {
				err = problem.Errorf(problem.FailedPrecondition, "PLACES_TAKEN", "this place is taken: somebody else accepted first. The people of the program look for another pair with you")
			}
		case !next.Open():
			err = tx.FreePlace(ctx, p.Program, id, false)
		}
		if err != nil {
			return Event{}, err
		}
	}
	return s.event(who, proposalEvents[action], p.name(), reason, transition(from, next)), nil
}

// sideOf says for which side of a proposal the caller answers: their own, or,
// for staff, the one they name.
func sideOf(who access.Principal, p *Proposal, side Role) (Role, error) {
	switch {
	case who.Enrolled(p.Program, p.Mentee):
		return Mentee, nil
	case who.Enrolled(p.Program, p.Mentor):
		return Mentor, nil
	case who.Enrollment != "":
		return "", noProposal()
	case side != Mentee && side != Mentor:
		return "", problem.Invalid("SIDE_MISSING", "say for whom you answer", Violation{Field: "side", Message: "MENTOR or MENTEE"})
	}
	return side, nil
}

func noProposal() error {
	return problem.Errorf(problem.NotFound, "PROPOSAL_NOT_FOUND", "there is no such proposal")
}

// AcceptProposal accepts for one side: one's own, or, as staff with a reason,
// that of side. When both have accepted, the proposal is CONFIRMED and a
// mentorship begins. FailedPrecondition PROPOSAL_EXPIRED after the time to
// answer, PLACES_TAKEN if others accepted first, CONSENT_MISSING while the side
// has not agreed that its partner sees its contact.
func (s *Service) AcceptProposal(ctx context.Context, who access.Principal, program, id, onBehalfReason string, side Role, revision int64, idem Idempotency) (*Proposal, error) {
	reason, err := s.mayAnswer(who, program, onBehalfReason)
	if err != nil {
		return nil, err
	}
	return once(ctx, s, who, program, "AcceptProposal", idem, func(tx Tx) (*Proposal, string, error) {
		p, side, err := s.toAnswer(ctx, tx, who, program, id, side, revision)
		if err != nil {
			return nil, "", err
		}
		own := p.Mentee
		if side == Mentor {
			own = p.Mentor
		}
		e, err := tx.Enrollment(ctx, program, own)
		if err != nil {
			return nil, "", err
		}
		if !e.agreed(ForContact) {
			return nil, "", problem.Errorf(problem.FailedPrecondition, "CONSENT_MISSING", "agree first that the other one sees your name and how to reach you (consent CONTACT)")
		}
		mine, theirs := &p.MenteeTime, &p.MentorTime
		if side == Mentor {
			mine, theirs = theirs, mine
		}
		if !mine.IsZero() {
			return nil, "", problem.Errorf(problem.FailedPrecondition, "PROPOSAL_ANSWERED", "this side accepted already; the other one has not answered yet")
		}
		*mine = s.now()
		if theirs.IsZero() {
			event, err := s.moveProposal(ctx, tx, who, p, acceptProposal, reason)
			if err != nil {
				return nil, "", err
			}
			return p.shownTo(who), p.ID, tx.AppendEvents(ctx, event)
		}
		events, err := s.confirm(ctx, tx, who, p, reason)
		if err != nil {
			return nil, "", err
		}
		return p.shownTo(who), p.ID, tx.AppendEvents(ctx, events...)
	})
}

// mayAnswer checks who may answer proposals at all; whose, toAnswer does.
func (s *Service) mayAnswer(who access.Principal, program, onBehalfReason string) (string, error) {
	own := who.Enrollment != "" && who.Program == program
	if !own {
		if err := calls.Need(who, access.MatchingsRun, program); err != nil {
			return "", err
		}
	}
	return calls.OnBehalf(own, onBehalfReason)
}

// toAnswer reads a proposal that waits for an answer.
func (s *Service) toAnswer(ctx context.Context, tx Tx, who access.Principal, program, id string, side Role, revision int64) (*Proposal, Role, error) {
	// First, as in every change: changes of one program take turns from there on.
	if _, err := tx.Plan(ctx, program); err != nil {
		return nil, "", err
	}
	p, err := tx.Proposal(ctx, program, id)
	if err != nil {
		return nil, "", err
	}
	if side, err = sideOf(who, p, side); err != nil {
		return nil, "", err
	}
	if p.SendTime.IsZero() && who.Enrollment != "" {
		return nil, "", noProposal()
	}
	// Who is shown no revision cannot find it out by guesses either.
	if p.shownTo(who).Revision > 0 {
		if err := calls.SameRevision(revision, p.Revision); err != nil {
			return nil, "", err
		}
	}
	// Also before anybody has come to end it.
	if (p.State == Sent || p.State == Accepted) && !s.now().Before(p.ExpireTime) {
		return nil, "", proposalExpired()
	}
	if !p.State.Open() {
		if _, err := p.State.after(acceptProposal); err != nil {
			return nil, "", err
		}
	}
	return p, side, nil
}

// confirm begins the mentorship of a proposal that both sides accepted, if both
// agree still that the other one sees how to reach them. To name the other one
// among those one never wants takes that back too, in the same words: who reads
// them cannot tell the two apart.
func (s *Service) confirm(ctx context.Context, tx Tx, who access.Principal, p *Proposal, reason string) ([]Event, error) {
	mentee, err := tx.Enrollment(ctx, p.Program, p.Mentee)
	if err != nil {
		return nil, err
	}
	mentor, err := tx.Enrollment(ctx, p.Program, p.Mentor)
	if err != nil {
		return nil, err
	}
	if !mentee.agreed(ForContact) || !mentor.agreed(ForContact) || unwanted(mentee, mentor) {
		return nil, problem.Errorf(problem.FailedPrecondition, "CONSENT_MISSING", "one of the two no longer agrees that the other one sees how to reach them (consent CONTACT): talk to the people of the program")
	}
	now := s.now()
	m := &Mentorship{
		Program: p.Program, ID: s.NewID(), Proposal: p.ID, Mentee: p.Mentee, Mentor: p.Mentor, MenteeCode: p.MenteeCode, MentorCode: p.MentorCode,
		State: Active, CreateTime: now, UpdateTime: now,
	}
	p.Mentorship = m.ID
	event, err := s.moveProposal(ctx, tx, who, p, confirmProposal, reason)
	if err != nil {
		return nil, err
	}
	if err := tx.InsertMentorship(ctx, m); err != nil {
		return nil, err
	}
	// Again: the proposal's change counted on the mentee.
	if mentee, err = tx.Enrollment(ctx, p.Program, p.Mentee); err != nil {
		return nil, err
	}
	if mentee.WaitRounds > 0 {
		mentee.WaitRounds, mentee.WaitSince = 0, zeroTime
		if err := tx.UpdateEnrollment(ctx, mentee); err != nil {
			return nil, err
		}
	}
	return []Event{event, s.event(who, "mentorship.begin", m.name(), "", transition("", m.State))}, nil
}

// Decline is an answer that refuses a pair.
type Decline struct {
	Reason DeclineReason
	Note   string // in one's own words, for the program's people
	// Never: not this person, ever. No run pairs the two again, and nobody else
	// sees it.
	Never bool
}

// DeclineProposal refuses for one side, as AcceptProposal accepts. The places
// are free again, and Rematch finds another pair.
func (s *Service) DeclineProposal(ctx context.Context, who access.Principal, program, id string, d Decline, onBehalfReason string, side Role, revision int64, idem Idempotency) (*Proposal, error) {
	reason, err := s.mayAnswer(who, program, onBehalfReason)
	if err != nil {
		return nil, err
	}
	var bad []Violation
	if !slices.Contains(DeclineReasons, d.Reason) {
		bad = append(bad, Violation{Field: "reason", Message: "one of " + strings.Join(names(DeclineReasons), ", ")})
	}
	note, why := words.Clean(d.Note, true, 1000)
	if why != "" {
		bad = append(bad, Violation{Field: "note", Message: why})
	}
	if len(bad) > 0 {
		return nil, problem.Invalid("DECLINE_INVALID", "the answer cannot be kept like this", bad...)
	}
	return once(ctx, s, who, program, "DeclineProposal", idem, func(tx Tx) (*Proposal, string, error) {
		p, side, err := s.toAnswer(ctx, tx, who, program, id, side, revision)
		if err != nil {
			return nil, "", err
		}
		p.Decliner, p.DeclineReason, p.DeclineNote = side, d.Reason, note
		event, err := s.moveProposal(ctx, tx, who, p, declineProposal, reason)
		if err != nil {
			return nil, "", err
		}
		if d.Never {
			own, other := p.Mentee, p.Mentor
			if side == Mentor {
				own, other = other, own
			}
			if err := s.refuse(ctx, tx, program, own, other); err != nil {
				return nil, "", err
			}
		}
		return p.shownTo(who), p.ID, tx.AppendEvents(ctx, event)
	})
}

// refuse keeps that one person never wants another.
func (s *Service) refuse(ctx context.Context, tx Tx, program, own, other string) error {
	e, err := tx.Enrollment(ctx, program, own)
	if err != nil || slices.Contains(e.Refused, other) {
		return err
	}
	e.Refused = append(e.Refused, other)
	return tx.UpdateEnrollment(ctx, e)
}

// RecallProposal takes a proposal back, with a reason.
func (s *Service) RecallProposal(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Proposal, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return nil, problem.Invalid("REASON_MISSING", "to take a proposal back needs a reason, which is recorded", bad...)
	}
	return once(ctx, s, who, program, "RecallProposal", idem, func(tx Tx) (*Proposal, string, error) {
		if _, err := tx.Plan(ctx, program); err != nil {
			return nil, "", err
		}
		p, err := tx.Proposal(ctx, program, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, p.Revision); err != nil {
			return nil, "", err
		}
		event, err := s.moveProposal(ctx, tx, who, p, recallProposal, reason)
		if err != nil {
			return nil, "", err
		}
		return p.shownTo(who), p.ID, tx.AppendEvents(ctx, event)
	})
}

// leave ends what an enrollment that leaves the program has open: proposals are
// taken back, mentorships end. It comes before the enrollment's own change, and
// returns what to record.
func (s *Service) leave(ctx context.Context, tx Tx, who access.Principal, e *Enrollment) ([]Event, error) {
	var events []Event
	proposals, err := tx.Proposals(ctx, ProposalQuery{Program: e.Program, Enrollment: e.ID, States: []ProposalState{Staged, Sent, Accepted}})
	if err != nil {
		return nil, err
	}
	for _, p := range proposals {
		event, err := s.moveProposal(ctx, tx, who, p, recallProposal, "")
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	live, err := tx.Mentorships(ctx, MentorshipQuery{Program: e.Program, Enrollment: e.ID, States: []MentorshipState{Active, OnHold}})
	if err != nil {
		return nil, err
	}
	for _, m := range live {
		m.EndReason = EndLeft
		event, err := s.endMentorship(ctx, tx, who, m, endMentorship, "")
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

// ExpireProposals ends every proposal whose time to answer is over, and returns
// how many. The server calls it from time to time; calling it twice, or on two
// servers at once, or while somebody accepts, gives each proposal one end. One
// that cannot be ended does not keep the others.
func (s *Service) ExpireProposals(ctx context.Context) (int, error) {
	n := 0
	var failed error
	for {
		var due []Key
		err := s.Store.View(ctx, func(tx Tx) (err error) {
			due, err = tx.DueProposals(ctx, s.now(), listing.Batch)
			return err
		})
		if err != nil {
			return n, errors.Join(failed, err)
		}
		before := n
		for _, key := range due {
			did, err := s.expire(ctx, key)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("proposal %s of program %s: %w", key.ID, key.Program, err))
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
		if _, err := tx.Plan(ctx, key.Program); err != nil {
			return err
		}
		p, err := tx.Proposal(ctx, key.Program, key.ID)
		if err != nil || p.State != Sent && p.State != Accepted || s.now().Before(p.ExpireTime) {
			return err // answered or ended meanwhile
		}
		event, err := s.moveProposal(ctx, tx, calls.System, p, expireProposal, "")
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

// shownTo is what the caller sees of a proposal: a side nothing of how it came
// about, nor whether and why the other one declined; staff not what the decliner
// wrote. Whether a preference in lived experience was met, only the mentee sees.
func (p *Proposal) shownTo(who access.Principal) *Proposal {
	r := *p
	side, err := sideOf(who, p, "")
	if side == Mentee {
		r.Parts = nil
		for _, part := range p.Parts {
			r.Parts = append(r.Parts, part.unnamed())
		}
	} else {
		r.Parts = openParts(p.Parts)
	}
	if err != nil {
		r.DeclineNote = ""
		return &r
	}
	r.ByHand, r.Reason, r.Matching = "", "", ""
	if side == Mentee {
		r.MentorTime = zeroTime
	} else {
		r.MenteeTime = zeroTime
	}
	if p.Decliner != side {
		r.Decliner, r.DeclineReason, r.DeclineNote = "", "", ""
	}
	if mine := p.MenteeTime; side == Mentor && p.MentorTime.IsZero() || side == Mentee && mine.IsZero() {
		// That the other one accepted already would press: neither the state nor the
		// number of changes nor the time of the last one tells it.
		if r.State == Accepted {
			r.State = Sent
		}
		if r.State == Sent {
			r.UpdateTime = r.SendTime
		}
		r.FirstAnswerTime, r.Revision = zeroTime, 0
	}
	return &r
}

// nameMet names to the mentee, in a proposal that was made ready to be shown,
// which of their preferences were met: as far as the mentor lets it be named
// now. It is stored nowhere.
func (p *Proposal) nameMet(ctx context.Context, tx Tx, who access.Principal) error {
	at := slices.IndexFunc(p.Parts, func(x Part) bool { return x.Feature == scoring.Affinity.String() && x.Points > 0 })
	if at < 0 || !who.Enrolled(p.Program, p.Mentee) {
		return nil
	}
	mentee, err := tx.Enrollment(ctx, p.Program, p.Mentee)
	if err != nil {
		return err
	}
	mentor, err := tx.Enrollment(ctx, p.Program, p.Mentor)
	if err != nil {
		return err
	}
	if !mentee.agreed(ForAffinity) || !mentor.agreed(ForAffinity) {
		return nil
	}
	var named []string
	for _, w := range mentee.Affinity {
		met := func(t Trait) bool {
			return t.Matching && t.Explained && strings.EqualFold(t.Attribute, w.Attribute) && strings.EqualFold(t.Value, w.Value)
		}
		if words := statedPreference + ": " + w.Value; slices.ContainsFunc(mentor.Traits, met) && !slices.Contains(named, words) {
			named = append(named, words)
		}
	}
	if len(named) > 0 {
		p.Parts[at].Evidence = named
	}
	return nil
}

// Proposal returns a proposal: to its two sides once it was sent, and to staff
// with MatchingsRead. The decliner's own words staff read with MatchingsRun, which
// is recorded.
func (s *Service) Proposal(ctx context.Context, who access.Principal, program, id string) (*Proposal, error) {
	own := who.Enrollment != "" && who.Program == program
	if !own {
		if err := calls.Need(who, access.MatchingsRead, program); err != nil {
			return nil, err
		}
	}
	var p, shown *Proposal
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if p, err = tx.Proposal(ctx, program, id); err != nil {
			return err
		}
		if own {
			if _, err := sideOf(who, p, ""); err != nil || p.SendTime.IsZero() {
				return noProposal()
			}
		}
		shown = p.shownTo(who)
		return shown.nameMet(ctx, tx, who)
	})
	if err != nil {
		return nil, err
	}
	if own {
		return shown, nil
	}
	if p.DeclineNote != "" && who.Can(access.MatchingsRun, program) {
		err := s.Store.Update(ctx, func(tx Tx) error {
			return tx.AppendEvents(ctx, s.event(who, "identity.read", p.name(), "", "decline_note"))
		})
		if err != nil {
			return nil, err
		}
		shown.DeclineNote = p.DeclineNote
	}
	return shown, nil
}

var proposalFields = []filter.Field{
	{Name: "state", Type: filter.Enum, Values: names(proposalStates)},
	{Name: "mentee", Type: filter.String},
	{Name: "mentor", Type: filter.String},
	{Name: "matching", Type: filter.String},
	{Name: "create_time", Type: filter.Time},
	{Name: "send_time", Type: filter.Time},
	{Name: "expire_time", Type: filter.Time},
	{Name: "end_time", Type: filter.Time},
}

func proposalValue(p *Proposal, field string) filter.Value {
	switch field {
	case "state":
		return listing.Text(string(p.State))
	case "mentee":
		return listing.Text(enrollmentName(p.Program, Mentee, p.Mentee))
	case "mentor":
		return listing.Text(enrollmentName(p.Program, Mentor, p.Mentor))
	case "matching":
		if p.Matching == "" {
			return filter.Value{}
		}
		return listing.Text(programName(p.Program) + "/matchings/" + p.Matching)
	case "create_time":
		return listing.Time(p.CreateTime)
	case "send_time":
		return listing.Time(p.SendTime)
	case "expire_time":
		return listing.Time(p.ExpireTime)
	case "end_time":
		return listing.Time(p.EndTime)
	}
	return filter.Value{}
}

// Proposals lists a program's proposals in the order they were made: to a
// mentor or mentee their own that were sent, to staff all.
func (s *Service) Proposals(ctx context.Context, who access.Principal, program string, q ListQuery) (*ListPage[*Proposal], error) {
	own := ""
	if who.Enrollment != "" && who.Program == program {
		own = who.Enrollment
	} else if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	// What is filtered is what is seen: a filter must tell nobody more.
	value := func(p *Proposal, field string) filter.Value { return proposalValue(p.shownTo(who), field) }
	l, err := listing.New(q, proposalFields, value, "create_time")
	if err != nil {
		return nil, err
	}
	var page *ListPage[*Proposal]
	err = s.Store.View(ctx, func(tx Tx) error {
		if _, err := tx.Plan(ctx, program); err != nil {
			return err
		}
		id, show := func(p *Proposal) string { return p.ID }, func(p *Proposal) *Proposal { return p.shownTo(who) }
		page, err = l.Page(id, show, func(after string) ([]*Proposal, error) {
			return tx.Proposals(ctx, ProposalQuery{Program: program, Enrollment: own, AfterID: after, Descending: l.Descending, Limit: listing.Batch})
		})
		if err != nil {
			return err
		}
		for _, p := range page.Items {
			if err := p.nameMet(ctx, tx, who); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}
