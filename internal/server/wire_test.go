package server_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/server"
	"github.com/openfairlead/fairlead/internal/vault"
	"github.com/openfairlead/fairlead/internal/web"
)

// wireConn is a connection whose client sends some bytes and then no more, and
// reads everything. The client is there until the server ends the connection.
type wireConn struct {
	send []byte

	mu     sync.Mutex
	got    bytes.Buffer
	wake   chan struct{} // closed while a blocked Read has to return
	past   bool          // wake is closed
	closed chan struct{}
	once   sync.Once
}

func (c *wireConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	n := copy(p, c.send)
	c.send = c.send[n:]
	wake := c.wake
	c.mu.Unlock()
	switch {
	case n > 0:
		return n, nil
	case len(p) > 1:
		return 0, io.EOF // the server wants more of a request, or another one
	}
	// While a handler works, net/http reads one byte to learn whether the client
	// is still there.
	select {
	case <-wake:
		return 0, os.ErrDeadlineExceeded
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *wireConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	past := !t.IsZero() && time.Until(t) <= 0
	switch {
	case past && !c.past:
		close(c.wake)
	case !past && c.past:
		c.wake = make(chan struct{})
	}
	c.past = past
	return nil
}

func (c *wireConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got.Write(p)
}

func (c *wireConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *wireConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *wireConn) SetWriteDeadline(time.Time) error { return nil }
func (c *wireConn) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (c *wireConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2} }

// wireListener accepts what a test gives it.
type wireListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *wireListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *wireListener) Close() error {
	close(l.done)
	return nil
}

func (l *wireListener) Addr() net.Addr { return &net.TCPAddr{} }

// FuzzWire sends any bytes to the HTTP port, API and pages: as a request, as
// several, as none at all. Nothing panics, and no answer blames us. What
// net/http itself says to a version or an encoding that it does not know is
// 501 or 505.
func FuzzWire(f *testing.F) {
	const head = "Host: x\r\n"
	w := newWorld(f)
	w.open("alpha")
	token := w.token(access.Facilitator, "")
	form := "Content-Type: application/x-www-form-urlencoded\r\n"
	for _, raw := range []string{
		"GET / HTTP/1.1\r\n" + head + "\r\n",
		"GET /calls/alpha?lang=es HTTP/1.1\r\n" + head + "Cookie: a=b; fairlead_language=\xff\r\n\r\n",
		"GET /apply/alpha/questions/contact HTTP/1.0\r\n\r\n",
		"POST /apply/alpha/questions/contact HTTP/1.1\r\n" + head + form + "Content-Length: 30\r\n\r\nname=Invented&email=x%40y&was=",
		"POST /sign-in HTTP/1.1\r\n" + head + form + "Transfer-Encoding: chunked\r\n\r\n5\r\ntoken\r\n1\r\n=\r\n0\r\n\r\n",
		"POST /enter/x HTTP/1.1\r\n" + head + "Origin: null\r\n" + form + "Content-Length: 0\r\n\r\n",
		"GET /v1/programs/alpha HTTP/1.1\r\n" + head + "Authorization: Bearer " + token + "\r\n\r\nHEAD /v1/openCalls HTTP/1.1\r\n" + head + "\r\n",
		"GET /v1/programs/alpha/applications?filter=state%3D1&orderBy=code&pageToken=x HTTP/1.1\r\n" + head + "Authorization: Bearer " + token + "\r\n\r\n",
		"POST /v1/programs/alpha/applications?submit=true HTTP/1.1\r\n" + head + "Content-Type: application/json\r\nIdempotency-Key: \x01\r\nContent-Length: 2\r\n\r\n{}",
		"PATCH /v1/programs/alpha HTTP/1.1\r\n" + head + "If-Match: \"x\"\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
		"OPTIONS * HTTP/1.1\r\n" + head + "\r\n", "CONNECT x:1 HTTP/1.1\r\n" + head + "\r\n", "TRACE / HTTP/1.1\r\n" + head + "\r\n",
		"GET /v1/programs/%zz HTTP/1.1\r\n" + head + "\r\n", "GET //v1/../v1/programs/alpha/ HTTP/1.1\r\n" + head + "\r\n",
		"GET /assets/../../x HTTP/1.1\r\n" + head + "\r\n", "GET /openapi.json HTTP/1.1\r\n" + head + "Range: bytes=1-0,-1\r\nAccept-Encoding: gzip\r\n\r\n",
		"POST /v1/programs/alpha/applications:import HTTP/1.1\r\n" + head + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 40\r\n\r\n--b\r\nContent-Disposition: form-data; name=",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x00\x05hello", "GET /", "\r\n\r\n",
	} {
		f.Add([]byte(raw))
	}
	if err := flag.Set("test.fuzzminimizetime", "1x"); err != nil { // see FuzzREST
		f.Fatal(err)
	}
	pages := web.New(web.Options{Service: w.svc, Secrets: w.svc.Secrets.(*vault.Vault), Now: w.clock})
	app, err := server.NewApp(server.Options{Service: w.svc, Log: w.svc.Log, Web: pages})
	if err != nil {
		f.Fatal(err)
	}
	complaints := &logBuffer{}
	l := &wireListener{conns: make(chan net.Conn), done: make(chan struct{})}
	s := &http.Server{Handler: app.HTTP, ErrorLog: log.New(complaints, "", 0), MaxHeaderBytes: 128 << 10}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	f.Cleanup(func() {
		s.Close()
		app.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := &wireConn{send: bytes.Clone(raw), wake: make(chan struct{}), closed: make(chan struct{})}
		l.conns <- c
		select {
		case <-c.closed:
		case <-time.After(30 * time.Second):
			t.Fatalf("%q is still being answered after 30 s", raw)
		}
		if said := complaints.String(); strings.Contains(said, "panic") {
			t.Fatalf("%q: %s", raw, said)
		}
		r := bufio.NewReader(bytes.NewReader(c.got.Bytes()))
		for {
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				return // no answer, or its end
			}
			if resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented && resp.StatusCode != http.StatusHTTPVersionNotSupported {
				t.Fatalf("%q: %s\n%s", raw, c.got.Bytes(), w.log.String())
			}
			if resp.StatusCode == http.StatusContinue {
				continue
			}
			_, _ = io.Copy(io.Discard, resp.Body) // an answer to HEAD has none
		}
	})
}
