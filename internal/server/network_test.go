package server_test

import (
	"bufio"
	"bytes"
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
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/server"
	"github.com/openfairlead/fairlead/internal/server/gateway"
	"github.com/openfairlead/fairlead/internal/tlstest"
	"github.com/openfairlead/fairlead/internal/web"
)

// newSite is newApp with the pages, put together as `fairlead serve` does, and
// an open call "alpha".
func newSite(t *testing.T, o server.Options) *server.App {
	t.Helper()
	w := newWorld(t)
	w.open("alpha")
	tries := applications.NewReturnCodeTries()
	if o.RateLimit > 0 {
		w.svc.Now = time.Now // whoever waits waits in real time
	}
	o.Service, o.Log, o.Tries = w.svc, slog.New(slog.DiscardHandler), tries
	o.Web = web.New(web.Options{
		Service: w.svc, Secrets: w.svc.Secrets, PublicURL: o.PublicURL, Secure: strings.HasPrefix(o.PublicURL, "https://"), Tries: tries, Log: o.Log,
		ClientAddress: func(r *http.Request) string { return gateway.ClientAddress(r, o.TrustedProxies).String() },
	})
	app, err := server.NewApp(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Close)
	return app
}

// ask sends one request and reads all of the answer. Redirects are not
// followed; headers are "Name: value".
func ask(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	client := &http.Client{
		Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp, string(b)
}

// TestSecurityHeaders asks for every page and every route, in good order and
// not, with and without https, and looks at what each answer carries.
func TestSecurityHeaders(t *testing.T) {
	for _, public := range []string{"", "https://apply.example.org"} {
		app := newSite(t, server.Options{PublicURL: public})
		l, _ := start(t, app, server.Ports{})
		base, ops := "http://"+l.HTTP.Addr().String(), "http://"+l.Ops.Addr().String()
		_, page := ask(t, "GET", base+"/calls", "")
		style := regexp.MustCompile(`/assets/[^"]+\.css`).FindString(page)
		if style == "" {
			t.Fatal("the page names no style sheet")
		}
		urls := []string{
			base + "/", base + "/calls", base + "/calls/alpha", base + "/calls/nothing", base + "/calls?lang=es", base + "/apply/alpha", base + "/apply/alpha/questions/contact",
			base + "/apply/alpha/check", base + "/apply/alpha/saved", base + "/apply/alpha/return", base + "/apply/alpha/receipt", base + "/apply/alpha/status", base + "/apply/alpha/withdraw",
			base + "/calls/alpha/privacy", base + "/enter/x", base + "/sign-in", base + "/sign-out", base + "/programs", base + "/programs/alpha/selections", base + "/programs/alpha/selections/x",
			base + style, base + "/assets/", base + "/docs", base + "/docs/docs.css", base + "/openapi.json", base + "/healthz", base + "/nowhere", base + "/favicon.ico", base + "/robots.txt",
			base + "/v1/nothing", base + "/v2", base + "/v1/programs/alpha/applications:import", ops + "/livez", ops + "/readyz", ops + "/metrics", ops + "/nothing",
		}
		for _, m := range apiMethods() {
			for _, b := range bindings(m) {
				path := b.path
				if _, pattern, ok := b.variable(); ok {
					before, rest, _ := strings.Cut(path, "{")
					_, after, _ := strings.Cut(rest, "}")
					path = before + strings.ReplaceAll(pattern, "*", "alpha") + after
				}
				urls = append(urls, base+path)
			}
		}
		looked := 0
		for _, url := range urls {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} {
				resp, _ := ask(t, method, url, "", "Origin: https://elsewhere.example.org", "Access-Control-Request-Method: POST")
				looked++
				h := resp.Header
				at := fmt.Sprintf("%s %s (%d, public URL %q)", method, url, resp.StatusCode, public)
				for name, want := range map[string]string{
					"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin",
				} {
					if got := h.Values(name); len(got) != 1 || got[0] != want {
						t.Errorf("%s: %s is %q", at, name, got)
					}
				}
				csp := h.Get("Content-Security-Policy")
				if !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
					t.Errorf("%s: Content-Security-Policy %q", at, csp)
				}
				if secure := public != "" && strings.HasPrefix(url, base); (h.Get("Strict-Transport-Security") == "max-age=31536000") != secure {
					t.Errorf("%s: Strict-Transport-Security %q", at, h.Get("Strict-Transport-Security"))
				}
				for name := range h {
					if strings.HasPrefix(name, "Access-Control-") || name == "Server" || name == "X-Powered-By" {
						t.Errorf("%s: %s: %s", at, name, h.Get(name))
					}
				}
				if resp.StatusCode/100 == 2 && h.Get("Cache-Control") == "" && !strings.HasPrefix(url, ops) {
					t.Errorf("%s: nothing says who may keep the answer", at)
				}
				if strings.Contains(url, "/v1/") && h.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: Cache-Control %q", at, h.Get("Cache-Control"))
				}
				if resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented {
					t.Errorf("%s", at)
				}
				for _, c := range resp.Cookies() {
					if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != (public != "") || strings.HasPrefix(c.Name, "__Host-") != (public != "") {
						t.Errorf("%s: cookie %s", at, c)
					}
				}
			}
		}
		if looked < 700 {
			t.Errorf("only %d answers were looked at", looked)
		}
	}
}

// behind is an app that trusts this machine as its proxy, with little
// allowance.
func behind(t *testing.T, trusted ...string) (base string, conn *grpc.ClientConn) {
	t.Helper()
	o := server.Options{RateLimit: 1}
	for _, p := range trusted {
		o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(p))
	}
	l, _ := start(t, newSite(t, o), server.Ports{})
	conn, err := grpc.NewClient(l.GRPC.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return "http://" + l.HTTP.Addr().String(), conn
}

// TestRatesBehindAProxy: callers are told apart by what a trusted proxy says,
// alike over REST, gRPC and on the pages, and nobody escapes by making it up.
func TestRatesBehindAProxy(t *testing.T) {
	doors := map[string]func(t *testing.T, base string, conn *grpc.ClientConn, forwarded string) bool{
		"REST": func(t *testing.T, base string, _ *grpc.ClientConn, forwarded string) bool {
			resp, body := ask(t, "GET", base+"/v1/openCalls", "", "X-Forwarded-For: "+forwarded)
			if resp.StatusCode == http.StatusTooManyRequests && (resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "RATE_LIMITED")) {
				t.Errorf("refused without saying for how long: %v %s", resp.Header, body)
			}
			return resp.StatusCode == http.StatusOK
		},
		"pages": func(t *testing.T, base string, _ *grpc.ClientConn, forwarded string) bool {
			resp, _ := ask(t, "GET", base+"/calls", "", "X-Forwarded-For: "+forwarded)
			if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") == "" {
				t.Error("refused without saying for how long")
			}
			return resp.StatusCode == http.StatusOK
		},
		"gRPC": func(t *testing.T, _ string, conn *grpc.ClientConn, forwarded string) bool {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", forwarded)
			_, err := v1.NewProgramServiceClient(conn).ListOpenCalls(ctx, &v1.ListOpenCallsRequest{})
			if code := status.Code(err); code != codes.OK && code != codes.ResourceExhausted {
				t.Errorf("%v", err)
			}
			return err == nil
		},
	}
	for name, call := range doors {
		t.Run(name, func(t *testing.T) {
			use := func(base string, conn *grpc.ClientConn, forwarded func(i int) string) (passed int) {
				for i := range 12 {
					if call(t, base, conn, forwarded(i)) {
						passed++
					}
				}
				return passed
			}
			same := func(string) func(int) string { return func(int) string { return "198.51.100.7" } }
			made := func(i int) string { return fmt.Sprintf("192.0.2.%d, 198.51.100.8", i) }
			other := func(i int) string { return fmt.Sprintf("198.51.100.%d", 100+i) }
			base, conn := behind(t, "127.0.0.0/8")
			// The allowance grows by one a second: a slow machine passes a few more.
			if n := use(base, conn, same("")); n < 2 || n > 9 {
				t.Errorf("%d of 12 calls of one caller pass", n)
			}
			if n := use(base, conn, made); n < 2 || n > 9 {
				t.Errorf("%d of 12 calls pass by made-up addresses in front", n)
			}
			if n := use(base, conn, other); n != 12 {
				t.Errorf("only %d of 12 callers pass", n)
			}
			base, conn = behind(t) // nobody is trusted
			if n := use(base, conn, other); n < 2 || n > 9 {
				t.Errorf("%d of 12 calls pass by a header that is not believed", n)
			}
			base, conn = behind(t, "10.0.0.0/8")
			if n := use(base, conn, other); n < 2 || n > 9 {
				t.Errorf("%d of 12 calls pass by a header from no proxy", n)
			}
		})
	}
}

// TestReturnCodesBehindAProxy: guesses count by the address that a trusted
// proxy names, over the API and the pages together.
func TestReturnCodesBehindAProxy(t *testing.T) {
	o := server.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	l, _ := start(t, newSite(t, o), server.Ports{})
	base := "http://" + l.HTTP.Addr().String()
	api := func(forwarded string) int {
		resp, _ := ask(t, "POST", base+"/v1/programs/alpha/applications:resume", `{"returnCode": "AAAA-AAAA-AAAA"}`, "Content-Type: application/json", "X-Forwarded-For: "+forwarded)
		return resp.StatusCode
	}
	page := func(forwarded string) int {
		resp, _ := ask(t, "POST", base+"/apply/alpha/return", "code=AAAA-AAAA-AAAA", "Content-Type: application/x-www-form-urlencoded", "X-Forwarded-For: "+forwarded)
		return resp.StatusCode
	}
	for i := range 10 {
		said := fmt.Sprintf("192.0.2.%d, 2001:db8:1:2::%d", i, i) // one household, whatever it claims
		if i%2 == 0 {
			if code := api(said); code != http.StatusNotFound {
				t.Errorf("guess %d over the API: %d", i, code)
			}
		} else if code := page(said); code != http.StatusUnprocessableEntity {
			t.Errorf("guess %d on the pages: %d", i, code)
		}
	}
	if a, p := api("2001:db8:1:2::99"), page("2001:db8:1:2::99"); a != http.StatusTooManyRequests || p != http.StatusTooManyRequests {
		t.Errorf("the eleventh guess: %d %d", a, p)
	}
	if a, p := api("2001:db8:1:3::1"), page("2001:db8:1:3::1"); a != http.StatusNotFound || p != http.StatusUnprocessableEntity {
		t.Errorf("the neighbor's first guess: %d %d", a, p)
	}
}

// TestProxyHeadersChangeNothing: whoever claims another protocol or host gets
// no other links, redirects or cookies.
func TestProxyHeadersChangeNothing(t *testing.T) {
	o := server.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, PublicURL: "https://apply.example.org"}
	l, _ := start(t, newSite(t, o), server.Ports{})
	base := "http://" + l.HTTP.Addr().String()
	for _, path := range []string{"/", "/calls", "/calls/alpha", "/apply/alpha", "/sign-in", "/programs", "/docs", "/openapi.json", "/v1/openCalls"} {
		plain, before := ask(t, "GET", base+path, "")
		resp, after := ask(t, "GET", base+path, "", "X-Forwarded-Proto: http", "X-Forwarded-Host: evil.example.org", "Forwarded: host=evil.example.org;proto=http",
			"X-Forwarded-Prefix: /evil", "X-Original-URL: /evil", "X-Rewrite-URL: /evil", "X-HTTP-Method-Override: DELETE", "X-Real-IP: 203.0.113.1")
		if resp.StatusCode != plain.StatusCode || strings.Contains(after, "evil") || strings.Contains(fmt.Sprint(resp.Header), "evil") || resp.Header.Get("Location") != plain.Header.Get("Location") {
			t.Errorf("%s: %d %v\n%d %v", path, plain.StatusCode, plain.Header, resp.StatusCode, resp.Header)
		}
		if len(before) != len(after) {
			t.Errorf("%s: %d bytes become %d", path, len(before), len(after))
		}
	}
}

// raw sends bytes over a connection of its own and returns the status line and
// the answer; "" when the connection was closed without one.
func raw(t *testing.T, address, bytes string) (status, all string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, bytes) // the server may have closed already
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		return "", line
	}
	_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond)) // some connections stay open
	rest, _ := io.ReadAll(r)
	return strings.TrimSpace(strings.TrimPrefix(line, "HTTP/1.1 ")), line + string(rest)
}

// TestRequestsThatAreNone sends what is no request of ours: other protocols,
// proxies' requests, broken and oversized ones. Each is answered or cut off,
// nothing is passed on or switched to, and the server goes on.
func TestRequestsThatAreNone(t *testing.T) {
	l, _ := start(t, newSite(t, server.Options{}), server.Ports{})
	address := l.HTTP.Addr().String()
	const end = "Connection: close\r\n\r\n"
	for name, c := range map[string]struct{ sent, want string }{
		"a tunnel":                     {"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n" + end, "405"},
		"a tunnel to ourselves":        {"CONNECT / HTTP/1.1\r\nHost: x\r\n" + end, "405"},
		"an echo":                      {"TRACE / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer canary\r\n" + end, "405"},
		"options of everything":        {"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + end, "405"},
		"a WebSocket":                  {"GET /calls HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", "200"},
		"a WebSocket to the API":       {"GET /v1/openCalls HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", "200"},
		"HTTP/2 without TLS":           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "405"},
		"an upgrade to HTTP/2":         {"GET /calls HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", "200"},
		"another site":                 {"GET http://example.org/healthz HTTP/1.1\r\nHost: example.org\r\n" + end, "200"}, // ours, as it is here
		"no host":                      {"GET / HTTP/1.1\r\n" + end, "400"},
		"two hosts":                    {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + end, "400"},
		"a host with a line end":       {"GET / HTTP/1.1\r\nHost: a\x00b\r\n" + end, "400"},
		"two lengths":                  {"POST /v1/programs HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n" + end + "abcd", "400"},
		"a length and chunks":          {"POST /v1/programs HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n" + end + "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", "4"},
		"an unknown encoding":          {"POST /v1/programs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n" + end, "501"},
		"chunks that are none":         {"POST /v1/programs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + end + "zz\r\n", "400"},
		"a length below zero":          {"POST /v1/programs HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n" + end, "400"},
		"a header without a name":      {"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n" + end, "400"},
		"a header over two lines":      {"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n" + end, "200"},
		"a space before the colon":     {"GET / HTTP/1.1\r\nHost : x\r\n" + end, "400"},
		"a large header":               {"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 64<<10) + "\r\n" + end, "431"},
		"many headers":                 {"GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 8<<10) + end, "431"},
		"a long path":                  {"GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: x\r\n" + end, "431"},
		"a path out of the tree":       {"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n" + end, "3"},
		"a path out, in percent":       {"GET /assets/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n" + end, "404"},
		"a path with a zero":           {"GET /calls/\x00 HTTP/1.1\r\nHost: x\r\n" + end, "400"},
		"another version":              {"GET / HTTP/3.0\r\nHost: x\r\n" + end, "505"},
		"no version":                   {"GET /\r\n\r\n", "400"},
		"nonsense":                     {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", "400"},
		"a mail":                       {"EHLO example.org\r\n\r\n", "400"},
		"a method with signs":          {"GE\"T / HTTP/1.1\r\nHost: x\r\n" + end, "400"},
		"a body over the limit":        {"POST /v1/programs/alpha/applications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1100000\r\n" + end + strings.Repeat(" ", 1100000), "413"},
		"a page's form over the limit": {"POST /apply/alpha/return HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 70000\r\n" + end + "code=" + strings.Repeat("a", 69995), "413"},
		"a body where none belongs":    {"GET /v1/openCalls HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n" + end + "{}", ""},
	} {
		status, all := raw(t, address, c.sent)
		if !strings.HasPrefix(status, c.want) || status == "" && c.want != "" {
			t.Errorf("%s: %q, want %s", name, status, c.want)
		}
		if strings.HasPrefix(status, "101") || strings.Contains(all, "canary") || strings.Contains(all, "root:") || strings.Count(all, "HTTP/1.1 ") > 1 {
			t.Errorf("%s: %.500s", name, all)
		}
	}
	if code, _ := get(t, "http://"+address+"/healthz"); code != http.StatusOK {
		t.Errorf("afterwards: %d", code)
	}
}

// TestSlowCallers holds connections open in every way that costs a caller
// nothing. They are cut off within the bounds, and nobody else waits for them.
func TestSlowCallers(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	cert, key := ca.Write(t, t.TempDir(), tlstest.Leaf{})
	app := newSite(t, server.Options{})
	l, _ := start(t, app, server.Ports{TLSCert: cert, TLSKey: key})
	ways := map[string]struct {
		address string
		tls     bool
		begin   string
		drop    string // sent twice a second
		bound   time.Duration
	}{
		"a request line that does not end": {l.HTTP.Addr().String(), true, "GET /ca", "a", 10 * time.Second},
		"headers that do not end":          {l.HTTP.Addr().String(), true, "GET /calls HTTP/1.1\r\nHost: x\r\n", "X-A: b\r\n", 10 * time.Second},
		"no request":                       {l.HTTP.Addr().String(), true, "", "", 10 * time.Second},
		"a handshake that does not begin":  {l.HTTP.Addr().String(), false, "", "", 10 * time.Second},
		"a handshake that does not end":    {l.HTTP.Addr().String(), false, "\x16\x03\x01\x02\x00\x01", "", 10 * time.Second},
		"half a preface of HTTP/2":         {l.GRPC.Addr().String(), true, "PRI * HT", "", 10 * time.Second},
		"no preface":                       {l.GRPC.Addr().String(), true, "", "", 10 * time.Second},
		"no handshake on the gRPC port":    {l.GRPC.Addr().String(), false, "", "", 10 * time.Second},
	}
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		w := ways["no request"]
		w.begin, w.drop, w.bound = "POST /v1/programs/alpha/applications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n", " ", 30*time.Second
		ways["a body that does not end"] = w
	}
	type ended struct {
		way  string
		took time.Duration
		err  error
	}
	const each = 25
	done := make(chan ended, each*len(ways))
	for name, way := range ways {
		for range each {
			go func() {
				begin := time.Now()
				err := func() error {
					conn, err := net.Dial("tcp", way.address)
					if err != nil {
						return err
					}
					defer conn.Close()
					if way.tls {
						proto := "http/1.1"
						if way.address == l.GRPC.Addr().String() {
							proto = "h2"
						}
						conn = tls.Client(conn, &tls.Config{RootCAs: ca.Pool, ServerName: "127.0.0.1", NextProtos: []string{proto}})
					}
					if _, err := io.WriteString(conn, way.begin); err != nil && !way.tls {
						return err
					}
					if way.tls && way.begin == "" {
						if err := conn.(*tls.Conn).Handshake(); err != nil {
							return err
						}
					}
					stop := make(chan struct{})
					defer close(stop)
					if way.drop != "" {
						go func() {
							for {
								select {
								case <-stop:
									return
								case <-time.After(500 * time.Millisecond):
									if _, err := io.WriteString(conn, way.drop); err != nil {
										return
									}
								}
							}
						}()
					}
					if err := conn.SetReadDeadline(begin.Add(way.bound + 30*time.Second)); err != nil {
						return err
					}
					_, err = io.Copy(io.Discard, conn) // until the server ends it
					var timeout net.Error
					if errors.As(err, &timeout) && timeout.Timeout() {
						return errors.New("was not cut off")
					}
					return nil
				}()
				done <- ended{name, time.Since(begin), err}
			}()
		}
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool}, DisableKeepAlives: true}}
	asked, slowest := 0, time.Duration(0)
	for left := each * len(ways); left > 0; {
		select {
		case e := <-done:
			left--
			// A loaded machine may be late, and the handshake is bounded by itself.
			if e.err != nil || e.took > ways[e.way].bound+20*time.Second {
				t.Errorf("%s: %v after %v", e.way, e.err, e.took)
			}
		case <-time.After(100 * time.Millisecond):
			begin := time.Now()
			resp, err := client.Get("https://" + l.HTTP.Addr().String() + "/v1/openCalls")
			if err != nil {
				t.Fatalf("another caller: %v", err)
			}
			resp.Body.Close()
			asked++
			slowest = max(slowest, time.Since(begin))
		}
	}
	if asked < 10 || slowest > 5*time.Second {
		t.Errorf("%d requests of others meanwhile, the slowest in %v", asked, slowest)
	}
	t.Logf("figure: %d slow connections (request line, headers, handshake, preface), all cut off; meanwhile %d requests of others, the slowest in %d ms", each*len(ways), asked, slowest.Milliseconds())
}

// TestRefusedUploadEndsAtOnce: whoever may not import does not hold a
// connection for as long as an import may take.
func TestRefusedUploadEndsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	l, _ := start(t, w.app, server.Ports{})
	body := importForm(`{"consentNote": "x"}`, "contact.name\n")
	body = body[:strings.Index(body, "contact.name")]
	for name, c := range map[string]struct{ token, want string }{
		"nobody":        {"", "401"},
		"a wrong token": {"Authorization: Bearer guess\r\n", "401"},
		"another role":  {"Authorization: Bearer " + w.token(access.Reviewer, "alpha") + "\r\n", "403"},
	} {
		begin := time.Now()
		status, _ := raw(t, l.HTTP.Addr().String(), "POST /v1/programs/alpha/applications:import HTTP/1.1\r\nHost: x\r\n"+c.token+formHeader+"\r\nContent-Length: 60000000\r\n\r\n"+body)
		if !strings.HasPrefix(status, c.want) || time.Since(begin) > 15*time.Second {
			t.Errorf("%s: %q after %v", name, status, time.Since(begin))
		}
	}
}

// TestRefusedUploadSpoilsNoOtherCall: a client that keeps its connections gets
// an answer to whatever it asks after an upload was refused.
func TestRefusedUploadSpoilsNoOtherCall(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	l, _ := start(t, w.app, server.Ports{})
	client := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	header, contentType, _ := strings.Cut(formHeader, ": ")
	body := importForm(`{"consentNote": "x"}`, "contact.name\n"+strings.Repeat("Invented Person\n", 4096))
	for i := range 40 {
		for _, c := range []struct {
			method, path string
			body         io.Reader
			want         int
		}{
			{"POST", "/v1/programs/alpha/applications:import", strings.NewReader(body), 401},
			{"GET", "/v1/openCalls", nil, 200},
		} {
			r, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+l.HTTP.Addr().String()+c.path, c.body)
			if err != nil {
				t.Fatal(err)
			}
			if c.body != nil {
				r.Header.Set(header, contentType)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != c.want {
				t.Fatalf("round %d: %s %s: %d %s %v", i, c.method, c.path, resp.StatusCode, text, err)
			}
		}
	}
}

// TestRefusedUploadIsTold: whoever is in the middle of sending a large table
// hears why it is refused, and is not just cut off.
func TestRefusedUploadIsTold(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	l, _ := start(t, w.app, server.Ports{})
	url := "http://" + l.HTTP.Addr().String() + "/v1/programs/alpha/applications:import"
	large := importForm(`{"consentNote": "x"}`, "contact.name\n"+strings.Repeat(strings.Repeat("x", 1000)+"\n", 20<<10))
	for name, c := range map[string]struct {
		url, body string
		headers   []string
		want      int
		told      string
	}{
		"a wrong token": {url, large, []string{formHeader, "Authorization: Bearer guess"}, 401, "TOKEN_INVALID"},
		"another role":  {url, large, []string{formHeader, "Authorization: Bearer " + w.token(access.Reviewer, "alpha")}, 403, "PERMISSION_MISSING"},
		"the old form":  {url + "?consentNote=x", large, []string{"Content-Type: text/csv", "Authorization: Bearer " + w.admin}, 400, "QUERY_INVALID"},
		"no form":       {url, large, []string{"Content-Type: text/csv"}, 415, "UNSUPPORTED_MEDIA_TYPE"},
		"no length":     {url, large, []string{formHeader, "Authorization: Bearer guess"}, 401, "TOKEN_INVALID"},
	} {
		req, err := http.NewRequest("POST", c.url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if name == "no length" {
			req.ContentLength = -1
		}
		for _, h := range c.headers {
			key, value, _ := strings.Cut(h, ": ")
			req.Header.Set(key, value)
		}
		resp, err := (&http.Client{Timeout: 60 * time.Second}).Do(req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.want || !strings.Contains(string(b), c.told) {
			t.Errorf("%s: %d %s %v", name, resp.StatusCode, b, err)
		}
	}
}

// TestTLSOnly: both ports speak TLS 1.2 and later, and nothing else.
func TestTLSOnly(t *testing.T) {
	ca := tlstest.New(t)
	cert, key := ca.Write(t, t.TempDir(), tlstest.Leaf{})
	l, _ := start(t, newSite(t, server.Options{}), server.Ports{TLSCert: cert, TLSKey: key})
	for name, address := range map[string]string{"HTTP": l.HTTP.Addr().String(), "gRPC": l.GRPC.Addr().String()} {
		for version, ok := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
			conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: ca.Pool, MinVersion: version, MaxVersion: version, NextProtos: []string{"h2"}})
			if (err == nil) != ok {
				t.Errorf("%s: %s: %v", name, tls.VersionName(version), err)
			}
			if err == nil {
				if state := conn.ConnectionState(); state.NegotiatedProtocol != "h2" {
					t.Errorf("%s: %s agrees on %q", name, tls.VersionName(version), state.NegotiatedProtocol)
				}
				conn.Close()
			}
		}
		status, all := raw(t, address, "GET /calls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if strings.HasPrefix(status, "2") || strings.Contains(all, "<html") {
			t.Errorf("%s without TLS: %s", name, all)
		}
	}
	conn, err := grpc.NewClient(l.GRPC.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := v1.NewProgramServiceClient(conn).ListOpenCalls(ctx, &v1.ListOpenCallsRequest{}); err == nil {
		t.Error("gRPC without TLS is answered")
	}
}

// TestHTTP2Settings reads what the server lets a connection do.
func TestHTTP2Settings(t *testing.T) {
	ca := tlstest.New(t)
	cert, key := ca.Write(t, t.TempDir(), tlstest.Leaf{})
	l, _ := start(t, newSite(t, server.Options{}), server.Ports{TLSCert: cert, TLSKey: key})
	for name, c := range map[string]struct {
		address string
		streams uint32
	}{"HTTP": {l.HTTP.Addr().String(), 100}, "gRPC": {l.GRPC.Addr().String(), 1000}} {
		conn, err := tls.Dial("tcp", c.address, &tls.Config{RootCAs: ca.Pool, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
			t.Fatal(err)
		}
		framer := http2.NewFramer(conn, conn)
		if err := framer.WriteSettings(); err != nil {
			t.Fatal(err)
		}
		frame, err := framer.ReadFrame()
		settings, ok := frame.(*http2.SettingsFrame)
		if err != nil || !ok {
			t.Fatalf("%s: %v %v", name, frame, err)
		}
		got := map[http2.SettingID]uint32{}
		_ = settings.ForeachSetting(func(s http2.Setting) error { got[s.ID] = s.Val; return nil }) // never fails itself
		if got[http2.SettingMaxConcurrentStreams] != c.streams || got[http2.SettingMaxHeaderListSize] == 0 || got[http2.SettingMaxHeaderListSize] > 64<<10 {
			t.Errorf("%s: %v", name, got)
		}
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool}, ForceAttemptHTTP2: true}}
	req, err := http.NewRequest("GET", "https://"+l.HTTP.Addr().String()+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-A", strings.Repeat("a", 48<<10))
	if resp, err := client.Do(req); err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("48 KiB of headers: %d", resp.StatusCode)
		}
	}
	var ok bytes.Buffer
	resp, err := client.Get("https://" + l.HTTP.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := ok.ReadFrom(resp.Body); err != nil || resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Errorf("afterwards: %d %v", resp.StatusCode, err)
	}
}
