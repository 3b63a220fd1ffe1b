package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// full takes every place for changes, and returns how to give one back.
func full(t *testing.T, gates *chain.Gates) (leave func()) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		l, err := gates.Enter(ctx, false)
		cancel()
		if err != nil {
			return leave
		}
		leave = l
	}
}

// TestNoPlace: without a place a request is refused with 429 and Retry-After
// and does nothing; reading does not wait for changing; a place is free again
// as soon as the answer begins, however slowly it is read, and counts once.
func TestNoPlace(t *testing.T) {
	gates := chain.NewGates(nil)
	asked, freed := 0, 0
	h := readBody(newRoutes(), gates, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Method != http.MethodPost {
			return
		}
		if _, err := w.Write([]byte("begun")); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if leave, err := gates.Enter(ctx, false); err == nil { // while the answer is being written
			freed++
			defer leave()
		}
	}))
	post := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/v1/programs/p/applications", strings.NewReader("{}")))
		return w
	}
	leave := full(t, gates)
	w := post()
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" || asked != 0 ||
		w.Header().Get("Content-Type") != problem.ContentType || !strings.Contains(w.Body.String(), `"reason":"OVERLOADED"`) {
		t.Fatalf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/openCalls", nil))
	if asked != 1 {
		t.Error("a reader waits for those who change something")
	}
	leave()
	for range 3 {
		if w := post(); w.Code != http.StatusOK {
			t.Fatalf("with a free place: %d %s", w.Code, w.Body)
		}
	}
	if asked != 4 || freed != 3 {
		t.Errorf("%d asked, and %d places were free while the answer was written", asked, freed)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := gates.Enter(ctx, false); err != nil {
		t.Error("the place did not come back")
	}
	if _, err := gates.Enter(ctx, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("more places than before: %v", err)
	}
}

// TestRest: who was refused is told at once; the next request over the same
// connection is not read before a rest is over. A proxy's connection is many
// people's: it does not rest.
func TestRest(t *testing.T) {
	for _, trusted := range [][]netip.Prefix{nil, {netip.MustParsePrefix("127.0.0.0/8")}} {
		gates := chain.NewGates(nil)
		leave := full(t, gates)
		s := httptest.NewServer(readBody(newRoutes(), gates, trusted, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		defer s.Close()
		post := func(want int) time.Duration {
			t.Helper()
			begin := time.Now()
			resp, err := s.Client().Post(s.URL+"/v1/programs/p/applications", "application/json", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != want {
				t.Fatalf("%d %v", resp.StatusCode, err)
			}
			return time.Since(begin)
		}
		post(http.StatusTooManyRequests) // it waits in line first
		leave()
		took := post(http.StatusOK)
		if rested := took >= afterRefusal/2; rested != (trusted == nil) {
			t.Errorf("trusted %v: the next request took %v", trusted, took)
		}
		if took := post(http.StatusOK); took >= afterRefusal/2 {
			t.Errorf("the one after it took %v", took)
		}
	}
}

// TestSlowBodyTakesNoPlace: a body that does not come keeps nobody out.
func TestSlowBodyTakesNoPlace(t *testing.T) {
	gates := chain.NewGates(nil)
	leave := full(t, gates)
	leave()
	h := readBody(newRoutes(), gates, nil, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	body, feed := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/v1/programs/p/applications", body))
	}()
	if _, err := feed.Write([]byte("{")); err != nil { // it is being read
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if leave, err := gates.Enter(ctx, false); err != nil {
		t.Error(err)
	} else {
		leave()
	}
	_, _ = feed.Write([]byte("}")) // read, or given up
	feed.Close()
	<-done
}
