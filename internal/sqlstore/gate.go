package sqlstore

import (
	"sync"

	"github.com/openfairlead/fairlead/applications"
)

// gate counts the transactions or calls in progress, and lets none begin after it was
// shut.
type gate struct {
	mu     sync.Mutex
	active int
	closed chan struct{} // made by shut, closed when active is 0
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		return applications.Errorf(applications.Unavailable, "STORE_CLOSED", "the server is stopping; try again shortly")
	}
	g.active++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.active--
	if g.closed != nil && g.active == 0 {
		close(g.closed)
	}
}

// shut waits for what is in progress. It is false the second time.
func (g *gate) shut() bool {
	g.mu.Lock()
	if g.closed != nil {
		g.mu.Unlock()
		return false
	}
	g.closed = make(chan struct{})
	if g.active == 0 {
		close(g.closed)
	}
	g.mu.Unlock()
	<-g.closed
	return true
}
