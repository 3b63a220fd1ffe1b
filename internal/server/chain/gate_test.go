package chain

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openfairlead/fairlead/internal/server/problem"
)

func isOverloaded(err error) bool {
	var o *problem.Overloaded
	return errors.As(err, &o)
}

// TestGateBurst: a burst of as many as fit into the line waits and is served
// in the order in which it came; the next one is refused at once.
func TestGateBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{places: 2}
		for range 2 {
			if err := g.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var order []int
		var wg sync.WaitGroup
		for i := range inLine {
			wg.Go(func() {
				if err := g.enter(t.Context()); err != nil {
					t.Errorf("number %d: %v", i, err)
					return
				}
				order = append(order, i) // one at a time: who leaves lets one in
			})
			synctest.Wait()
		}
		begin := time.Now()
		if err := g.enter(t.Context()); !isOverloaded(err) || time.Since(begin) > 0 {
			t.Errorf("the one too many got %v after %v", err, time.Since(begin))
		}
		for range inLine {
			time.Sleep(patience / (inLine + 1))
			g.leave()
			synctest.Wait()
		}
		wg.Wait()
		for i, n := range order {
			if i != n {
				t.Fatalf("number %d came in at place %d", n, i)
			}
		}
		g.leave()
		g.leave()
		if len(order) != inLine || g.inside != 0 || len(g.line) != 0 {
			t.Errorf("%d came in; at the end %d are inside and %d wait", len(order), g.inside, len(g.line))
		}
	})
}

// TestGateOverload offers ten times of what the places can do, for a minute:
// they are never idle, nobody waits long, memory is bounded, and when it is
// over the next burst has its patience again.
func TestGateOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const work, places = 10 * time.Millisecond, 8 // 800 a second
		g := &gate{places: places}
		var served, refused, beyond int
		var waited, turnedAway time.Duration
		var mu sync.Mutex
		var callers sync.WaitGroup
		begin := time.Now()
		for time.Since(begin) < time.Minute {
			callers.Go(func() {
				came := time.Now()
				err := g.enter(t.Context())
				took := time.Since(came)
				mu.Lock()
				settled := came.Sub(begin) > 2*tolerated
				switch {
				case isOverloaded(err):
					refused++
					if settled {
						turnedAway = max(turnedAway, took)
					}
					mu.Unlock()
				case err != nil:
					t.Error(err)
					mu.Unlock()
				default:
					served++
					if settled {
						waited = max(waited, took)
					}
					mu.Unlock()
					time.Sleep(work)
					g.leave()
				}
			})
			time.Sleep(time.Second / 8000)
			g.mu.Lock()
			if len(g.line) > inLine || g.inside > places {
				beyond++
			}
			g.mu.Unlock()
		}
		callers.Wait()
		if served < 47_900 { // of 48,000
			t.Errorf("%d served in a minute", served)
		}
		if refused < 400_000 || beyond > 0 {
			t.Errorf("%d refused; the bounds were exceeded %d times", refused, beyond)
		}
		if waited > (shortLine/places+1)*work || turnedAway > 0 {
			t.Errorf("somebody waited %v for a place, and %v for being turned away", waited, turnedAway)
		}
		if g.inside != 0 || len(g.line) != 0 {
			t.Errorf("at the end %d are inside and %d wait", g.inside, len(g.line))
		}
		for range places {
			if err := g.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var late sync.WaitGroup
		for range inLine {
			late.Go(func() {
				came := time.Now()
				if err := g.enter(t.Context()); !isOverloaded(err) || time.Since(came) != patience {
					t.Errorf("after the overload a wait ended with %v after %v, want %v", err, time.Since(came), patience)
				}
			})
		}
		late.Wait()
	})
}

// TestGateEndsWithItsCaller: whoever gives up leaves the line, and a place
// that was given at that moment is passed on.
func TestGateEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{places: 1}
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		for round := range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- g.enter(ctx) }()
			synctest.Wait()
			if round%2 == 0 {
				cancel()
			} else { // both at once
				go cancel()
				go g.leave()
			}
			err := <-ended
			synctest.Wait()
			cancel()
			switch {
			case err == nil && round%2 == 0:
				t.Fatal("a canceled caller came in")
			case err != nil && !errors.Is(err, context.Canceled):
				t.Fatal(err)
			case err != nil && round%2 == 1:
				if err := g.enter(t.Context()); err != nil { // the place was free
					t.Fatal(err)
				}
			}
			if g.inside != 1 || len(g.line) != 0 {
				t.Fatalf("round %d: %d inside, %d wait", round, g.inside, len(g.line))
			}
		}
	})
}

// TestGatesOnTheWire: a refused gRPC call says RESOURCE_EXHAUSTED and when to
// come back; reading does not wait for changing.
func TestGatesOnTheWire(t *testing.T) {
	g := NewGates(nil)
	for range atWork {
		if _, err := g.Enter(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	leave, err := g.Enter(t.Context(), true)
	if err != nil {
		t.Fatalf("reading waits for changing: %v", err)
	}
	leave()
	g.changes.line, g.changes.busy = make([]chan struct{}, inLine), time.Now()
	c := &Chain{Options: Options{Gates: g, Methods: Methods{"/x": {Name: "x"}, "/health": {Name: "h", Foreign: true}, "/read": {Name: "r", reads: true}}}}
	for _, free := range []string{"/health", "/read"} {
		leave, err := c.enter(t.Context(), free)
		if err != nil {
			t.Fatalf("%s: %v", free, err)
		}
		leave()
	}
	_, err = c.enter(t.Context(), "/x")
	st := status.Convert(err)
	if st.Code() != codes.ResourceExhausted || problem.Reason(st) != problem.ReasonOverloaded {
		t.Fatalf("got %v", err)
	}
	for _, d := range st.Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok && r.GetRetryDelay().AsDuration() == comeBack {
			return
		}
	}
	t.Errorf("no time to come back in %v", st.Details())
}
