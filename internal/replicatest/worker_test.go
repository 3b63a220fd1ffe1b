package replicatest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/testserver"
	"github.com/openfairlead/fairlead/internal/vault"
)

// workerVariable makes this binary a worker instead of a test.
const workerVariable = "FAIRLEAD_REPLICATEST_WORKER"

func TestMain(m *testing.M) {
	if text := os.Getenv(workerVariable); text != "" {
		if err := work(text, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(testserver.Main(m))
}

// place is what a worker opens.
type place struct {
	Database, Key string
	// Distributed: as a distributed database would be. Every transaction is
	// serializable, and one commit in ten is lost.
	Distributed bool
}

// way is how a worker accepts.
type way string

const (
	theService way = "AcceptOffer of the service"
	// The naive ways: count the accepted offers, and write if there are fewer
	// than seats; the two in transactions of their own, or in one.
	countThenWrite      way = "count, then write"
	countAndWriteInOneT way = "count and write in one transaction"
)

// job is one line to a worker: at an instant, accept offers all at once, or
// end those that are over by a clock that may be ahead.
type job struct {
	At      time.Time
	Program string
	Offers  []offer
	Way     way
	Expire  bool
	Ahead   time.Duration
	Pair    *pairJob // instead of all that
	Net     *netJob  // or of it
}

type offer struct{ ID, Application string }

// report is the line that answers it.
type report struct {
	Accepted []string       // ids of offers
	Refused  map[string]int // by reason
	Retries  int            // of calls that lost too many races to be answered
	Expired  int
	Failed   string // an error that is none of the above
	Slowest  time.Duration
}

// callDeadline is what a server gives an accept.
const callDeadline = 15 * time.Second

// work is the life of a worker: one store of its own, and a job for each line.
func work(text string, in io.Reader, out io.Writer) error {
	var p place
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	s, err := openService(p)
	if err != nil {
		return err
	}
	defer s.Store.Close()
	answer := json.NewEncoder(out)
	if err := answer.Encode("ready"); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var j job
		if err := json.Unmarshal(lines.Bytes(), &j); err != nil {
			return err
		}
		if err := answer.Encode(do(s, j)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func openService(p place) (*applications.Service, error) {
	v, _, err := vault.LoadOrCreate(p.Key, false)
	if err != nil {
		return nil, err
	}
	options := sqlstore.Options{Database: p.Database, Vault: v, Serializable: p.Distributed}
	if p.Distributed {
		options.LoseCommit = storetest.LoseEveryTenth()
	}
	store, err := sqlstore.Open(context.Background(), options)
	if err != nil {
		return nil, err
	}
	return &applications.Service{
		Store: store, Secrets: v, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		NewID: func() string { return uuid.Must(uuid.NewV7()).String() }, Random: rand.Reader,
	}, nil
}

func do(s *applications.Service, j job) report {
	if j.Net != nil {
		return doNet(s, j.At, *j.Net)
	}
	if j.Pair != nil {
		return doPair(s, j.At, *j.Pair)
	}
	r := report{Refused: map[string]int{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	if j.Expire {
		ahead := *s
		ahead.Now = func() time.Time { return time.Now().Add(j.Ahead) }
		wg.Go(func() {
			time.Sleep(time.Until(j.At))
			n, err := ahead.ExpireOffers(context.Background())
			mu.Lock()
			defer mu.Unlock()
			r.Expired = n
			if err != nil {
				r.Failed = err.Error()
			}
		})
	}
	for _, o := range j.Offers {
		wg.Go(func() {
			time.Sleep(time.Until(j.At))
			begin := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
			defer cancel()
			err := accept(ctx, s, j, o)
			retries := 0
			// ABORTED says: nothing was changed, try again.
			for ; applications.ReasonOf(err) == "TRANSACTION_CONFLICT"; retries++ {
				err = accept(ctx, s, j, o)
			}
			took := time.Since(begin)
			mu.Lock()
			defer mu.Unlock()
			r.Retries += retries
			r.Slowest = max(r.Slowest, took)
			switch {
			case err == nil:
				r.Accepted = append(r.Accepted, o.ID)
			case applications.CodeOf(err) == applications.FailedPrecondition:
				r.Refused[applications.ReasonOf(err)]++
			default:
				r.Failed = err.Error()
			}
		})
	}
	wg.Wait()
	return r
}

func accept(ctx context.Context, s *applications.Service, j job, o offer) error {
	switch j.Way {
	case theService:
		// As the applicant's own token would.
		who := access.Principal{Subject: "applications/" + o.Application, Program: j.Program, Application: o.Application}
		_, err := s.AcceptOffer(ctx, who, j.Program, o.ID, "", 0, applications.Idempotency{})
		return err
	case countThenWrite:
		err := s.Store.View(ctx, func(tx applications.Tx) error { return anySeatLeft(ctx, tx, j.Program) })
		if err != nil {
			return err
		}
		return s.Store.Update(ctx, func(tx applications.Tx) error { return write(ctx, tx, j.Program, o.ID) })
	case countAndWriteInOneT:
		return s.Store.Update(ctx, func(tx applications.Tx) error {
			if err := anySeatLeft(ctx, tx, j.Program); err != nil {
				return err
			}
			return write(ctx, tx, j.Program, o.ID)
		})
	}
	return fmt.Errorf("there is no way %q to accept", j.Way)
}

// anySeatLeft counts, as somebody would who has not thought of others who
// count at the same time.
func anySeatLeft(ctx context.Context, tx applications.Tx, program string) error {
	counts, err := tx.CountOffers(ctx, program)
	if err != nil {
		return err
	}
	seats, err := tx.Seats(ctx, program)
	if err == nil && counts[applications.OfferAccepted] >= seats.Total {
		err = applications.Errorf(applications.FailedPrecondition, "SEATS_TAKEN", "every seat is taken")
	}
	return err
}

func write(ctx context.Context, tx applications.Tx, program, id string) error {
	o, err := tx.Offer(ctx, program, id)
	if err != nil {
		return err
	}
	o.State, o.AnswerTime = applications.OfferAccepted, time.Now()
	return tx.UpdateOffer(ctx, o)
}

// worker is a process that does jobs.
type worker struct {
	t    testing.TB
	cmd  *exec.Cmd
	jobs io.WriteCloser
	out  *bufio.Scanner
}

// startWorkers starts n processes on a place and waits until each has opened
// its store.
func startWorkers(t testing.TB, n int, p place) []*worker {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	workers := make([]*worker, n)
	for i := range workers {
		w := &worker{t: t, cmd: exec.Command(self)}
		w.cmd.Env = append(os.Environ(), workerVariable+"="+string(text))
		w.cmd.Stderr = os.Stderr
		if w.jobs, err = w.cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := w.cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		w.out = bufio.NewScanner(out)
		w.out.Buffer(nil, 1<<20)
		if err := w.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			w.jobs.Close() // the end of its work
			var exit *exec.ExitError
			if err := w.cmd.Wait(); errors.As(err, &exit) {
				t.Errorf("a worker ended badly: %v", err)
			}
		})
		workers[i] = w
	}
	for _, w := range workers {
		var ready string
		w.read(&ready)
	}
	return workers
}

// read waits for a worker's next line.
func (w *worker) read(into any) {
	w.t.Helper()
	if !w.out.Scan() {
		w.t.Fatalf("a worker says nothing more: %v", w.out.Err())
	}
	if err := json.Unmarshal(w.out.Bytes(), into); err != nil {
		w.t.Fatal(err)
	}
}

// together gives each worker a job, to be begun by all at the same instant, and
// returns their reports.
func together(t testing.TB, workers []*worker, jobs []job) []report {
	t.Helper()
	at := time.Now().Add(20 * time.Millisecond)
	for i, w := range workers {
		jobs[i].At = at
		line, err := json.Marshal(jobs[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.jobs.Write(append(line, '\n')); err != nil {
			t.Fatal(err)
		}
	}
	reports := make([]report, len(workers))
	for i, w := range workers {
		w.read(&reports[i])
	}
	return reports
}
