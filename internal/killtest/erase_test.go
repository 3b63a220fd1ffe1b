package killtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openfairlead/fairlead/internal/testserver"
)

// A server that is killed again and again while people are erased: whoever's
// erasure was acknowledged is erased and on the list, each half done one is
// done whole or not at all, and after the next start the list has everybody
// whom the database says.
func TestErasuresSurviveKills(t *testing.T) {
	erasuresSurviveKills(t, testserver.New(t))
}

func TestErasuresSurviveKillsPostgres(t *testing.T) {
	erasuresSurviveKills(t, newOnPostgres(t))
}

func erasuresSurviveKills(t *testing.T, s *testserver.Server) {
	kills, people := counts(4, 40), counts(24, 400)
	random, _ := seeded(t)
	list := filepath.Join(t.TempDir(), "list")
	s.Flags = append(s.Flags, "--erasure-list", list)
	s.Start()
	staff := openProgram(t, s, "kill-test")
	var officer struct{ Secret string }
	must(t, s.Client(s.AdminToken()).Call(t.Context(), http.MethodPost, "/v1/tokens", map[string]any{
		"label": "officer", "grants": []any{map[string]string{"role": "ROLE_PRIVACY_OFFICER"}},
	}, &officer))
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(counts(3, 20))*time.Minute)
	defer cancel()
	var names []string
	for n := range people {
		a, _, err := submit(ctx, s.Client(""), n)
		must(t, err)
		var made struct{ Application struct{ Name string } }
		must(t, json.Unmarshal(a.Answer, &made))
		names = append(names, made.Application.Name)
	}

	acknowledged := map[string]bool{}
	next, asked := 0, len(names)*3/4
	for kill := range kills {
		// In each slice of the work once, and then a random moment later.
		due := make(chan struct{}, asked)
		after := 1 + random.IntN(asked/kills)
		delay := time.Duration(random.IntN(20_000)) * time.Microsecond
		done := make(chan struct{})
		go func() { // one after the other, until the server is gone
			defer close(done)
			client := s.Client(officer.Secret)
			for n := 0; next < asked*(kill+1)/kills+1 && next < asked; n++ {
				if n == after {
					due <- struct{}{}
				}
				status, _, err := client.Do(ctx, http.MethodPost, "/v1/"+names[next]+":erase", uuid.NewString(), []byte(`{"reason": "asked"}`))
				if err != nil || status != 200 {
					return
				}
				acknowledged[names[next]] = true
				next++
			}
		}()
		select {
		case <-due:
			time.Sleep(delay)
		case <-done: // all of the slice before the moment came
		}
		s.Kill()
		<-done
		onList := listed(t, list)
		for name := range acknowledged {
			if !onList[name] {
				t.Errorf("the erasure of %s was acknowledged and is not on the list", name)
			}
		}
		must(t, s.Launch())
		must(t, s.Ready(ctx))
	}

	onList := listed(t, list)
	erased := 0
	for i, name := range names {
		var a struct {
			State   string
			Contact struct{ Name string }
			Answers map[string]any
		}
		must(t, staff.Call(ctx, http.MethodPost, "/v1/"+name+":read", map[string]any{"view": "APPLICATION_VIEW_FULL", "reason": "test"}, &a))
		gone := a.State == "ERASED"
		if gone {
			erased++
		}
		switch {
		case gone != (a.Contact.Name == "" && len(a.Answers) == 0):
			t.Errorf("%s is %s, with contact %t and %d answers", name, a.State, a.Contact.Name != "", len(a.Answers))
		case acknowledged[name] && !gone:
			t.Errorf("the erasure of %s was acknowledged, and it is %s", name, a.State)
		case gone != onList[name]:
			t.Errorf("%s: erased %t, on the list %t", name, gone, onList[name])
		case i >= asked && gone:
			t.Errorf("%s was erased and nobody asked for it", name)
		}
	}
	if len(acknowledged) < kills {
		t.Errorf("only %d erasures were acknowledged: the test proves nothing", len(acknowledged))
	}
	t.Logf("figure: %d kills during %d acknowledged erasures (%d erased in all): 0 lost, 0 half done, all on the list", kills, len(acknowledged), erased)
	if log := s.Log(); strings.Contains(log, "Invented") {
		t.Error("the log names somebody")
	}
}

// listed are the applications on a list of erasures.
func listed(t *testing.T, path string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, line := range strings.SplitAfter(string(text), "\n") {
		if parts := strings.Fields(line); len(parts) == 4 && parts[0] != "#" && strings.HasSuffix(line, "\n") {
			if names[parts[1]] {
				t.Error(fmt.Sprint(parts[1], " is on the list twice"))
			}
			names[parts[1]] = true
		}
	}
	return names
}
