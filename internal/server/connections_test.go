package server

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// fixed is a listener whose connections come from where a test says.
type fixed struct {
	net.Listener
	from string
}

func (l *fixed) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &fixedConn{c, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(l.from))}, err
}

type fixedConn struct {
	net.Conn
	from net.Addr
}

func (c *fixedConn) RemoteAddr() net.Addr { return c.from }

// TestConnectionsAreBounded opens too many, all of them and from one address,
// and then again as many as there may be once the first are gone.
func TestConnectionsAreBounded(t *testing.T) {
	for _, c := range []struct {
		from string
		most int
	}{
		{"127.0.0.1:1", 8}, {"[::1]:1", 8}, {"10.1.2.3:1", 8}, // this machine, and a trusted proxy
		{"192.0.2.7:1", 3}, {"[2001:db8::7]:1", 3},
	} {
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l := bounded(&fixed{inner, c.from}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
		l.all, l.perAddress = 8, 3
		accepted := make(chan net.Conn, 100)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				if _, err := conn.Write([]byte("hello")); err != nil {
					t.Error(err)
				}
				accepted <- conn
			}
		}()
		welcome := func() bool {
			conn, err := net.Dial("tcp", inner.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			switch _, err = io.ReadFull(conn, make([]byte, 5)); {
			case err == nil:
				return true
			case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
				return false
			default:
				t.Fatal(err)
				return false
			}
		}
		for round := range 2 {
			for i := range c.most + 2 {
				if got := welcome(); got != (i < c.most) {
					t.Errorf("from %s, round %d, connection %d of at most %d: %v", c.from, round, i+1, c.most, got)
				}
			}
			for range c.most {
				conn := <-accepted
				conn.Close()
				conn.Close() // counts once
			}
			l.mu.Lock()
			if l.open != 0 || len(l.byAddress) != 0 {
				t.Errorf("from %s: %d are counted when none is open: %v", c.from, l.open, l.byAddress)
			}
			l.mu.Unlock()
		}
		inner.Close()
	}
}
