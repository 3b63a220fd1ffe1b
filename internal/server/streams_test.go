package server_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
)

// TestManyWatches opens as many watches of one run as one caller may have: the
// next is refused, everything else goes on, and an ended one makes room.
func TestManyWatches(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	for i := range 3 {
		w.apply("alpha", i, true)
	}
	w.must("POST", "/v1/programs/alpha:close", w.admin, `{}`)
	facilitator := w.token(access.Facilitator, "alpha")
	var run struct{ Name string }
	w.must("POST", "/v1/programs/alpha/selections", facilitator, `{"seed": "s", "lottery": "NONE"}`).into(t, &run) // nobody works on it
	watch := "/v1/" + run.Name + ":watch"

	ctx, end := context.WithCancel(t.Context())
	defer end()
	open := func() (close func()) {
		t.Helper()
		ctx, cancel := context.WithCancel(ctx)
		req, err := http.NewRequestWithContext(ctx, "GET", w.rest+watch, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+facilitator)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 200 {
			t.Fatalf("watching: %d", resp.StatusCode)
		}
		return func() {
			cancel()
			resp.Body.Close()
		}
	}
	var closes []func()
	for range 20 {
		closes = append(closes, open())
	}
	if got := w.call("GET", watch, facilitator, ""); got.status != 429 || got.code != "RESOURCE_EXHAUSTED" || got.reason != "TOO_MANY_STREAMS" || got.header.Get("Retry-After") != "5" {
		t.Fatalf("the watch after the last: %d %s", got.status, got.body)
	}
	w.must("GET", "/v1/"+run.Name, facilitator, "")
	other := w.token(access.Facilitator, "alpha")
	w.must("POST", "/v1/programs/alpha/applications:export", other, `{}`)
	closes[0]()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if got := w.call("POST", "/v1/programs/alpha/applications:export", facilitator, `{}`); got.status == 200 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("after one has ended: %d %s", got.status, got.body)
		}
	}
	for _, c := range closes[1:] {
		c()
	}
}
