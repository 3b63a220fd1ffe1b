package killtest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/testserver"
)

// run is a selection as the API tells it.
type run struct {
	Name, State, CurrentStep string
	Steps                    []struct{ Step string }
	Error                    *struct{ Reason, Message string }
}

// A run that is killed at any moment goes on after the restart and ends with
// the same record, byte for byte, as one that nobody disturbed. The digest of
// a result is the SHA-256 of the record's canonical bytes.
func TestRunsSurviveKills(t *testing.T) {
	runsSurviveKills(t, testserver.New(t, "--run-lease", "1s"))
}

func TestRunsSurviveKillsPostgres(t *testing.T) {
	runsSurviveKills(t, newOnPostgres(t, "--run-lease", "1s"))
}

func runsSurviveKills(t *testing.T, s *testserver.Server) {
	people, rounds := counts(300, 600), counts(4, 40)
	random, _ := seeded(t)
	s.Start()
	staff := openProgram(t, s, "kill-test")
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			public := s.Client("")
			for n := c; n < people; n += 8 {
				status, answer, err := public.Do(t.Context(), http.MethodPost, "/v1/programs/kill-test/applications?submit=true", "", application(n))
				if err != nil || status/100 != 2 {
					t.Errorf("submission %d: %d %s %v", n, status, answer, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	must(t, staff.Call(t.Context(), http.MethodPost, "/v1/programs/kill-test:close", map[string]any{}, nil))

	begin := time.Now()
	undisturbed := createRun(t, staff)
	waitForRun(t, staff, undisturbed)
	length := time.Since(begin)
	want, wantBytes := result(t, staff, undisturbed)
	var first run
	must(t, staff.Call(t.Context(), http.MethodGet, "/v1/"+undisturbed, nil, &first))
	var steps []string
	for _, s := range first.Steps {
		steps = append(steps, s.Step)
	}
	if want.Status != "OPTIMAL" {
		t.Fatalf("the undisturbed run is %s: its criteria are to have many steps", want.Status)
	}
	t.Logf("undisturbed: %.3f s, %s, %s, steps %s", length.Seconds(), want.Status, want.Digest, strings.Join(steps, ", "))

	reached := map[string]int{} // last durable step when the server died -> rounds
	for round := range rounds {
		name := createRun(t, staff)
		if round%2 == 0 {
			// As soon as a step is durable; over the rounds, after each of them.
			waitForStep(t, staff, name, steps[round/2%len(steps)])
		} else {
			// A random moment within one of the equal parts of the run.
			part := int64(length)/int64(rounds) + 1
			time.Sleep(time.Duration(int64(round)*part + random.Int64N(part)))
		}
		s.Kill()
		s.Start()
		var after run
		must(t, staff.Call(t.Context(), http.MethodGet, "/v1/"+name, nil, &after))
		last := "none"
		if len(after.Steps) > 0 {
			last = after.Steps[len(after.Steps)-1].Step
		}
		reached[last]++
		waitForRun(t, staff, name)
		got, gotBytes := result(t, staff, name)
		if got.Digest != want.Digest || gotBytes != wantBytes {
			t.Errorf("round %d, killed after step %q: the record differs\n got %s\nwant %s", round+1, last, gotBytes, wantBytes)
		}
	}
	var seen []string
	for step, n := range reached {
		seen = append(seen, fmt.Sprintf("%s %d", step, n))
	}
	slices.Sort(seen)
	if t.Failed() {
		return
	}
	t.Logf("figure: %s: %d runs of %d applicants killed and resumed, every record equal to the undisturbed one; last durable step when killed: %s",
		t.Name(), rounds, people, strings.Join(seen, ", "))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func createRun(t *testing.T, staff *testserver.Client) string {
	t.Helper()
	var r run
	must(t, staff.Call(t.Context(), http.MethodPost, "/v1/programs/kill-test/selections", map[string]string{"seed": "kill", "lottery": "NONE"}, &r))
	return r.Name
}

func waitForRun(t *testing.T, staff *testserver.Client, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		var r run
		must(t, staff.Call(ctx, http.MethodGet, "/v1/"+name, nil, &r))
		switch r.State {
		case "SUCCEEDED":
			return
		case "QUEUED", "RUNNING":
		default:
			t.Fatalf("%s ended as %s: %+v", name, r.State, r.Error)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is still %s in step %q after two minutes", name, r.State, r.CurrentStep)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// waitForStep returns as soon as the step is durable or the run has ended.
func waitForStep(t *testing.T, staff *testserver.Client, name, step string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		var r run
		must(t, staff.Call(t.Context(), http.MethodGet, "/v1/"+name, nil, &r))
		for _, s := range r.Steps {
			if s.Step == step {
				return
			}
		}
		if r.State != "QUEUED" && r.State != "RUNNING" || time.Now().After(deadline) {
			return
		}
	}
}

// outcome is what two results of the same pool, criteria and seed share.
type outcome struct {
	Status, Digest, InputDigest string
	Groups                      []struct{ Members []struct{ Code string } }
}

// result returns a result and its comparable text: the whole answer but for
// the run's own name.
func result(t *testing.T, staff *testserver.Client, name string) (outcome, string) {
	t.Helper()
	var o outcome
	must(t, staff.Call(t.Context(), http.MethodGet, "/v1/"+name+"/result", nil, &o))
	if o.Digest == "" || o.Status == "" {
		t.Fatalf("%s has no digest or status: %+v", name, o)
	}
	return o, fmt.Sprintf("%+v", o)
}
