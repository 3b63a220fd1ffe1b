package idletest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// bound is the most that an idle server may hold, in MiB of resident memory.
const bound = 80

// TestIdleMemory starts the real binary and reads from its own metrics what it
// holds: right after the start, and at rest after a spell of work that touches
// the database, the form, validation, both doors' code and the pages.
func TestIdleMemory(t *testing.T) {
	s := testserver.New(t)
	s.Start()
	fresh := resident(t, s)
	admin := s.Client(s.AdminToken())
	if err := admin.Call(t.Context(), "POST", "/v1/programs?programId=alpha", map[string]any{
		"preset": "presets/north-sound", "effort": map[string]string{"en": "A day"}, "contact": map[string]string{"en": "Ask"},
		"window": map[string]any{"openTime": "2020-01-01T00:00:00Z", "closeTime": "2100-01-01T00:00:00Z", "timeZone": "America/Los_Angeles"},
	}, nil); err != nil {
		t.Fatal(err)
	}
	if err := admin.Call(t.Context(), "POST", "/v1/programs/alpha:open", map[string]any{}, nil); err != nil {
		t.Fatal(err)
	}
	public := s.Client("")
	for i := range 200 {
		if err := public.Call(t.Context(), "POST", "/v1/programs/alpha/applications", map[string]any{
			"contact": map[string]string{"name": fmt.Sprintf("Invented %d", i)}, "answers": map[string]any{"county": map[string]any{"values": []string{"skagit"}}},
		}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, page := range []string{"/", "/calls", "/calls/alpha", "/apply/alpha", "/docs", "/openapi.json"} {
		resp, err := http.Get(s.URL + page)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body) // only that it was made matters
		resp.Body.Close()
	}
	time.Sleep(3 * time.Second) // at rest
	rested := resident(t, s)
	t.Logf("figure: idle server, resident memory: %.1f MiB after the start, %.1f MiB at rest after 200 applications (aim: under %d)", fresh, rested, bound)
	if fresh > bound || rested > bound {
		t.Errorf("an idle server holds %.1f MiB, and %.1f MiB after some work; the bound is %d", fresh, rested, bound)
	}
}

var metric = regexp.MustCompile(`(?m)^process_resident_memory_bytes (\S+)$`)

// resident is what the server says it holds, in MiB.
func resident(t *testing.T, s *testserver.Server) float64 {
	t.Helper()
	resp, err := http.Get("http://" + s.Ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := metric.FindSubmatch(b)
	if m == nil {
		t.Fatal("the metrics do not tell the memory; this test needs Linux")
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n / (1 << 20)
}
