package chain

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openfairlead/fairlead/internal/server/problem"
)

// How much work the server takes on. More than atWork calls at the same time
// make none of them faster: they share the same processors and one log of the
// database, whose commits then already carry as many as they can. The rest
// waits, and whoever would wait too long is told so at once instead: otherwise
// each call is answered when its caller has long given up, and all the work is
// for nobody.
const (
	atWork = 32 // calls of one kind at work
	// A burst may wait, first come, first served, for a place …
	inLine   = 256
	patience = 2 * time.Second
	// … but a line that has not been empty for as long as tolerated is none
	// that waiting helps: then only so few wait that their turn comes soon.
	tolerated = 500 * time.Millisecond
	shortLine = 16
	// comeBack is what those who are refused are told to wait.
	comeBack = time.Second
	// complainEvery is how often the log tells of it.
	complainEvery = 10 * time.Second
)

// Gates let calls in as long as the server can take them, on every door.
// Reading and changing wait in lines of their own, so that a database which
// cannot be written for a while does not keep those out who only read.
type Gates struct {
	reads, changes gate
	shed, working  prometheus.Collector
	log            *slog.Logger

	mu      sync.Mutex
	refused int // since the log told of it last
	told    time.Time
}

// NewGates makes the gates. log may be nil.
func NewGates(log *slog.Logger) *Gates {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	shed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairlead_calls_shed_total", Help: "Calls refused because the server had as much to do as it can, by kind (read or change).",
	}, []string{"kind"})
	working := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairlead_calls_admitted", Help: "Calls that were let in and are at work, by kind (read or change).",
	}, []string{"kind"})
	one := func(kind string) gate {
		return gate{places: atWork, shed: shed.WithLabelValues(kind), working: working.WithLabelValues(kind)}
	}
	return &Gates{log: log, reads: one("read"), changes: one("change"), shed: shed, working: working}
}

// Enter waits for a place, not for long: after an error, a *problem.Overloaded
// or the context's, the call must not go on. Otherwise leave gives the place
// back.
func (g *Gates) Enter(ctx context.Context, read bool) (leave func(), err error) {
	one := &g.changes
	if read {
		one = &g.reads
	}
	if err := one.enter(ctx); err != nil {
		if ctx.Err() == nil {
			one.shed.Inc()
			g.tell()
		}
		return nil, err
	}
	one.working.Inc()
	return func() {
		one.working.Dec()
		one.leave()
	}, nil
}

// tell logs now and then that calls are refused; a line for each would be work
// that the server has no time for.
func (g *Gates) tell() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused++
	if now := time.Now(); now.Sub(g.told) >= complainEvery {
		g.log.Warn("more calls than this server can take: some were refused and told to come back", "refused", g.refused)
		g.refused, g.told = 0, now
	}
}

// Describe implements prometheus.Collector.
func (g *Gates) Describe(ch chan<- *prometheus.Desc) {
	g.shed.Describe(ch)
	g.working.Describe(ch)
}

// Collect implements prometheus.Collector.
func (g *Gates) Collect(ch chan<- prometheus.Metric) {
	g.shed.Collect(ch)
	g.working.Collect(ch)
}

// gate has so many places and one line before them.
type gate struct {
	places  int
	shed    prometheus.Counter
	working prometheus.Gauge

	mu     sync.Mutex
	inside int
	line   []chan struct{} // each is closed when its turn has come
	busy   time.Time       // since when the line has not been empty
}

func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if g.inside < g.places {
		g.inside++
		g.mu.Unlock()
		return nil
	}
	if len(g.line) == 0 {
		g.busy = time.Now()
	}
	if len(g.line) >= shortLine && (len(g.line) >= inLine || time.Since(g.busy) >= tolerated) {
		g.mu.Unlock()
		return &problem.Overloaded{After: comeBack}
	}
	turn := make(chan struct{})
	g.line = append(g.line, turn)
	g.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	var err error
	select {
	case <-turn:
		return nil
	case <-timer.C:
		err = &problem.Overloaded{After: comeBack}
	case <-ctx.Done():
		err = ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.line, turn)
	if i < 0 { // the turn came at the same moment
		g.pass()
		return err
	}
	g.line = slices.Delete(g.line, i, i+1)
	return err
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pass()
}

// pass gives a place to the next in line, or back.
func (g *gate) pass() {
	if len(g.line) == 0 {
		g.inside--
		return
	}
	close(g.line[0])
	g.line = slices.Delete(g.line, 0, 1)
}
