package replicatest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/vault"
)

// The race of the project's promise: this many accept at once for so many
// seats, from so many processes.
const (
	accepts   = 60
	seats     = 15
	processes = 3
)

// counts of a run: reduced unless FAIRLEAD_SOAK=1.
func counts(reduced, full int) int {
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		return full
	}
	return reduced
}

// backends are the databases that a race is run on.
var backends = []struct {
	name string
	open func(testing.TB) place // an empty one
}{
	{"SQLite", func(t testing.TB) place { return place{Database: filepath.Join(t.TempDir(), "fairlead.db")} }},
	{"PostgreSQL", func(t testing.TB) place { return place{Database: pgtest.Start(t).Database(t)} }},
	{distributed, func(t testing.TB) place { return place{Database: pgtest.Start(t).Database(t), Distributed: true} }},
}

const distributed = "PostgreSQL, serializable, one commit in ten lost"

// track is a database with workers on it.
type track struct {
	testing.TB
	ctx     context.Context
	svc     *applications.Service
	workers []*worker
	program int
}

func newTrack(t testing.TB, p place) *track {
	t.Helper()
	p.Key = filepath.Join(t.TempDir(), "master.key")
	if _, _, err := vault.LoadOrCreate(p.Key, true); err != nil {
		t.Fatal(err)
	}
	svc, err := openService(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.Store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &track{TB: t, ctx: context.Background(), svc: svc, workers: startWorkers(t, processes, p)}
}

// sent makes a program with seats, and as many offers that were sent.
func (r *track) sent(total, offers int) (program string, all []offer) {
	r.Helper()
	r.program++
	program = fmt.Sprintf("race-%d", r.program)
	now := time.Now().UTC().Truncate(time.Microsecond)
	err := r.svc.Store.Update(r.ctx, func(tx applications.Tx) error {
		all = nil
		p := &applications.Program{ID: program, State: applications.ProgramOffersOut, Seats: total, MinSeats: 1, CreateTime: now, UpdateTime: now, OpenTime: now}
		if err := tx.InsertProgram(r.ctx, p); err != nil {
			return err
		}
		if err := tx.OpenSeats(r.ctx, program, total); err != nil {
			return err
		}
		if err := tx.OfferSeats(r.ctx, program, offers, true); err != nil {
			return err
		}
		for n := range offers {
			a := &applications.Application{Program: program, ID: r.svc.NewID(), Code: fmt.Sprintf("KT-%04d", n+1), State: applications.Selected, Form: 1, CreateTime: now, UpdateTime: now}
			o := &applications.Offer{
				Program: program, ID: r.svc.NewID(), Application: a.ID, Code: a.Code, State: applications.OfferSent, FirstCome: true,
				CreateTime: now, UpdateTime: now, SendTime: now, ExpireTime: now.Add(time.Hour),
			}
			a.Offer = o.ID
			if err := tx.InsertApplication(r.ctx, a, nil); err != nil {
				return err
			}
			if err := tx.InsertOffer(r.ctx, o); err != nil {
				return err
			}
			all = append(all, offer{o.ID, a.ID})
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
	return program, all
}

// stands reads the counts of a program, by counter and by row.
func (r *track) stands(program string) (counter applications.Seats, rows map[applications.OfferState]int) {
	r.Helper()
	err := r.svc.Store.View(r.ctx, func(tx applications.Tx) (err error) {
		if counter, err = tx.Seats(r.ctx, program); err != nil {
			return err
		}
		rows, err = tx.CountOffers(r.ctx, program)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return counter, rows
}

// race lets all processes accept at once, each its share of the offers.
func (r *track) race(w way) (program string, reports []report) {
	r.Helper()
	program, all := r.sent(seats, accepts)
	jobs := make([]job, processes)
	for i := range jobs {
		jobs[i] = job{Program: program, Way: w}
	}
	for i, o := range all {
		j := &jobs[i%processes]
		j.Offers = append(j.Offers, o)
	}
	return program, together(r, r.workers, jobs)
}

// TestSeatsAreNeverOversold is O1: as many accepts succeed as there are seats,
// every time; everybody else is told so; nobody waits for ever.
func TestSeatsAreNeverOversold(t *testing.T) {
	trials := counts(10, 200)
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r := newTrack(t, b.open(t))
			var slowest time.Duration
			retries := 0
			for trial := range trials {
				program, reports := r.race(theService)
				accepted, refused := 0, 0
				for _, rep := range reports {
					if rep.Failed != "" {
						t.Errorf("trial %d: an accept was neither taken nor refused: %s", trial, rep.Failed)
					}
					accepted += len(rep.Accepted)
					refused += rep.Refused["SEATS_TAKEN"]
					slowest, retries = max(slowest, rep.Slowest), retries+rep.Retries
				}
				counter, rows := r.stands(program)
				want := applications.Seats{Total: seats, Offered: accepts, Taken: seats}
				if accepted != seats || refused != accepts-seats || counter != want || rows[applications.OfferAccepted] != seats || rows[applications.OfferSent] != accepts-seats {
					t.Fatalf("trial %d: %d accepted, %d refused with SEATS_TAKEN (%+v); the counter says %+v, the rows %v", trial, accepted, refused, reports, counter, rows)
				}
			}
			if _, err := audit.Verify(r.ctx, r.svc.Store, nil); err != nil {
				t.Error(err)
			}
			t.Logf("figure: replicatest: %d accepts for %d seats at once from %d processes on %s, %d trials: %d accepted every time, all others refused with SEATS_TAKEN, the slowest answer took %d ms, %d calls were repeated",
				accepts, seats, processes, b.name, trials, seats, slowest.Milliseconds(), retries)
		})
	}
}

// TestNaiveSeatsAreOversold keeps the harness honest: the obvious way to sell
// seats fails in it.
func TestNaiveSeatsAreOversold(t *testing.T) {
	trials := counts(5, 50)
	for _, b := range backends {
		for _, w := range []way{countThenWrite, countAndWriteInOneT} {
			if b.name == distributed || b.name == "SQLite" && w == countAndWriteInOneT {
				// SQLite has one writer at a time, and a serializable transaction is
				// as good as alone: counting in it would sell no seat twice.
				continue
			}
			t.Run(b.name+", "+string(w), func(t *testing.T) {
				r := newTrack(t, b.open(t))
				oversold, worst := 0, 0
				for trial := range trials {
					program, reports := r.race(w)
					for _, rep := range reports {
						if rep.Failed != "" {
							t.Fatalf("trial %d: %s", trial, rep.Failed)
						}
					}
					_, rows := r.stands(program)
					if n := rows[applications.OfferAccepted]; n > seats {
						oversold++
						worst = max(worst, n)
					}
				}
				if oversold == 0 {
					t.Fatalf("%d trials of the naive way sold no seat twice: the harness would not notice", trials)
				}
				t.Logf("figure: replicatest: the naive way (%s) on %s sold too many seats in %d of %d trials, at most %d for %d",
					w, b.name, oversold, trials, worst, seats)
			})
		}
	}
}

// TestExpiryAgainstAccept lets two processes accept the same offers while a
// third, whose clock is ahead, ends them: each offer has one end, and is
// accepted by one.
func TestExpiryAgainstAccept(t *testing.T) {
	const offers = 20
	trials := counts(5, 100)
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r := newTrack(t, b.open(t))
			took := map[applications.OfferState]int{}
			for trial := range trials {
				program, all := r.sent(offers, offers)
				jobs := []job{
					{Program: program, Way: theService, Offers: all},
					{Program: program, Way: theService, Offers: all},
					{Expire: true, Ahead: 2 * time.Hour},
				}
				reports := together(t, r.workers, jobs)
				accepted, expired := map[string]int{}, reports[2].Expired
				for _, rep := range reports {
					if rep.Failed != "" {
						t.Errorf("trial %d: %s", trial, rep.Failed)
					}
					for _, id := range rep.Accepted {
						accepted[id]++
					}
					for reason := range rep.Refused {
						if reason != "OFFER_EXPIRED" && reason != "OFFER_ANSWERED" {
							t.Errorf("trial %d: refused with %s", trial, reason)
						}
					}
				}
				counter, rows := r.stands(program)
				want := applications.Seats{Total: offers, Offered: len(accepted), Taken: len(accepted)}
				if len(accepted)+expired != offers || rows[applications.OfferAccepted] != len(accepted) || rows[applications.OfferExpired] != expired || counter != want {
					t.Fatalf("trial %d: %d accepted, %d ended; the counter says %+v, the rows %v", trial, len(accepted), expired, counter, rows)
				}
				for id, n := range accepted {
					if n > 1 {
						t.Errorf("trial %d: offer %s was accepted %d times", trial, id, n)
					}
				}
				for state, n := range rows {
					took[state] += n
				}
			}
			t.Logf("figure: replicatest: %d offers on %s, accepted by two processes and ended by a third at once: %d accepted, %d expired, each once",
				trials*offers, b.name, took[applications.OfferAccepted], took[applications.OfferExpired])
		})
	}
}
