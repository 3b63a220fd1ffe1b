package server

import (
	"sync"

	"github.com/openfairlead/fairlead/applications"
)

// How many streams watch runs at the same time. All of REST shares one
// connection to the services, which carries a limited number of calls: streams
// that stay open for an hour must not fill it.
const (
	watchesOfOne = 20
	watchesOfAll = 200
)

// watches counts the streams that are open. The zero value is ready.
type watches struct {
	mu  sync.Mutex
	of  map[string]int // by subject
	all int
}

// begin counts one more stream of a caller, until end is called.
func (w *watches) begin(subject string) (end func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of[subject] >= watchesOfOne || w.all >= watchesOfAll {
		return nil, applications.Errorf(applications.ResourceExhausted, "WATCHES_BUSY",
			"too many runs are watched at once, at most %d by one caller: end a watch, or ask for the run from time to time", watchesOfOne)
	}
	if w.of == nil {
		w.of = map[string]int{}
	}
	w.of[subject]++
	w.all++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all--
		if w.of[subject]--; w.of[subject] == 0 {
			delete(w.of, subject)
		}
	}, nil
}
