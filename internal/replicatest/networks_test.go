package replicatest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/introductions"
)

// netJob is what a worker does with a network: answer an introduction as a
// member, publish a round, or end what is over by a clock that may be ahead.
type netJob struct {
	Program, Introduction, Member string
	Decline                       bool
	Round                         string
	Expire                        string // an introduction
	Ahead                         time.Duration
	// Naive: look, and write in another transaction, as somebody would who has
	// not thought of others who look at the same time.
	Naive bool
}

const netID = "net"

func networksOf(s *applications.Service) *introductions.Service {
	return &introductions.Service{
		Store: s.Store.(*sqlstore.Store).Networks(), Secrets: s.Secrets, Log: s.Log, Now: s.Now, NewID: s.NewID, Random: s.Random,
	}
}

// doNet does a job and reports it as doPair does.
func doNet(app *applications.Service, at time.Time, j netJob) report {
	s := networksOf(app)
	r := report{Refused: map[string]int{}}
	ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
	defer cancel()
	time.Sleep(time.Until(at))
	begin := time.Now()
	who := access.Principal{Subject: "members/" + j.Member, Program: j.Program, Network: netID, Member: j.Member}
	attempt := func() error {
		switch {
		case j.Naive:
			return answerNaively(ctx, s, j)
		case j.Expire != "":
			now := s.Now
			s.Now = func() time.Time { return now().Add(j.Ahead) }
			n, err := s.Expire(ctx)
			r.Expired += n
			return err
		case j.Introduction != "" && j.Decline:
			_, err := s.Decline(ctx, who, j.Program, netID, j.Introduction, introductions.Decline{Reason: introductions.NoTime}, "", "", 0, introductions.Idempotency{})
			return err
		case j.Introduction != "":
			_, err := s.Accept(ctx, who, j.Program, netID, j.Introduction, "", "", 0, introductions.Idempotency{})
			return err
		}
		who := access.Principal{Subject: "users/coordinator", Grants: []access.Grant{{Role: access.Coordinator}}}
		_, err := s.PublishRound(ctx, who, j.Program, netID, j.Round, "the race", 0, introductions.Idempotency{})
		return err
	}
	err := attempt()
	for ; problem.ReasonOf(err) == "TRANSACTION_CONFLICT"; r.Retries++ {
		err = attempt()
	}
	r.Slowest = time.Since(begin)
	switch {
	case err == nil && j.Expire == "":
		r.Accepted = []string{j.Introduction + j.Round}
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

// answerNaively ends an introduction if it was open when looked at.
func answerNaively(ctx context.Context, s *introductions.Service, j netJob) error {
	id, end := j.Introduction, introductions.Accepted
	if j.Expire != "" {
		id, end = j.Expire, introductions.Expired
	}
	err := s.Store.View(ctx, func(tx introductions.Tx) error {
		i, err := tx.Introduction(ctx, j.Program, netID, id)
		if err == nil && i.State != introductions.Proposed {
			err = problem.Errorf(problem.FailedPrecondition, "INTRODUCTION_STATE", "over")
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx introductions.Tx) error {
		i, err := tx.Introduction(ctx, j.Program, netID, id)
		if err != nil {
			return err
		}
		i.State = end
		return tx.UpdateIntroduction(ctx, i)
	})
}

// nets makes members, rounds and introductions for a race.
type nets struct {
	*track
	s       *introductions.Service
	program string
	codes   int
	rounds  int
}

func newNets(r *track) *nets {
	n := &nets{track: r, s: networksOf(r.svc), program: "nets"}
	now := time.Now().UTC()
	n.do(func(tx introductions.Tx) error {
		err := tx.(applications.Tx).InsertProgram(r.ctx, &applications.Program{ID: n.program, State: applications.ProgramDraft, CreateTime: now})
		if err != nil {
			return err
		}
		return tx.InsertNetwork(r.ctx, &introductions.Network{Program: n.program, ID: netID, MinSize: 2, MaxSize: 2, AnswerTime: time.Hour, CreateTime: now})
	})
	return n
}

func (n *nets) do(fn func(tx introductions.Tx) error) {
	n.Helper()
	if err := n.s.Store.Update(n.ctx, fn); err != nil {
		n.Fatal(err)
	}
}

// pair adds two members.
func (n *nets) pair(tx introductions.Tx) (a, b *introductions.Member, err error) {
	var two []*introductions.Member
	for range 2 {
		n.codes++
		m := &introductions.Member{Program: n.program, Network: netID, ID: n.s.NewID(), Code: fmt.Sprint("NM-", n.codes), Agreed: true}
		if err := tx.InsertMember(n.ctx, m, nil); err != nil {
			return nil, nil, err
		}
		two = append(two, m)
	}
	return two[0], two[1], nil
}

// open is an introduction of two, of whom the first has accepted if asked to.
func (n *nets) open(accepted bool) (id, a, b string) {
	n.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	n.do(func(tx introductions.Tx) error {
		x, y, err := n.pair(tx)
		if err != nil {
			return err
		}
		i := &introductions.Introduction{
			Program: n.program, Network: netID, ID: n.s.NewID(), Round: "none", State: introductions.Proposed, Need: 2,
			Sides: []introductions.Side{{Member: x.ID}, {Member: y.ID}}, CreateTime: now, UpdateTime: now, ExpireTime: now.Add(time.Hour),
		}
		if accepted {
			i.Sides[0].Answer, i.Sides[0].Time = introductions.Accepted, now
		}
		id, a, b = i.ID, x.ID, y.ID
		return tx.InsertIntroduction(n.ctx, i, make([]introductions.Standing, 2))
	})
	return id, a, b
}

// solved is n rounds after the same number of published ones, each with a pair of
// its own.
func (n *nets) solved(count int) (jobs []netJob) {
	n.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	n.do(func(tx introductions.Tx) error {
		jobs = nil
		for range count {
			x, y, err := n.pair(tx)
			if err != nil {
				return err
			}
			record, err := json.Marshal(introductions.Result{Groups: []introductions.Group{{Members: []string{x.ID, y.ID}, Codes: []string{x.Code, y.Code}}}})
			if err != nil {
				return err
			}
			r := &introductions.Round{
				Program: n.program, Network: netID, ID: n.s.NewID(), State: introductions.Solved, Base: n.rounds, Record: record, Groups: 1, CreateTime: now, UpdateTime: now,
			}
			if err := tx.InsertRound(n.ctx, r); err != nil {
				return err
			}
			jobs = append(jobs, netJob{Program: n.program, Round: r.ID})
		}
		return nil
	})
	return jobs
}

func (n *nets) race(jobs ...netJob) []report {
	n.Helper()
	all := make([]job, len(jobs))
	for i := range jobs {
		all[i] = job{Net: &jobs[i]}
	}
	reports := together(n, n.workers[:len(jobs)], all)
	for _, r := range reports {
		if r.Failed != "" {
			n.Fatal(r.Failed)
		}
	}
	return reports
}

func (n *nets) state(id string) (state introductions.State) {
	n.Helper()
	n.do(func(tx introductions.Tx) error {
		i, err := tx.Introduction(n.ctx, n.program, netID, id)
		if err == nil {
			state = i.State
		}
		return err
	})
	return state
}

// made counts the introductions of a round.
func (n *nets) made(round string) (count int) {
	n.Helper()
	n.do(func(tx introductions.Tx) error {
		list, err := tx.Introductions(n.ctx, introductions.IntroductionQuery{Program: n.program, Network: netID})
		count = 0
		for _, i := range list {
			if i.Round == round {
				count++
			}
		}
		return err
	})
	return count
}

// TestNetworksHaveOneWinner: of two coordinators who publish, of two answers of
// one member, and of an answer and the end of its time, one wins each time; two
// members who both accept, or of whom one declines, come to one end; on every
// database.
func TestNetworksHaveOneWinner(t *testing.T) {
	trials := counts(4, 200)
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			n := newNets(newTrack(t, b.open(t)))
			in := map[introductions.State]int{}
			one := func(what string, trial int, reports []report, reasons ...string) {
				t.Helper()
				k, refused := winners(reports)
				rest := 0
				for _, reason := range reasons {
					rest += refused[reason]
				}
				if k != 1 || rest != 1 {
					t.Fatalf("trial %d: %s: %d winners, %+v", trial, what, k, reports)
				}
			}
			for trial := range trials {
				runs := n.solved(2)
				if trial%2 == 1 {
					runs[1] = runs[0] // the same round, twice
				}
				one("two coordinators", trial, n.race(runs...), "ROUND_OVERTAKEN", "ROUND_STATE")
				n.rounds++
				total := n.made(runs[0].Round)
				if runs[1].Round != runs[0].Round {
					total += n.made(runs[1].Round)
				}
				if total != 1 {
					t.Fatalf("trial %d: %d introductions", trial, total)
				}

				id, a, y := n.open(false)
				both := n.race(netJob{Program: n.program, Introduction: id, Member: a}, netJob{Program: n.program, Introduction: id, Member: y})
				if k, _ := winners(both); k != 2 || n.state(id) != introductions.Accepted {
					t.Fatalf("trial %d: both accept: %s, %+v", trial, n.state(id), both)
				}

				id, a, y = n.open(false)
				mixed := n.race(netJob{Program: n.program, Introduction: id, Member: a}, netJob{Program: n.program, Introduction: id, Member: y, Decline: true})
				if n.state(id) != introductions.Declined || len(mixed[1].Accepted) != 1 {
					t.Fatalf("trial %d: one declines: %s, %+v", trial, n.state(id), mixed)
				}

				id, _, y = n.open(true)
				one("two answers of one", trial, n.race(netJob{Program: n.program, Introduction: id, Member: y}, netJob{Program: n.program, Introduction: id, Member: y, Decline: true}), "INTRODUCTION_ANSWERED")

				id, _, y = n.open(true)
				reports := n.race(netJob{Program: n.program, Introduction: id, Member: y}, netJob{Program: n.program, Expire: id, Ahead: 2 * time.Hour})
				state := n.state(id)
				accepted := len(reports[0].Accepted) == 1
				if accepted != (state == introductions.Accepted) || !accepted && (state != introductions.Expired || reports[0].Refused["INTRODUCTION_EXPIRED"] != 1) {
					t.Fatalf("trial %d: the introduction is %s, %+v", trial, state, reports)
				}
				in[state]++
			}
			t.Logf("figure: replicatest: networks on %s, %d trials each of two coordinators publishing, two members answering, two answers of one, an answer against the end of its time (%d accepted, %d expired): one end every time",
				b.name, trials, in[introductions.Accepted], in[introductions.Expired])
		})
	}
}

// TestNaiveNetworksHaveTwoWinners keeps the harness honest: who looks first and
// writes then is caught in it, by the same counts.
func TestNaiveNetworksHaveTwoWinners(t *testing.T) {
	trials := counts(100, 200) // at most: a few are enough
	for _, b := range backends {
		if b.name == distributed {
			continue // the same code; the naive way has two transactions everywhere
		}
		t.Run(b.name, func(t *testing.T) {
			n := newNets(newTrack(t, b.open(t)))
			for trial := range trials {
				id, _, y := n.open(true)
				reports := n.race(netJob{Program: n.program, Introduction: id, Member: y, Naive: true}, netJob{Program: n.program, Expire: id, Naive: true})
				if k, _ := winners(reports); k == 2 {
					t.Logf("caught at trial %d", trial+1)
					return
				}
			}
			t.Errorf("%d trials of the naive way, and never two winners", trials)
		})
	}
}
