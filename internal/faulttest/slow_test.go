package faulttest

import (
	"net/http"
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
	f := r.suffer(slowClients(each), mustBeReady, counts(3*time.Second, 40*time.Second), func() func() {
		return dawdle(t, s, each)
	})
	r.end(f)
	// None of these tries may fail; but where other tests take the processors,
	// the server may have too much to do.
	if n := len(r.report.Refused); n > 0 && (soak() || n != 1 || r.report.Refused[http.StatusTooManyRequests] == 0) {
		t.Errorf("beside slow clients these were refused: %v", r.report.Refused)
	}
	t.Logf("figure: beside %s: p50 %v, p99 %v", slowClients(each), r.report.Latency.Quantile(.5), r.report.Latency.Quantile(.99))
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
