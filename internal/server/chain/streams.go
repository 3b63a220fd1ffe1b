package chain

import (
	"sync"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// Streams open at once: watched runs, imports and exports. The gateway's
// connection carries 1,000 calls, which streams alone must never fill: REST
// would wait behind them.
const (
	streamsOfCaller = 20
	streamsInAll    = 200
)

// openStreams counts the streams that are open, by caller.
type openStreams struct {
	mu       sync.Mutex
	byCaller map[string]int
	all      int
}

// enter counts one stream of the caller until leave is called; too many are
// refused.
func (o *openStreams) enter(caller string) (leave func(), err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byCaller[caller] >= streamsOfCaller {
		return nil, applications.Errorf(applications.ResourceExhausted, problem.ReasonStreams,
			"you have %d watches, imports and exports open, which is as many as one caller may have; end one of them, or read the run instead of watching it", streamsOfCaller)
	}
	if o.all >= streamsInAll {
		return nil, applications.Errorf(applications.ResourceExhausted, problem.ReasonStreams,
			"all callers together have %d watches, imports and exports open, which is as many as this server keeps; try again in a moment, or read the run instead of watching it", streamsInAll)
	}
	if o.byCaller == nil {
		o.byCaller = map[string]int{}
	}
	o.byCaller[caller]++
	o.all++
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.all--
		if o.byCaller[caller]--; o.byCaller[caller] == 0 {
			delete(o.byCaller, caller)
		}
	}, nil
}
