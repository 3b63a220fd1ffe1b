package replicatest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openfairlead/fairlead/internal/demo"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/testserver"
	"github.com/openfairlead/fairlead/internal/vault"
)

// program is the one program of the replicas.
const program = "/v1/programs/replicas"

// replicas are several servers on one database.
type replicas struct {
	*testing.T
	servers []*testserver.Server
	staff   string // token of a person who may do everything with a program
	tokens  map[string]string
}

// TestReplicas lets three servers work on one PostgreSQL: they start at once,
// people apply to any of them, each run is taken by one of them and taken over
// when that one is killed, and the last seat is given once.
func TestReplicas(t *testing.T) {
	r := &replicas{T: t, tokens: map[string]string{}}
	r.start(pgtest.Start(t).Database(t))
	r.firstAdministrator()
	r.apply(counts(150, 400))
	r.winner("closing the call", func(s *testserver.Server) (int, string) {
		return r.post(s, r.staff, program+":close", map[string]any{})
	}, "PROGRAM_STATE", "STALE_REVISION")
	chosen := r.runs()
	r.seats(chosen)
}

// start starts three servers at the same moment on an empty database.
func (r *replicas) start(database string) {
	r.Helper()
	key := filepath.Join(r.TempDir(), "master.key")
	if _, _, err := vault.LoadOrCreate(key, true); err != nil {
		r.Fatal(err)
	}
	for range processes {
		r.servers = append(r.servers, testserver.New(r, "--database", database, "--master-key-file", key, "--run-lease", "1s"))
	}
	for _, s := range r.servers {
		if err := s.Launch(); err != nil {
			r.Fatal(err)
		}
	}
	for _, s := range r.servers {
		if err := s.Ready(r.Context()); err != nil {
			r.Fatal(err)
		}
	}
}

// firstAdministrator finds the one token that three servers made, and makes a
// person of staff with it.
func (r *replicas) firstAdministrator() {
	r.Helper()
	var found []*testserver.Server
	for _, s := range r.servers {
		_, err := os.Stat(filepath.Join(s.Data, "admin.token"))
		switch {
		case err == nil:
			found = append(found, s)
		case !errors.Is(err, fs.ErrNotExist):
			r.Fatal(err)
		}
	}
	if len(found) != 1 {
		r.Fatalf("%d of %d servers wrote a token for the first administrator, want 1", len(found), len(r.servers))
	}
	admin := found[0].AdminToken()
	var tokens struct{ Tokens []struct{ Name string } }
	r.must(r.servers[0], admin, http.MethodGet, "/v1/tokens", nil, &tokens)
	if len(tokens.Tokens) != 1 {
		r.Fatalf("there are %d tokens, want 1", len(tokens.Tokens))
	}
	// What one server made, the others know.
	var user struct{ Name string }
	grants := []any{map[string]string{"role": "ROLE_PROGRAM_ADMINISTRATOR"}, map[string]string{"role": "ROLE_FACILITATOR"}, map[string]string{"role": "ROLE_AUDITOR"}}
	r.must(r.servers[1], admin, http.MethodPost, "/v1/users", map[string]any{"displayName": "Invented Facilitator", "grants": grants}, &user)
	var token struct{ Secret string }
	r.must(r.servers[2], admin, http.MethodPost, "/v1/tokens", map[string]any{"label": "replica test", "user": user.Name}, &token)
	r.staff = token.Secret
}

// must is a call that has to succeed.
func (r *replicas) must(s *testserver.Server, token, method, path string, in, out any) {
	r.Helper()
	if err := s.Client(token).Call(r.Context(), method, path, in, out); err != nil {
		r.Fatal(err)
	}
}

// post is a call under a request id of its own; it returns the status and the
// reason of a problem.
func (r *replicas) post(s *testserver.Server, token, path string, in any) (status int, reason string) {
	body, err := json.Marshal(in)
	if err != nil {
		return 0, err.Error()
	}
	status, answer, err := s.Client(token).Do(r.Context(), http.MethodPost, path, uuid.NewString(), body)
	if err != nil {
		return 0, err.Error()
	}
	var problem struct{ Reason string }
	if status/100 != 2 {
		if err := json.Unmarshal(answer, &problem); err != nil {
			return status, string(answer)
		}
	}
	return status, problem.Reason
}

// winner makes a call on all servers at once and wants one of them to take it,
// and the others to refuse it with one of the reasons.
func (r *replicas) winner(what string, call func(*testserver.Server) (int, string), reasons ...string) {
	r.Helper()
	var wg sync.WaitGroup
	begin := make(chan struct{})
	statuses, told := make([]int, len(r.servers)), make([]string, len(r.servers))
	for i, s := range r.servers {
		wg.Go(func() {
			<-begin
			statuses[i], told[i] = call(s)
		})
	}
	close(begin)
	wg.Wait()
	won := 0
	for i, status := range statuses {
		switch {
		case status == http.StatusOK:
			won++
		case !slices.Contains(reasons, told[i]):
			r.Errorf("%s: a loser was told %d %s", what, status, told[i])
		}
	}
	if won != 1 {
		r.Fatalf("%s: %d of %d servers did it (%v, %v)", what, won, len(r.servers), statuses, told)
	}
}

// apply opens a call and lets n people apply, each to another server than the
// one before; a retry at yet another server is answered like the first try.
func (r *replicas) apply(n int) {
	r.Helper()
	now := time.Now().UTC()
	nobody := map[string]string{"en": "A test."}
	r.must(r.servers[0], r.staff, http.MethodPost, "/v1/programs?programId=replicas", map[string]any{
		"preset": "presets/north-sound", "contact": nobody, "effort": nobody,
		"window": map[string]any{"openTime": now.Add(-time.Hour), "closeTime": now.Add(24 * time.Hour), "timeZone": "America/Los_Angeles"},
	}, nil)
	r.must(r.servers[1], r.staff, http.MethodPost, program+":open", map[string]any{}, nil)
	var form json.RawMessage
	r.must(r.servers[2], r.staff, http.MethodGet, program+"/forms/current", nil, &form)
	people, err := demo.Applicants(form, "replicas", n)
	if err != nil {
		r.Fatal(err)
	}
	const clients = 6
	var wg sync.WaitGroup
	var mu sync.Mutex
	for c := range clients {
		wg.Go(func() {
			for i := c; i < n; i += clients {
				key := uuid.NewString()
				var first, again submission
				for try, into := range []*submission{&first, &again} {
					if try == 1 && i%10 != 0 {
						break
					}
					s := r.servers[(i+try)%len(r.servers)]
					status, answer, err := s.Client("").Do(r.Context(), http.MethodPost, program+"/applications?submit=true", key, people[i])
					if err == nil {
						err = json.Unmarshal(answer, into)
					}
					if err != nil || status != http.StatusOK {
						r.Errorf("submission %d: %d %s %v", i, status, answer, err)
						return
					}
				}
				if i%10 == 0 && first != again {
					r.Errorf("submission %d: another server answered a retry otherwise:\n%+v\n%+v", i, first, again)
				}
				mu.Lock()
				r.tokens[first.Application.Name] = first.Token
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if r.Failed() {
		r.FailNow()
	}
	if len(r.tokens) != n {
		r.Fatalf("%d people have %d applications", n, len(r.tokens))
	}
}

// submission is the answer to one.
type submission struct {
	Application struct{ Name, Code, State string }
	Token       string
	ReturnCode  string
}

// run is a selection as the API tells it.
type run struct {
	Name, State, CurrentStep string
	Steps                    []struct{ Step string }
	Error                    *struct{ Reason, Message string }
}

func (r *replicas) create(s *testserver.Server) string {
	r.Helper()
	var made run
	r.must(s, r.staff, http.MethodPost, program+"/selections", map[string]string{"seed": "replicas", "lottery": "NONE"}, &made)
	return made.Name
}

func (r *replicas) get(s *testserver.Server, name string) (got run) {
	r.Helper()
	r.must(s, r.staff, http.MethodGet, "/v1/"+name, nil, &got)
	return got
}

// finished waits for the end of a run.
func (r *replicas) finished(s *testserver.Server, name string) run {
	r.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		switch got := r.get(s, name); {
		case got.State == "SUCCEEDED":
			return got
		case got.State != "QUEUED" && got.State != "RUNNING":
			r.Fatalf("%s ended as %s: %+v", name, got.State, got.Error)
		case time.Now().After(deadline):
			r.Fatalf("%s is still %s in step %q", name, got.State, got.CurrentStep)
		}
	}
}

// result is the digest of a record, which is the SHA-256 of its canonical
// bytes, and the whole answer but for the run's name.
func (r *replicas) result(s *testserver.Server, name string) (digest, text string) {
	r.Helper()
	var whole map[string]any
	r.must(s, r.staff, http.MethodGet, "/v1/"+name+"/result", nil, &whole)
	if whole["status"] != "OPTIMAL" {
		r.Fatalf("%s is %v", name, whole["status"])
	}
	delete(whole, "name")
	b, err := json.Marshal(whole)
	if err != nil {
		r.Fatal(err)
	}
	return fmt.Sprint(whole["digest"]), string(b)
}

// steps reads from a server's metrics how many runs it has claimed and how many
// it has brought to their end.
func (r *replicas) steps(s *testserver.Server) (claimed, stored int) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Ops+"/metrics", nil)
	if err != nil {
		r.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		for step, into := range map[string]*int{"claimed": &claimed, "stored": &stored} {
			if value, ok := strings.CutPrefix(lines.Text(), `fairlead_run_steps_total{step="`+step+`"} `); ok {
				if *into, err = strconv.Atoi(value); err != nil {
					r.Fatal(err)
				}
			}
		}
	}
	return claimed, stored
}

// runs checks that each run is done by one server, and that a run whose server
// is killed is done by another, to the same bytes. It returns a finished run.
func (r *replicas) runs() string {
	r.Helper()
	first := r.create(r.servers[0])
	steps := r.finished(r.servers[0], first).Steps
	digest, text := r.result(r.servers[0], first)

	// Many at once: each is claimed once, and the work is shared.
	batch := counts(9, 30)
	var names []string
	for i := range batch {
		names = append(names, r.create(r.servers[i%len(r.servers)]))
	}
	for i, name := range names {
		s := r.servers[i%len(r.servers)]
		r.finished(s, name)
		if d, _ := r.result(s, name); d != digest {
			r.Errorf("%s: another record than the first run", name)
		}
	}
	busy, claims, ends := 0, 0, 0
	var share []string
	for _, s := range r.servers {
		claimed, stored := r.steps(s)
		claims, ends = claims+claimed, ends+stored
		if stored > 0 {
			busy++
		}
		share = append(share, strconv.Itoa(stored))
	}
	// A server that the machine kept from renewing its lease for a second loses
	// the run to another, so that it may be claimed again; it ends once.
	if claims < batch+1 || ends != batch+1 {
		r.Errorf("%d runs were claimed %d times and ended %d times", batch+1, claims, ends)
	}
	if busy < 2 {
		r.Errorf("one server did all the work: %v", share)
	}

	rounds, killed, reached := counts(3, 20), 0, map[string]int{}
	for try := 0; killed < rounds && try < 20*rounds; try++ {
		name := r.create(r.servers[try%len(r.servers)])
		owner := r.owner(name, steps[try%len(steps)].Step)
		if owner < 0 {
			r.finished(r.servers[0], name) // too fast for us
			continue
		}
		before := make([]int, len(r.servers))
		for i, s := range r.servers {
			_, before[i] = r.steps(s)
		}
		dead := r.servers[owner]
		dead.Kill()
		survivor := r.servers[(owner+1)%len(r.servers)]
		at := r.get(survivor, name)
		if at.State != "RUNNING" {
			dead.Start()
			continue // it had ended just before
		}
		killed++
		reached[at.Steps[len(at.Steps)-1].Step]++
		r.finished(survivor, name)
		heirs := 0
		for i, s := range r.servers {
			if i != owner {
				_, stored := r.steps(s)
				heirs += stored - before[i]
			}
		}
		if heirs != 1 {
			r.Errorf("%s: %d servers ended it", name, heirs)
		}
		if d, got := r.result(survivor, name); d != digest || got != text {
			r.Errorf("%s, taken over after step %q: another record\n got %s\nwant %s", name, at.Steps[len(at.Steps)-1].Step, got, text)
		}
		dead.Start()
	}
	if killed < rounds {
		r.Fatalf("only %d of %d kills came in the middle of a run", killed, rounds)
	}
	r.Logf("figure: replicatest: %d runs on %d servers, claimed %d times, each ended once (%s); %d servers killed with SIGKILL in the middle of a run, each ended by one other, every record equal to the undisturbed one to the byte; last durable step at the kill: %v",
		batch+1, len(r.servers), claims, strings.Join(share, ", "), killed, reached)
	return first
}

// owner waits until a step of a run is durable, and says which server works on
// it; -1 if the run has ended.
func (r *replicas) owner(name, step string) int {
	r.Helper()
	for {
		got := r.get(r.servers[0], name)
		if got.State != "QUEUED" && got.State != "RUNNING" {
			return -1
		}
		for _, s := range got.Steps {
			if s.Step != step {
				continue
			}
			for i, s := range r.servers {
				if claimed, stored := r.steps(s); claimed > stored {
					return i
				}
			}
			return -1
		}
	}
}

// seats lets three servers prepare the same offers, and then everybody accept
// on two servers at once.
func (r *replicas) seats(chosen string) {
	r.Helper()
	r.winner("preparing the offers of a run", func(s *testserver.Server) (int, string) {
		return r.post(s, r.staff, program+"/offers:prepare", map[string]any{"selection": chosen, "reason": "as the run proposed"})
	}, "OFFER_OPEN", "SEATS_OFFERED", "STALE_REVISION")
	var beyond []string
	var pool struct {
		Applications []struct{ Name, State string }
	}
	r.must(r.servers[0], r.staff, http.MethodGet, program+"/applications?pageSize=1000", nil, &pool)
	offered := map[string]bool{}
	for _, o := range r.offers() {
		offered[o.Application] = true
	}
	if len(offered) != seats {
		r.Fatalf("%d offers for a cohort of %d", len(offered), seats)
	}
	for _, a := range pool.Applications {
		if len(offered)+len(beyond) < accepts && a.State == "IN_POOL" && !offered[a.Name] {
			beyond = append(beyond, a.Name)
		}
	}
	r.must(r.servers[1], r.staff, http.MethodPost, program+"/offers:prepare", map[string]any{
		"selection": chosen, "applications": beyond, "firstCome": true, "reason": "a test of too many offers",
	}, nil)
	var sent struct{ SentCount int }
	r.must(r.servers[2], r.staff, http.MethodPost, program+"/offers:send", map[string]any{"expireTime": time.Now().Add(time.Hour).UTC()}, &sent)
	if sent.SentCount != accepts {
		r.Fatalf("%d offers were sent, want %d", sent.SentCount, accepts)
	}

	var wg sync.WaitGroup
	var mu sync.Mutex
	begin := make(chan struct{})
	won, told := map[string]int{}, map[string]int{}
	var slowest time.Duration
	for i, o := range r.offers() {
		for _, s := range []*testserver.Server{r.servers[i%len(r.servers)], r.servers[(i+1)%len(r.servers)]} {
			wg.Go(func() {
				<-begin
				start := time.Now()
				status, reason := r.post(s, r.tokens[o.Application], "/v1/"+o.Name+":accept", map[string]any{})
				mu.Lock()
				defer mu.Unlock()
				slowest = max(slowest, time.Since(start))
				if status == http.StatusOK {
					won[o.Name]++
				} else {
					told[reason]++
				}
			})
		}
	}
	close(begin)
	wg.Wait()
	total := 0
	for name, n := range won {
		total += n
		if n > 1 {
			r.Errorf("%s was accepted on two servers", name)
		}
	}
	for reason := range told {
		if reason != "SEATS_TAKEN" && reason != "OFFER_ANSWERED" {
			r.Errorf("a loser was told %q", reason)
		}
	}
	accepted := 0
	for _, o := range r.offers() {
		if o.State == "ACCEPTED" {
			accepted++
		}
	}
	if total != seats || accepted != seats {
		r.Fatalf("%d accepts succeeded and %d offers are accepted, for %d seats; refused: %v", total, accepted, seats, told)
	}
	r.Logf("figure: replicatest: %d offers accepted on two of %d servers each at once over REST: %d of %d seats taken, each once; refused: %v; the slowest answer took %d ms",
		accepts, len(r.servers), total, seats, told, slowest.Milliseconds())
}

type offerView struct{ Name, Application, State string }

func (r *replicas) offers() []offerView {
	r.Helper()
	var list struct{ Offers []offerView }
	r.must(r.servers[0], r.staff, http.MethodGet, program+"/offers?pageSize=1000", nil, &list)
	return list.Offers
}
