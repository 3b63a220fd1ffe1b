package faulttest

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Proxy is a network between a server and its database that can be made bad.
// It passes TCP on, byte for byte.
type Proxy struct {
	Address string // host:port where it listens
	target  string
	ln      net.Listener

	mu        sync.Mutex
	changed   chan struct{} // closed at each change of what follows
	hole      bool          // nothing passes; connections stay open
	refusing  bool          // new connections are reset
	delay     time.Duration // of everything, in each direction
	perSecond int           // bytes, of each connection and direction; 0: no bound
	pairs     map[*pair]bool
	closed    bool
	passing   sync.WaitGroup
}

// pair is one connection that is passed on.
type pair struct {
	near, far *net.TCPConn
	once      sync.Once
	gone      chan struct{}
}

// NewProxy listens on a port of its own and passes on to target (host:port).
func NewProxy(target string) (*Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{Address: ln.Addr().String(), target: target, ln: ln, changed: make(chan struct{}), pairs: map[*pair]bool{}}
	p.passing.Go(p.accept)
	return p, nil
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// BlackHole swallows nothing and passes nothing, until Heal: what is sent
// arrives afterwards, as TCP would have it.
func (p *Proxy) BlackHole() { p.set(func() { p.hole = true }) }

// Delay keeps everything back for d, in each direction.
func (p *Proxy) Delay(d time.Duration) { p.set(func() { p.delay = d }) }

// Throttle lets so many bytes a second through each connection and direction.
func (p *Proxy) Throttle(perSecond int) { p.set(func() { p.perSecond = perSecond }) }

// Refuse resets new connections, and all there are.
func (p *Proxy) Refuse() {
	p.set(func() { p.refusing = true })
	p.Reset()
}

// Heal passes everything on again.
func (p *Proxy) Heal() {
	p.set(func() { p.hole, p.refusing, p.delay, p.perSecond = false, false, 0, 0 })
}

// Reset breaks every connection with a TCP reset.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for one := range p.pairs {
		one.reset()
	}
}

// Connections is how many there are.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pairs)
}

// Close ends it with all its connections.
func (p *Proxy) Close() error {
	p.set(func() { p.closed = true })
	err := p.ln.Close()
	p.Reset()
	p.passing.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		near, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.passing.Go(func() { p.pass(near.(*net.TCPConn)) })
	}
}

func (p *Proxy) pass(near *net.TCPConn) {
	one := &pair{near: near, gone: make(chan struct{})}
	if !p.wait(one, 0) { // a new connection falls into the hole as well
		one.reset()
		return
	}
	far, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		one.reset()
		return
	}
	one.far = far.(*net.TCPConn)
	p.mu.Lock()
	refused := p.refusing || p.closed
	if !refused {
		p.pairs[one] = true
	}
	p.mu.Unlock()
	if refused {
		one.reset()
		return
	}
	defer func() {
		one.close()
		p.mu.Lock()
		delete(p.pairs, one)
		p.mu.Unlock()
	}()
	var both sync.WaitGroup
	both.Go(func() { p.pump(one, one.far, one.near) })
	both.Go(func() { p.pump(one, one.near, one.far) })
	both.Wait()
}

// pump passes one direction on, until its end, which it passes on too.
func (p *Proxy) pump(one *pair, to, from *net.TCPConn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !p.wait(one, n) {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				one.close()
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			_ = to.CloseWrite() // the other side may be gone already
			return
		case err != nil:
			one.close()
			return
		}
	}
}

// wait keeps n bytes back for as long as the network is bad; false if the
// connection or the proxy ended meanwhile.
func (p *Proxy) wait(one *pair, n int) bool {
	begin := time.Now()
	for {
		p.mu.Lock()
		hole, closed, delay, perSecond, changed := p.hole, p.closed, p.delay, p.perSecond, p.changed
		p.mu.Unlock()
		if closed {
			return false
		}
		if n == 0 {
			delay, perSecond = 0, 0
		}
		if perSecond > 0 {
			delay += time.Duration(n) * time.Second / time.Duration(perSecond)
		}
		left := delay - time.Since(begin)
		if !hole && left <= 0 {
			return true
		}
		var timer <-chan time.Time
		if !hole {
			timer = time.After(left)
		}
		select {
		case <-timer:
		case <-changed:
		case <-one.gone:
			return false
		}
	}
}

// reset ends both sides so that they notice at once.
func (one *pair) reset() {
	for _, c := range []*net.TCPConn{one.near, one.far} {
		if c != nil {
			_ = c.SetLinger(0) // it may be closed already
		}
	}
	one.close()
}

func (one *pair) close() {
	one.once.Do(func() {
		close(one.gone)
		_ = one.near.Close() // one of the two has failed
		if one.far != nil {
			_ = one.far.Close()
		}
	})
}
