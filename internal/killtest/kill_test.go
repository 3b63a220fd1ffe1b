package killtest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/testserver"
	"github.com/openfairlead/fairlead/internal/vault"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// counts of a run: reduced unless FAIRLEAD_SOAK=1.
func counts(reduced, full int) int {
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		return full
	}
	return reduced
}

// seeded returns a generator whose seed the test prints.
func seeded(t *testing.T) (*rand.Rand, uint64) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("FAIRLEAD_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("FAIRLEAD_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("FAIRLEAD_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0)), seed
}

// acknowledged is one line of a client's file.
type acknowledged struct {
	Number int
	Key    string
	Answer json.RawMessage
}

// access is the answer to a submission.
type access struct {
	Application struct {
		Name, Code, State, Etag string
		Contact                 struct{ Name, Email string }
	}
	Token, ReturnCode string
}

func TestSubmissionsSurviveKills(t *testing.T) {
	submissionsSurviveKills(t, testserver.New(t))
}

func TestSubmissionsSurviveKillsPostgres(t *testing.T) {
	submissionsSurviveKills(t, newOnPostgres(t))
}

// newOnPostgres prepares an installation on a PostgreSQL database.
func newOnPostgres(t *testing.T, flags ...string) *testserver.Server {
	t.Helper()
	key := filepath.Join(t.TempDir(), "master.key")
	if _, _, err := vault.LoadOrCreate(key, true); err != nil {
		t.Fatal(err)
	}
	return testserver.New(t, append(flags, "--database", pgtest.Start(t).Database(t), "--master-key-file", key)...)
}

func submissionsSurviveKills(t *testing.T, s *testserver.Server) {
	total, kills, clients := counts(500, 10_000), counts(3, 20), 8
	random, _ := seeded(t)
	s.Start()
	staff := openProgram(t, s, "kill-test")

	var acked atomic.Int64
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(counts(4, 25))*time.Minute)
	defer cancel()

	// The killer strikes once in every slice of the work, at a random point of
	// it, and then a random moment later; every fifth time it strikes again
	// before the server is up.
	killerDone := make(chan error, 1)
	killed := 0
	moments := make([]int64, kills)
	for i := range moments {
		slice := total / (kills + 1)
		moments[i] = int64(i*slice + slice/4 + random.IntN(slice))
	}
	delays := make([]time.Duration, kills)
	for i := range delays {
		delays[i] = time.Duration(random.IntN(20_000)) * time.Microsecond
	}
	go func() {
		killerDone <- func() error {
			for i := range kills {
				for acked.Load() < moments[i] {
					if ctx.Err() != nil {
						return fmt.Errorf("kill %d was never due: %d acknowledged", i+1, acked.Load())
					}
					time.Sleep(time.Millisecond)
				}
				time.Sleep(delays[i])
				s.Kill()
				killed++
				if i%5 == 4 {
					if err := s.Launch(); err != nil {
						return err
					}
					time.Sleep(delays[i] * 5)
					s.Kill()
					killed++
				}
				if err := s.Launch(); err != nil {
					return err
				}
				if err := s.Ready(ctx); err != nil {
					return err
				}
			}
			return nil
		}()
	}()

	begin := time.Now()
	dir := t.TempDir()
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	var retries atomic.Int64
	for c := range clients {
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("client-%d.jsonl", c)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		wg.Go(func() {
			public := s.Client("")
			for n := c; n < total; n += clients {
				a, tries, err := submit(ctx, public, n)
				retries.Add(int64(tries - 1))
				if err == nil {
					err = record(file, a)
				}
				if err != nil {
					errs <- fmt.Errorf("submission %d: %w", n, err)
					cancel()
					return
				}
				acked.Add(1)
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if err := <-killerDone; err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Fatalf("after %d acknowledged and %d kills; the server's log:\n%s", acked.Load(), killed, s.Log())
	}
	elapsed := time.Since(begin)

	all := readAcknowledged(t, dir, clients)
	if len(all) != total {
		t.Fatalf("%d acknowledged answers on disk, want %d", len(all), total)
	}
	checkKept(t, s, staff, all)
	checkEditable(t, s, all)
	if t.Failed() {
		return
	}
	t.Logf("figure: %s: %d submissions over REST by %d clients, %d kills, %d retries, %.1f s; 0 lost, 0 duplicated, all read and edited by their tokens",
		t.Name(), total, clients, killed, retries.Load(), elapsed.Seconds())
}

// submit sends submission n until a complete 2xx has been read. Every try
// carries the same Idempotency-Key and the same bytes.
func submit(ctx context.Context, public *testserver.Client, n int) (acknowledged, int, error) {
	key := uuid.NewString()
	body := application(n)
	for tries := 1; ; tries++ {
		status, answer, err := public.Do(ctx, http.MethodPost, "/v1/programs/kill-test/applications?submit=true", key, body)
		switch {
		case err == nil && status/100 == 2:
			return acknowledged{n, key, answer}, tries, nil
		case err == nil && status < 500 && status != http.StatusTooManyRequests && status != http.StatusConflict:
			return acknowledged{}, tries, fmt.Errorf("refused with %d: %s", status, answer)
		}
		select {
		case <-ctx.Done():
			return acknowledged{}, tries, fmt.Errorf("never acknowledged, last answer %d %s, error %v", status, answer, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// record has the answer on disk before it returns.
func record(f *os.File, a acknowledged) error {
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

func readAcknowledged(t *testing.T, dir string, clients int) []acknowledged {
	t.Helper()
	var all []acknowledged
	for c := range clients {
		f, err := os.Open(filepath.Join(dir, fmt.Sprintf("client-%d.jsonl", c)))
		if err != nil {
			t.Fatal(err)
		}
		scan := bufio.NewScanner(f)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			var a acknowledged
			if err := json.Unmarshal(scan.Bytes(), &a); err != nil {
				t.Fatalf("client %d: %v", c, err)
			}
			all = append(all, a)
		}
		f.Close()
		if err := scan.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// checkKept reads every application through the API, page by page, and
// compares with what the clients hold: nothing lost, nothing twice, no code
// given to two.
func checkKept(t *testing.T, s *testserver.Server, staff *testserver.Client, all []acknowledged) {
	t.Helper()
	byName := map[string]int{}   // resource name -> submission
	listed := map[int]int{}      // submission, told by its address -> how often
	codes := map[string]string{} // code -> resource name
	for _, a := range all {
		var got access
		if err := json.Unmarshal(a.Answer, &got); err != nil {
			t.Fatalf("submission %d: %v", a.Number, err)
		}
		if other, twice := byName[got.Application.Name]; twice {
			t.Errorf("submissions %d and %d were given the same application %s", other, a.Number, got.Application.Name)
		}
		byName[got.Application.Name] = a.Number
	}
	count := 0
	for token := ""; ; {
		var page struct {
			Applications []struct {
				Name, Code, State string
				Contact           struct{ Email string }
			}
			NextPageToken string
		}
		err := staff.Call(t.Context(), http.MethodPost, "/v1/programs/kill-test/applications:read", map[string]any{
			"pageSize": 500, "pageToken": token, "view": "APPLICATION_VIEW_FULL", "reason": "test: count what survived",
		}, &page)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.Applications {
			count++
			n, ok := byName[a.Name]
			if !ok {
				t.Errorf("%s is there and nobody holds an answer for it", a.Name)
				continue
			}
			if want := email(n); a.Contact.Email != want {
				t.Errorf("%s has the address %q, want %q", a.Name, a.Contact.Email, want)
			}
			if a.State != "SUBMITTED" {
				t.Errorf("%s is %s, want SUBMITTED", a.Name, a.State)
			}
			if other, twice := codes[a.Code]; twice {
				t.Errorf("%s and %s have the same code %s", a.Name, other, a.Code)
			}
			codes[a.Code] = a.Name
			listed[n]++
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	lost, doubled := 0, 0
	for _, a := range all {
		switch n := listed[a.Number]; {
		case n == 0:
			lost++
		case n > 1:
			doubled++
		}
	}
	if lost > 0 || doubled > 0 || count != len(all) {
		t.Errorf("%d acknowledged are lost, %d are there more than once; %d are there in all, want %d", lost, doubled, count, len(all))
	}
}

// checkEditable reads and edits every application with the token of the answer
// that its client holds, and repeats some submissions: a retry long after gets
// the first answer again.
func checkEditable(t *testing.T, s *testserver.Server, all []acknowledged) {
	t.Helper()
	const workers = 8
	var wg sync.WaitGroup
	problems := make(chan error, len(all))
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(all); i += workers {
				if err := readAndEdit(t.Context(), s, all[i], i%50 == 0); err != nil {
					problems <- fmt.Errorf("submission %d: %w", all[i].Number, err)
				}
			}
		})
	}
	wg.Wait()
	close(problems)
	shown := 0
	for err := range problems {
		if shown++; shown <= 10 {
			t.Error(err)
		}
	}
	if shown > 10 {
		t.Errorf("and %d more", shown-10)
	}
}

func readAndEdit(ctx context.Context, s *testserver.Server, a acknowledged, again bool) error {
	var first access
	if err := json.Unmarshal(a.Answer, &first); err != nil {
		return err
	}
	public := s.Client("")
	if again {
		status, answer, err := public.Do(ctx, http.MethodPost, "/v1/programs/kill-test/applications?submit=true", a.Key, application(a.Number))
		if err != nil || status/100 != 2 {
			return fmt.Errorf("retry: %d %s %v", status, answer, err)
		}
		var second access
		if err := json.Unmarshal(answer, &second); err != nil {
			return err
		}
		if first != second {
			return fmt.Errorf("a retry was answered otherwise:\n%+v\n%+v", first, second)
		}
	}
	owner := public.As(first.Token)
	path := "/v1/" + first.Application.Name
	phone := fmt.Sprintf("360-555-01%02d", a.Number%100)
	change := map[string]any{"contact": map[string]string{"name": name(a.Number), "email": email(a.Number), "phone": phone}}
	if err := owner.Call(ctx, http.MethodPatch, path+"?updateMask=contact", change, nil); err != nil {
		return err
	}
	var now struct {
		State   string
		Contact struct{ Name, Email, Phone string }
	}
	if err := owner.Call(ctx, http.MethodGet, path, nil, &now); err != nil {
		return err
	}
	if now.Contact.Phone != phone || now.Contact.Email != email(a.Number) || now.State != "SUBMITTED" {
		return fmt.Errorf("after the edit it reads %+v", now)
	}
	return nil
}
