package server_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/tlstest"
	"github.com/openfairlead/fairlead/internal/vault"
)

func TestListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	local := server.Ports{HTTP: "127.0.0.1:0", GRPC: "localhost:0", Ops: "[::1]:0"}
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		local.Ops = "127.0.0.1:0" // a machine without IPv6
	} else {
		l.Close()
	}
	change := func(f func(*server.Ports)) server.Ports {
		p := local
		f(&p)
		return p
	}
	for _, c := range []struct {
		name  string
		ports server.Ports
		wants []string
	}{
		{"http in use", change(func(p *server.Ports) { p.HTTP = taken.Addr().String() }), []string{"--http", "in use"}},
		{"grpc in use", change(func(p *server.Ports) { p.GRPC = taken.Addr().String() }), []string{"--grpc", "in use"}},
		{"ops in use", change(func(p *server.Ports) { p.Ops = taken.Addr().String() }), []string{"--ops", "in use"}},
		{"every address", change(func(p *server.Ports) { p.HTTP = ":0" }), []string{"--http", "--behind-proxy", "--tls-cert"}},
		{"another address", change(func(p *server.Ports) { p.GRPC = "0.0.0.0:0" }), []string{"--grpc", "--behind-proxy"}},
		{"operations for everybody", change(func(p *server.Ports) { p.Ops = "0.0.0.0:0" }), []string{"--ops"}},
		{"no port", change(func(p *server.Ports) { p.HTTP = "127.0.0.1" }), []string{"--http", "HOST:PORT"}},
		{"a port that is none", change(func(p *server.Ports) { p.HTTP = "127.0.0.1:99999" }), []string{"--http", "99999", "up to 65535"}},
		{"a word for a port", change(func(p *server.Ports) { p.Ops = "127.0.0.1:eighty" }), []string{"--ops", "eighty"}},
		{"a certificate alone", change(func(p *server.Ports) { p.TLSCert = "x" }), []string{"--tls-key"}},
		{"a certificate that is not there", change(func(p *server.Ports) { p.TLSCert, p.TLSKey = "/nowhere", "/nowhere" }), []string{"--tls-cert"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := server.Listen(c.ports)
			if err == nil {
				l.Close()
				t.Fatal("was opened")
			}
			for _, want := range c.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %s", err, want)
				}
			}
			if c.ports.Ops == "0.0.0.0:0" && strings.Contains(err.Error(), "--tls") {
				t.Errorf("%v offers TLS, which that port never has", err)
			}
			if applications.CodeOf(err) != applications.FailedPrecondition {
				t.Errorf("%v is internal", err)
			}
		})
	}
	for name, p := range map[string]server.Ports{"local": local, "behind a proxy": change(func(p *server.Ports) { p.HTTP, p.BehindProxy = "0.0.0.0:0", true })} {
		l, err := server.Listen(p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		l.Close()
	}
}

// start runs an app on ports of its own until stop is called.
func start(t *testing.T, app *server.App, p server.Ports, background ...func(context.Context)) (l *server.Listeners, stop func() error) {
	t.Helper()
	p.HTTP, p.GRPC, p.Ops = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	l, err := server.Listen(p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx, l, background...) }()
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if !stopped {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return l, stop
}

func newApp(t *testing.T, o server.Options) (*server.App, *applications.Service) {
	t.Helper()
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	svc := &applications.Service{
		Store: storetest.OpenWith(t, v), Secrets: v, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		NewID: func() string { return uuid.Must(uuid.NewV7()).String() }, Random: rand.Reader,
	}
	o.Service, o.Log = svc, svc.Log
	app, err := server.NewApp(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Close)
	return app, svc
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := (&http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestPortsAndHealth(t *testing.T) {
	app, _ := newApp(t, server.Options{Web: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a page") })})
	l, _ := start(t, app, server.Ports{})
	public, ops := "http://"+l.HTTP.Addr().String(), "http://"+l.Ops.Addr().String()
	for url, want := range map[string]string{public + "/healthz": "ok\n", ops + "/livez": "ok\n", ops + "/readyz": "ok\n", public + "/": "a page", public + "/calls": "a page"} {
		if code, body := get(t, url); code != 200 || body != want {
			t.Errorf("%s: %d %q", url, code, body)
		}
	}
	get(t, public+"/v1/openCalls")
	if _, body := get(t, ops+"/metrics"); !strings.Contains(body, `fairlead_call_duration_seconds_count{code="OK",door="rest",method="ProgramService/ListOpenCalls"} 1`) || !strings.Contains(body, "go_goroutines") {
		t.Error("the metrics do not count the call")
	}
	if code, _ := get(t, public+"/metrics"); code != 200 { // a page of the web's, not the metrics
		t.Errorf("/metrics on the public port: %d", code)
	}
	if _, body := get(t, public+"/metrics"); strings.Contains(body, "go_goroutines") {
		t.Error("the public port tells the metrics")
	}
	conn, err := grpc.NewClient(l.GRPC.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	h, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil || h.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v %v", h, err)
	}
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil || !strings.Contains(answer.String(), "fairlead.v1.ProgramService") {
		t.Errorf("reflection: %v %v", answer, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
}

// TestPanicInAPage must not take the server with it.
func TestPanicInAPage(t *testing.T) {
	app, _ := newApp(t, server.Options{Web: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a page of Invented Canary") })})
	l, _ := start(t, app, server.Ports{})
	if code, body := get(t, "http://"+l.HTTP.Addr().String()+"/"); code != 500 || strings.Contains(body, "Canary") {
		t.Errorf("%d %s", code, body)
	}
}

// TestStopFinishesWhatRuns stops the server in the middle of a request and of
// background work.
func TestStopFinishesWhatRuns(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	app, svc := newApp(t, server.Options{Web: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-goOn
		io.WriteString(w, "finished")
	})})
	backgroundEnded := make(chan struct{})
	l, stop := start(t, app, server.Ports{}, func(ctx context.Context) {
		<-ctx.Done()
		if err := svc.Store.Ping(context.Background()); err != nil {
			t.Errorf("the store is gone before the work that uses it: %v", err)
		}
		close(backgroundEnded)
	})
	public, ops := l.HTTP.Addr().String(), "http://"+l.Ops.Addr().String()
	answered := make(chan string, 1)
	go func() {
		_, body := get(t, "http://"+public+"/")
		answered <- body
	}()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for deadline := time.Now().Add(time.Minute); ; { // no longer ready, still at work
		if code, _ := get(t, ops+"/readyz"); code == http.StatusServiceUnavailable {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("ready while stopping")
		}
		time.Sleep(5 * time.Millisecond)
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped in the middle of a request: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if conn, err := net.DialTimeout("tcp", public, time.Second); err == nil {
		conn.Close()
		t.Error("new connections are taken while stopping")
	}
	close(goOn)
	if body := <-answered; body != "finished" {
		t.Errorf("the request was answered %q", body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	select {
	case <-backgroundEnded:
	default:
		t.Error("the background work was left")
	}
}

// TestStopDoesNotWaitForSenders: requests that do not come whole, in the middle
// of their headers or of their body, keep no server up for as long as what
// runs; what comes whole in time is answered.
func TestStopDoesNotWaitForSenders(t *testing.T) {
	for name, ca := range map[string]*tlstest.Authority{"plain": nil, "TLS": tlstest.New(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ports server.Ports
			if ca != nil {
				ports.TLSCert, ports.TLSKey = ca.Write(t, t.TempDir(), tlstest.Leaf{})
			}
			reading := make(chan struct{}, 2)
			app, _ := newApp(t, server.Options{Web: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				reading <- struct{}{}
				b, err := io.ReadAll(r.Body)
				if err != nil {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				time.Sleep(server.LastWords + time.Second) // it runs for longer than others may arrive
				if r.Context().Err() != nil {
					t.Error("what runs was ended")
				}
				w.Write(b)
			})})
			l, stop := start(t, app, ports)
			send := func(text string) net.Conn {
				conn, err := net.Dial("tcp", l.HTTP.Addr().String())
				if err == nil && ca != nil {
					conn = tls.Client(conn, &tls.Config{RootCAs: ca.Pool, ServerName: "127.0.0.1"})
				}
				if err == nil {
					_, err = io.WriteString(conn, text)
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				return conn
			}
			const half = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234"
			send("POST / HT")
			send(half)
			late := send(half)
			<-reading
			<-reading
			begin := time.Now()
			stopped := make(chan error, 1)
			go func() { stopped <- stop() }()
			time.Sleep(100 * time.Millisecond)
			if _, err := io.WriteString(late, "56789"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(late), nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); string(body) != "0123456789" || err != nil {
				t.Errorf("what came whole in time was answered %q, %v", body, err)
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > server.Grace*3/4 {
				t.Errorf("stopping took %v", took)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	ca := tlstest.New(t)
	cert, key := ca.Write(t, t.TempDir(), tlstest.Leaf{})
	pool := ca.Pool
	app, _ := newApp(t, server.Options{PublicURL: "https://apply.example.org"})
	l, _ := start(t, app, server.Ports{TLSCert: cert, TLSKey: key})
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	resp, err := client.Get("https://" + l.HTTP.Addr().String() + "/v1/openCalls")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%d %s %v", resp.StatusCode, resp.Proto, resp.Header)
	}
	conn, err := grpc.NewClient(l.GRPC.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
		t.Errorf("gRPC over TLS: %v", err)
	}
}

// TestBackgroundSurvivesAPanic lets background work panic once.
func TestBackgroundSurvivesAPanic(t *testing.T) {
	app, _ := newApp(t, server.Options{})
	begun := make(chan int, 2)
	times := 0
	start(t, app, server.Ports{}, func(ctx context.Context) {
		times++
		begun <- times
		if times == 1 {
			panic("once")
		}
		<-ctx.Done()
	})
	for want := 1; want <= 2; want++ {
		select {
		case got := <-begun:
			if got != want {
				t.Errorf("start %d, want %d", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("start %d does not come", want)
		}
	}
}
