package server

import (
	"net"
	"net/netip"
	"sync"

	"github.com/openfairlead/fairlead/internal/server/chain"
)

// Connections that are open at a time on one port. Each holds some 10 KiB and a
// goroutine or two, and one that does nothing is closed after 10 s (before a
// request) to 2 min (after one). One address gets a part of them, so that it
// takes a few machines to fill the server with connections that dawdle. A
// clinic or a library behind one address has more than enough; a proxy on this
// machine, or one that is trusted, speaks for everybody and gets all of them.
const (
	maxConnections     = 2000
	connectionsOfOther = 500
)

// boundedListener closes at once what comes beyond the bounds.
type boundedListener struct {
	net.Listener
	all, perAddress int
	trusted         []netip.Prefix

	mu        sync.Mutex
	open      int
	byAddress map[netip.Addr]int
}

func bounded(l net.Listener, trusted []netip.Prefix) *boundedListener {
	return &boundedListener{Listener: l, all: maxConnections, perAddress: connectionsOfOther, trusted: trusted, byAddress: map[netip.Addr]int{}}
}

func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := l.counted(c.RemoteAddr())
		if l.enter(from) {
			return &boundedConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		_ = c.Close() // nobody reads a reason before the request is read
	}
}

// counted is the address that a connection counts for; none for those that may
// have them all.
func (l *boundedListener) counted(a net.Addr) netip.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	from := ap.Addr().Unmap()
	if from.IsLoopback() || chain.IsTrusted(from, l.trusted) {
		return netip.Addr{}
	}
	if from.Is6() { // a household or an office
		if p, err := from.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return from
}

func (l *boundedListener) enter(from netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.all || from.IsValid() && l.byAddress[from] >= l.perAddress {
		return false
	}
	l.open++
	l.byAddress[from]++
	return true
}

func (l *boundedListener) leave(from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.byAddress[from]--; l.byAddress[from] == 0 {
		delete(l.byAddress, from)
	}
}

type boundedConn struct {
	net.Conn
	leave func()
}

func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
