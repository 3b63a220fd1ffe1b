package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server/chain"
)

// Grace is how long a stop waits for what runs.
const Grace = 20 * time.Second

// Ports are where the server listens.
type Ports struct {
	HTTP, GRPC, Ops string // host:port; ":0" lets the system choose the port
	// TLSCert and TLSKey serve HTTP and gRPC over TLS. Both or none.
	TLSCert, TLSKey string
	// BehindProxy says that a proxy in front does TLS, so that listening off
	// loopback without it is meant.
	BehindProxy bool
}

// Listeners are the open ports.
type Listeners struct {
	HTTP, GRPC, Ops net.Listener
	tls             *tls.Config // nil: none
}

// Listen opens the ports. Its errors name the flag to change.
func Listen(p Ports) (*Listeners, error) {
	l := &Listeners{}
	if (p.TLSCert == "") != (p.TLSKey == "") {
		return nil, invalid("TLS_INCOMPLETE", "--tls-cert and --tls-key come together: give both or none")
	}
	if p.TLSCert != "" {
		c := &certificate{certFile: p.TLSCert, keyFile: p.TLSKey}
		if _, err := c.get(nil); err != nil {
			return nil, invalid("TLS_UNREADABLE", "--tls-cert, --tls-key: %v", err)
		}
		l.tls = &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}
	}
	for _, one := range []struct {
		flag, address string
		encrypted     bool
		into          *net.Listener
	}{
		{"--http", p.HTTP, l.tls != nil, &l.HTTP},
		{"--grpc", p.GRPC, l.tls != nil, &l.GRPC},
		{"--ops", p.Ops, false, &l.Ops},
	} {
		ln, err := listenOne(one.flag, one.address, one.encrypted || p.BehindProxy)
		if err != nil {
			l.Close()
			return nil, err
		}
		*one.into = ln
	}
	return l, nil
}

func listenOne(flag, address string, protected bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, invalid("ADDRESS_INVALID", "%s %q: write it as HOST:PORT, such as 127.0.0.1:8080", flag, address)
	}
	if !protected && !isLoopback(host) {
		if flag == "--ops" { // never over TLS, whatever the other ports do
			return nil, invalid("UNPROTECTED", "--ops %s can be reached from other machines without encryption; listen on 127.0.0.1, or give --behind-proxy if a proxy in front does TLS", address)
		}
		return nil, invalid("UNPROTECTED", "%s %s can be reached from other machines without encryption; give --tls-cert and --tls-key, or --behind-proxy if a proxy in front does TLS, or listen on 127.0.0.1", flag, address)
	}
	ln, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, invalid("PORT_IN_USE", "%s %s is in use by another program; stop that one or choose another port with %s HOST:PORT", flag, address, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, invalid("PORT_FORBIDDEN", "%s %s: this account may not listen there; choose a port above 1023 with %s HOST:PORT", flag, address, flag)
	case err != nil:
		return nil, invalid("PORT_UNUSABLE", "%s %s: %v", flag, address, err)
	}
	return ln, nil
}

// invalid is an error in how the server was started.
func invalid(reason, format string, args ...any) error {
	return applications.Errorf(applications.FailedPrecondition, reason, format, args...)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// Close closes the ports that are open.
func (l *Listeners) Close() {
	for _, ln := range []net.Listener{l.HTTP, l.GRPC, l.Ops} {
		if ln != nil {
			_ = ln.Close() // it may be closed already
		}
	}
}

// Run serves until ctx ends, then stops with grace: ports close, calls that run
// are finished, background work comes to its next durable step. background are
// functions that return when their context ends.
func (a *App) Run(ctx context.Context, l *Listeners, background ...func(context.Context)) error {
	httpServer := newHTTPServer(a.HTTP)
	opsServer := newHTTPServer(a.Ops)
	public, wire := l.HTTP, l.GRPC
	if l.tls != nil {
		h := l.tls.Clone()
		h.NextProtos = []string{"h2", "http/1.1"}
		public = tls.NewListener(public, h)
		g := l.tls.Clone()
		g.NextProtos = []string{"h2"}
		wire = tls.NewListener(wire, g)
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var working sync.WaitGroup
	for _, f := range background {
		working.Go(func() { a.keepRunning(work, f) })
	}
	failed := make(chan error, 3)
	var serving sync.WaitGroup
	serve := func(flag string, f func() error) {
		serving.Go(func() {
			if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serving %s: %w", flag, err)
			}
		})
	}
	serve("--http", func() error { return httpServer.Serve(public) })
	serve("--ops", func() error { return opsServer.Serve(l.Ops) })
	serve("--grpc", func() error { return a.GRPC.Serve(wire) })

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	a.stop(httpServer)
	stopWork()
	working.Wait()
	_ = opsServer.Close() // last, so that it can tell until then
	serving.Wait()
	return err
}

// keepRunning starts background work again after a panic: one broken program
// must not end the closing of all calls.
func (a *App) keepRunning(ctx context.Context, f func(context.Context)) {
	for ctx.Err() == nil {
		func() {
			defer func() {
				if p := recover(); p != nil {
					err := chain.Panicked(p)
					a.log.Error("background work panicked; it starts again", "error", err, "stack", err.Stack())
				}
			}()
			f(ctx)
		}()
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// stop finishes what runs: REST calls first, because they need the services.
func (a *App) stop(httpServer *http.Server) {
	close(a.stopping)
	a.health.Shutdown()
	ctx, cancel := context.WithTimeout(context.Background(), Grace)
	defer cancel()
	if err := httpServer.Shutdown(ctx); err != nil {
		a.log.Warn("some requests did not end in time and were cut off")
		_ = httpServer.Close() // nothing more can be done for them
	}
	done := make(chan struct{})
	go func() {
		_ = a.conn.Close() // the gateway has no call left
		a.GRPC.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		a.log.Warn("some calls did not end in time and were cut off")
		a.GRPC.Stop()
		<-done
	}
}

// newHTTPServer bounds what a slow or hostile caller can hold. Routes that
// take longer (imports, exports, watching) move their own deadlines.
func newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    128 << 10, // an import's query names every column of its table
		// What net/http itself would log quotes addresses of callers.
		ErrorLog: slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelDebug),
	}
}

// certificate is read again when its file changes, so that a renewed one needs
// no restart.
type certificate struct {
	certFile, keyFile string

	mu       sync.Mutex
	loaded   *tls.Certificate
	modified time.Time
	checked  time.Time
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded != nil && time.Since(c.checked) < time.Minute {
		return c.loaded, nil
	}
	c.checked = time.Now()
	info, err := os.Stat(c.certFile)
	if err == nil && c.loaded != nil && info.ModTime().Equal(c.modified) {
		return c.loaded, nil
	}
	pair, pairErr := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err == nil {
		err = pairErr
	}
	if err != nil {
		if c.loaded != nil {
			return c.loaded, nil // half-written; the old one serves until the next look
		}
		return nil, err
	}
	c.loaded, c.modified = &pair, info.ModTime()
	return c.loaded, nil
}
