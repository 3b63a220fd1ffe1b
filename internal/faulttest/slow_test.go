package faulttest

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/load"
)

// TestSlowClients opens hundreds of connections that send a header byte by
// byte, a body byte by byte, or ask for much and never read it, on both ports:
// nobody else notices, and in the end they are thrown out.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	s, c := launch(t)
	before, err := load.Look(t.Context(), s.Ops)
	if err != nil {
		t.Fatal(err)
	}
	r := under(t, s, c, 0)
	each := counts(60, 150)
	host := strings.TrimPrefix(s.URL, "http://")
	f := r.suffer(fmt.Sprintf("%d slow clients", 5*each), mustBeReady, counts(3*time.Second, 40*time.Second), func() func() {
		done := make(chan struct{})
		var all []net.Conn
		slow := func(address, begin, drip string) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.(*net.TCPConn).SetReadBuffer(1024)
			all = append(all, conn)
			go func() {
				if _, err := conn.Write([]byte(begin)); err != nil {
					return
				}
				for i := 0; drip != ""; i++ {
					select {
					case <-done:
						return
					case <-time.After(500 * time.Millisecond):
					}
					if _, err := conn.Write([]byte{drip[i%len(drip)]}); err != nil {
						return // thrown out
					}
				}
			}()
		}
		for range each {
			slow(host, "POST /v1/programs/faults/applications HTTP/1.1\r\nHost: x\r\n", "X-Slow: x\r\n")
			slow(host, "POST /v1/programs/faults/applications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", `{"answers":`)
			slow(host, "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n", `token=`)
			// Answers that nobody reads, one behind the other.
			slow(host, strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 50), "")
			slow(s.GRPC, "PRI * HTTP/2.0\r\n", "\r\nSM")
		}
		return func() {
			close(done)
			for _, conn := range all {
				conn.Close()
			}
		}
	})
	r.end(f)
	// Faults of others must not be felt: none of these tries may fail.
	if len(r.report.Refused) > 0 {
		t.Errorf("beside slow clients these were refused: %v", r.report.Refused)
	}
	t.Logf("figure: beside %d slow clients: p50 %v, p99 %v", 5*each, r.report.Latency.Quantile(.5), r.report.Latency.Quantile(.99))
	var after load.Resources
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if after, err = load.Look(t.Context(), s.Ops); err != nil {
			t.Fatal(err)
		}
		if after.Descriptors < before.Descriptors+100 && after.Goroutines < before.Goroutines+150 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("20 s after the slow clients went the server holds %d descriptors and %d goroutines; before it had %d and %d",
				after.Descriptors, after.Goroutines, before.Descriptors, before.Goroutines)
		}
	}
}
