package replicatest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/mentoring"
)

// pairJob is what a worker does with mentors and mentees: accept a proposal as
// its mentee, publish a run, or end what is over by a clock that may be ahead.
type pairJob struct {
	Program, Proposal, Mentee string
	Matching, Base            string
	Expire                    string // a proposal
	Ahead                     time.Duration
	// Naive: look, and write in another transaction, as somebody would who has
	// not thought of others who look at the same time.
	Naive bool
}

func mentoringOf(s *applications.Service) *mentoring.Service {
	return &mentoring.Service{
		Store: s.Store.(*sqlstore.Store).Mentoring(), Secrets: s.Secrets, Log: s.Log, Now: s.Now, NewID: s.NewID, Random: s.Random,
	}
}

// doPair does a job and reports it as an accept: Accepted with one id, or
// Refused with the reason, or Expired.
func doPair(app *applications.Service, at time.Time, j pairJob) report {
	s := mentoringOf(app)
	r := report{Refused: map[string]int{}}
	ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
	defer cancel()
	time.Sleep(time.Until(at))
	begin := time.Now()
	what := j.Proposal + j.Matching
	attempt := func() error {
		switch {
		case j.Expire != "" && j.Naive:
			return naively(ctx, s, j.Program, j.Expire, mentoring.Expired)
		case j.Expire != "":
			now := s.Now
			s.Now = func() time.Time { return now().Add(j.Ahead) }
			n, err := s.ExpireProposals(ctx)
			r.Expired += n
			return err
		case j.Proposal != "" && j.Naive:
			return naively(ctx, s, j.Program, j.Proposal, mentoring.Confirmed)
		case j.Proposal != "":
			who := access.Principal{Subject: "mentees/" + j.Mentee, Program: j.Program, Enrollment: j.Mentee}
			_, err := s.AcceptProposal(ctx, who, j.Program, j.Proposal, "", "", 0, mentoring.Idempotency{})
			return err
		case j.Naive:
			return publishNaively(ctx, s, j)
		}
		who := access.Principal{Subject: "users/coordinator", Grants: []access.Grant{{Role: access.Coordinator}}}
		_, err := s.PublishMatching(ctx, who, j.Program, j.Matching, "the race", 0, mentoring.Idempotency{})
		return err
	}
	err := attempt()
	for ; problem.ReasonOf(err) == "TRANSACTION_CONFLICT"; r.Retries++ {
		err = attempt()
	}
	r.Slowest = time.Since(begin)
	switch {
	case err == nil && j.Expire == "":
		r.Accepted = []string{what}
	case err == nil && j.Naive:
		r.Expired = 1
	case err == nil:
	case problem.CodeOf(err) == problem.FailedPrecondition:
		r.Refused[problem.ReasonOf(err)]++
	default:
		r.Failed = err.Error()
	}
	return r
}

// naively ends a proposal if it is open and its mentor has a place left.
func naively(ctx context.Context, s *mentoring.Service, program, id string, end mentoring.ProposalState) error {
	err := s.Store.View(ctx, func(tx mentoring.Tx) error {
		p, err := tx.Proposal(ctx, program, id)
		if err != nil {
			return err
		}
		places, err := tx.Places(ctx, program, p.Mentor)
		if err != nil {
			return err
		}
		confirmed, err := tx.Proposals(ctx, mentoring.ProposalQuery{Program: program, Enrollment: p.Mentor, States: []mentoring.ProposalState{mentoring.Confirmed}})
		if err == nil && (!p.State.Open() || end == mentoring.Confirmed && len(confirmed) >= places.Total) {
			err = problem.Errorf(problem.FailedPrecondition, "PLACES_TAKEN", "taken")
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx mentoring.Tx) error {
		p, err := tx.Proposal(ctx, program, id)
		if err != nil {
			return err
		}
		p.State = end
		return tx.UpdateProposal(ctx, p)
	})
}

func publishNaively(ctx context.Context, s *mentoring.Service, j pairJob) error {
	err := s.Store.View(ctx, func(tx mentoring.Tx) error {
		heads, err := tx.MatchingHeads(ctx, j.Program, j.Base, 0)
		for _, m := range heads {
			if m.State == mentoring.Published && err == nil {
				err = problem.Errorf(problem.FailedPrecondition, "MATCHING_OVERTAKEN", "another one was")
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx mentoring.Tx) error {
		m, err := tx.Matching(ctx, j.Program, j.Matching)
		if err != nil {
			return err
		}
		m.State = mentoring.Published
		return tx.UpdateMatching(ctx, m)
	})
}

// pairs makes mentors and mentees for a race.
type pairs struct {
	*track
	s       *mentoring.Service
	program string
	codes   int
}

func newPairs(r *track) *pairs {
	p := &pairs{track: r, s: mentoringOf(r.svc), program: "pairs"}
	now := time.Now().UTC()
	p.do(func(tx mentoring.Tx) error {
		err := tx.(applications.Tx).InsertProgram(r.ctx, &applications.Program{ID: p.program, State: applications.ProgramDraft, CreateTime: now})
		if err != nil {
			return err
		}
		return tx.InsertPlan(r.ctx, &mentoring.Plan{Program: p.program, MaxSeats: 3, MaxWanted: 3, AnswerTime: time.Hour, Contact: "somebody", CreateTime: now})
	})
	return p
}

func (p *pairs) do(fn func(tx mentoring.Tx) error) {
	p.Helper()
	if err := p.s.Store.Update(p.ctx, fn); err != nil {
		p.Fatal(err)
	}
}

func (p *pairs) enroll(tx mentoring.Tx, role mentoring.Role) (*mentoring.Enrollment, error) {
	p.codes++
	e := &mentoring.Enrollment{
		Program: p.program, ID: p.s.NewID(), Code: fmt.Sprintf("%.2s-%d", role, p.codes), Role: role, State: mentoring.Available,
		Consents: []mentoring.Consent{{Purpose: mentoring.ForMatching, Given: true}, {Purpose: mentoring.ForContact, Given: true}},
	}
	if e.Seats = 1; role == mentoring.Mentee {
		e.Seats, e.Wanted = 0, 1
	}
	return e, tx.InsertEnrollment(p.ctx, e)
}

// offered is a mentor with one place and n mentees, each with a proposal that
// the mentor has accepted.
func (p *pairs) offered(n int) (mentor string, jobs []pairJob) {
	p.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	p.do(func(tx mentoring.Tx) error {
		jobs = nil
		b, err := p.enroll(tx, mentoring.Mentor)
		if err != nil {
			return err
		}
		mentor = b.ID
		for range n {
			a, err := p.enroll(tx, mentoring.Mentee)
			if err != nil {
				return err
			}
			x := &mentoring.Proposal{
				Program: p.program, ID: p.s.NewID(), Mentee: a.ID, Mentor: b.ID, State: mentoring.Accepted,
				MentorTime: now, SendTime: now, ExpireTime: now.Add(time.Hour), CreateTime: now, UpdateTime: now,
			}
			if err := tx.InsertProposal(p.ctx, x); err != nil {
				return err
			}
			for _, id := range []string{a.ID, b.ID} {
				if err := tx.ProposePlace(p.ctx, p.program, id, true); err != nil {
					return err
				}
			}
			jobs = append(jobs, pairJob{Program: p.program, Proposal: x.ID, Mentee: a.ID})
		}
		return nil
	})
	return mentor, jobs
}

// solved is n runs after the same published one, each with a pair of its own.
func (p *pairs) solved(base string, n int) (jobs []pairJob) {
	p.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	p.do(func(tx mentoring.Tx) error {
		jobs = nil
		for range n {
			a, err := p.enroll(tx, mentoring.Mentee)
			if err != nil {
				return err
			}
			b, err := p.enroll(tx, mentoring.Mentor)
			if err != nil {
				return err
			}
			record, err := json.Marshal(mentoring.Result{Pairs: []mentoring.Pair{{Mentee: a.ID, Mentor: b.ID, MenteeCode: a.Code, MentorCode: b.Code}}})
			if err != nil {
				return err
			}
			m := &mentoring.Matching{Program: p.program, ID: p.s.NewID(), State: mentoring.Solved, Base: base, Record: record, Pairs: 1, CreateTime: now, UpdateTime: now}
			if err := tx.InsertMatching(p.ctx, m); err != nil {
				return err
			}
			jobs = append(jobs, pairJob{Program: p.program, Matching: m.ID, Base: base})
		}
		return nil
	})
	return jobs
}

// race lets each of two processes do one job at the same instant.
func (p *pairs) race(jobs ...pairJob) []report {
	p.Helper()
	all := make([]job, len(jobs))
	for i := range jobs {
		all[i] = job{Pair: &jobs[i]}
	}
	reports := together(p, p.workers[:len(jobs)], all)
	for _, r := range reports {
		if r.Failed != "" {
			p.Fatal(r.Failed)
		}
	}
	return reports
}

// winners counts who was told that they won, and how those were refused who
// were not.
func winners(reports []report) (n int, refused map[string]int) {
	refused = map[string]int{}
	for _, r := range reports {
		n += len(r.Accepted) + r.Expired
		for reason, k := range r.Refused {
			refused[reason] += k
		}
	}
	return n, refused
}

// TestPairsHaveOneWinner: of two coordinators who publish, two mentees who
// accept one seat, and an answer and the end of its time, one wins each time,
// on every database.
func TestPairsHaveOneWinner(t *testing.T) {
	trials := counts(8, 200)
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			p := newPairs(newTrack(t, b.open(t)))
			base, in := "", map[string]int{}
			var slowest time.Duration
			one := func(what string, trial int, reports []report, allowed ...string) {
				t.Helper()
				n, refused := winners(reports)
				rest := 0
				for _, reason := range allowed {
					rest += refused[reason]
				}
				if n != 1 || rest != 1 {
					t.Fatalf("trial %d: %s: %d winners, %+v", trial, what, n, reports)
				}
				for _, r := range reports {
					slowest = max(slowest, r.Slowest)
				}
			}
			for trial := range trials {
				mentor, jobs := p.offered(2)
				one("two mentees, one seat", trial, p.race(jobs...), "PLACES_TAKEN")
				places, live := p.stand(mentor)
				if places != (mentoring.Places{Total: 1, Proposed: 2, Taken: 1}) || live != 1 {
					t.Fatalf("trial %d: %+v, %d mentorships", trial, places, live)
				}

				runs := p.solved(base, 2)
				if trial%2 == 1 {
					runs[1] = runs[0] // the same run, twice
				}
				one("two coordinators", trial, p.race(runs...), "MATCHING_OVERTAKEN", "MATCHING_STATE")
				if base = p.published(t, base, runs); base == "" {
					t.Fatalf("trial %d: nothing is published", trial)
				}

				_, late := p.offered(1)
				reports := p.race(late[0], pairJob{Program: p.program, Expire: late[0].Proposal, Ahead: 2 * time.Hour})
				// The clock that is ahead also ends what earlier trials left over, and who
				// comes too late to end it is not refused.
				state := p.state(late[0].Proposal)
				accepted := len(reports[0].Accepted) == 1
				if accepted != (state == mentoring.Confirmed) || !accepted && (state != mentoring.Expired || reports[0].Refused["PROPOSAL_EXPIRED"] != 1) {
					t.Fatalf("trial %d: the proposal is %s, %+v", trial, state, reports)
				}
				in[string(state)]++
			}
			if _, err := audit.Verify(p.ctx, p.svc.Store, nil); err != nil {
				t.Error(err)
			}
			t.Logf("figure: replicatest: pairs on %s, %d trials each of two mentees accepting one seat, two coordinators publishing, an answer against the end of its time (%d accepted, %d expired): one winner every time, the slowest answer took %d ms",
				b.name, trials, in[string(mentoring.Confirmed)], in[string(mentoring.Expired)], slowest.Milliseconds())
		})
	}
}

// stand counts a mentor's places, and their live mentorships.
func (p *pairs) stand(mentor string) (places mentoring.Places, live int) {
	p.Helper()
	err := p.s.Store.View(p.ctx, func(tx mentoring.Tx) (err error) {
		if places, err = tx.Places(p.ctx, p.program, mentor); err != nil {
			return err
		}
		list, err := tx.Mentorships(p.ctx, mentoring.MentorshipQuery{Program: p.program, Enrollment: mentor})
		live = len(list)
		return err
	})
	if err != nil {
		p.Fatal(err)
	}
	return places, live
}

func (p *pairs) state(proposal string) (state mentoring.ProposalState) {
	p.Helper()
	err := p.s.Store.View(p.ctx, func(tx mentoring.Tx) error {
		x, err := tx.Proposal(p.ctx, p.program, proposal)
		if err == nil {
			state = x.State
		}
		return err
	})
	if err != nil {
		p.Fatal(err)
	}
	return state
}

// published returns the run that is published, after it checked that of the
// runs of a race it alone is, with one proposal, and that base is superseded.
func (p *pairs) published(t *testing.T, base string, runs []pairJob) string {
	t.Helper()
	var id string
	err := p.s.Store.View(p.ctx, func(tx mentoring.Tx) (err error) {
		if id, err = tx.Published(p.ctx, p.program); err != nil {
			return err
		}
		for _, r := range append([]pairJob{{Matching: base}}, runs...) {
			if r.Matching == "" {
				continue
			}
			m, err := tx.Matching(p.ctx, p.program, r.Matching)
			if err != nil {
				return err
			}
			want := mentoring.Solved
			switch r.Matching {
			case id:
				want = mentoring.Published
			case base:
				want = mentoring.Superseded
			}
			result := mentoring.Result{}
			if err := json.Unmarshal(m.Record, &result); err != nil {
				return err
			}
			sent, err := tx.Proposals(p.ctx, mentoring.ProposalQuery{Program: p.program, Enrollment: result.Pairs[0].Mentee})
			if err != nil {
				return err
			}
			if m.State != want || len(sent) != map[bool]int{true: 0, false: 1}[m.State == mentoring.Solved] {
				t.Fatalf("a run of the race is %s, want %s, with %d proposals", m.State, want, len(sent))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestNaivePairsHaveTwoWinners keeps the harness honest: who looks first and
// writes then is caught in it, each time by the same counts.
func TestNaivePairsHaveTwoWinners(t *testing.T) {
	trials := counts(100, 200) // at most: a few are enough
	for _, b := range backends {
		if b.name == distributed {
			continue // the same code; the naive way has two transactions everywhere
		}
		t.Run(b.name, func(t *testing.T) {
			p := newPairs(newTrack(t, b.open(t)))
			two := map[string]int{}
			base := p.svc.NewID()
			done := 0
			for ; done < trials && (len(two) < 3 || done < 5); done++ {
				_, jobs := p.offered(2)
				jobs[0].Naive, jobs[1].Naive = true, true
				if n, _ := winners(p.race(jobs...)); n > 1 {
					two["accepted one seat"]++
				}
				runs := p.solved(base, 2)
				runs[0].Naive, runs[1].Naive = true, true
				if n, _ := winners(p.race(runs...)); n > 1 {
					two["published"]++
				}
				base = max(runs[0].Matching, runs[1].Matching)
				_, late := p.offered(1)
				late[0].Naive = true
				if n, _ := winners(p.race(late[0], pairJob{Program: p.program, Expire: late[0].Proposal, Naive: true})); n > 1 {
					two["ended one proposal"]++
				}
			}
			for _, what := range []string{"accepted one seat", "published", "ended one proposal"} {
				if two[what] == 0 {
					t.Errorf("%d trials of the naive way never had two who %s: the harness would not notice", trials, what)
				}
			}
			t.Logf("figure: replicatest: the naive way on %s let two win in %d (one seat), %d (publishing) and %d (answer against end) of %d trials",
				b.name, two["accepted one seat"], two["published"], two["ended one proposal"], done)
		})
	}
}
