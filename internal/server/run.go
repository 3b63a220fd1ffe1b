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
	"slices"
	"sync"
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
	tls             *certificate // nil: none
}

// Check finds what is wrong with the flags themselves, before anything is made
// or opened. Its errors name the flag to change.
func (p Ports) Check() error {
	_, err := p.check()
	return err
}

func (p Ports) check() (*certificate, error) {
	if (p.TLSCert == "") != (p.TLSKey == "") {
		return nil, invalid("TLS_INCOMPLETE", "--tls-cert and --tls-key come together: give both or none")
	}
	encrypted := p.TLSCert != ""
	for _, one := range []struct {
		flag, address string
		protected     bool
	}{{"--http", p.HTTP, encrypted || p.BehindProxy}, {"--grpc", p.GRPC, encrypted || p.BehindProxy}, {"--ops", p.Ops, p.BehindProxy}} {
		if err := checkAddress(one.flag, one.address, one.protected); err != nil {
			return nil, err
		}
	}
	if !encrypted {
		return nil, nil
	}
	first, err := ReadCertificate(p.TLSCert, p.TLSKey)
	if err != nil {
		return nil, invalid("TLS_UNREADABLE", "%v", err)
	}
	return &certificate{certFile: p.TLSCert, keyFile: p.TLSKey, served: first}, nil
}

func checkAddress(flag, address string, protected bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return invalid("ADDRESS_INVALID", "%s %q: write it as HOST:PORT, such as 127.0.0.1:8080", flag, address)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return invalid("ADDRESS_INVALID", "%s %q: there is no port %q; choose a number up to 65535", flag, address, port)
	}
	switch {
	case protected, IsLoopback(host):
		return nil
	case flag == "--ops": // never over TLS, whatever the other ports do
		return invalid("UNPROTECTED", "--ops %s can be reached from other machines without encryption; listen on 127.0.0.1, or give --behind-proxy if a proxy in front does TLS", address)
	}
	return invalid("UNPROTECTED", "%s %s can be reached from other machines without encryption; give --tls-cert and --tls-key, or --behind-proxy if a proxy in front does TLS, or listen on 127.0.0.1", flag, address)
}

// Listen opens the ports. Its errors name the flag to change.
func Listen(p Ports) (*Listeners, error) {
	c, err := p.check()
	if err != nil {
		return nil, err
	}
	l := &Listeners{tls: c}
	for _, one := range []struct {
		flag, address string
		into          *net.Listener
	}{{"--http", p.HTTP, &l.HTTP}, {"--grpc", p.GRPC, &l.GRPC}, {"--ops", p.Ops, &l.Ops}} {
		ln, err := listenOne(one.flag, one.address)
		if err != nil {
			l.Close()
			return nil, err
		}
		*one.into = ln
	}
	return l, nil
}

func listenOne(flag, address string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, errInUse):
		return nil, invalid("PORT_IN_USE", "%s %s is in use by another program; stop that one or choose another port with %s HOST:PORT", flag, address, flag)
	case errors.Is(err, errForbidden):
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

// IsLoopback reports whether a host to listen on is this machine alone.
func IsLoopback(host string) bool {
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
	var public, wire net.Listener = bounded(l.HTTP, a.trusted), bounded(l.GRPC, a.trusted)
	if l.tls != nil {
		public = tls.NewListener(public, l.tls.config("h2", "http/1.1"))
		wire = tls.NewListener(wire, l.tls.config("h2"))
		background = append(slices.Clone(background), l.tls.watch(a.log))
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
// net/http closes at once what has asked for nothing, or not begun for 5 s.
func (a *App) stop(httpServer *http.Server) {
	close(a.stopping)
	a.arriving.stop(time.Now().Add(lastWords))
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

// maxHeader is the most that the headers of a request may take, in bytes: a
// token, a few cookies, a query with a filter.
const maxHeader = 32 << 10

// newHTTPServer bounds what a slow or hostile caller can hold. Routes that
// take longer (imports, exports, watching) move their own deadlines.
func newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,

		DisableGeneralOptionsHandler: true, // "OPTIONS *" is answered like all that is no request of ours
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          100, // requests at once over one connection
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     256 << 10,
			WriteByteTimeout:              30 * time.Second, // a reader that has stopped reading
		},
		// What net/http itself would log quotes addresses of callers.
		ErrorLog: slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelDebug),
	}
}
