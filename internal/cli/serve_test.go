package cli

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/testserver"
)

// ran is what came of one run of the program.
type ran struct {
	code           int
	stdout, stderr string
}

func run(t *testing.T, args ...string) ran {
	t.Helper()
	return runWith(t.Context(), "", args...)
}

func runWith(ctx context.Context, stdin string, args ...string) ran {
	var stdout, stderr bytes.Buffer
	code := Run(ctx, args, strings.NewReader(stdin), &stdout, &stderr)
	return ran{code, stdout.String(), stderr.String()}
}

// house is an installation for a test.
type house struct {
	t         *testing.T
	data, key string
	url, ops  string
	grpc      string
}

func newHouse(t *testing.T) *house {
	dir := t.TempDir()
	return &house{t: t, data: filepath.Join(dir, "data"), key: filepath.Join(dir, "keys", "master.key")}
}

// where are the flags that name the installation.
func (h *house) where() []string { return []string{"--data", h.data, "--master-key-file", h.key} }

// serve starts `fairlead serve` and waits until it is ready; stop ends it and
// returns the exit code and the log. A port that another process took between
// being found free and being used is tried again with others.
func (h *house) serve(flags ...string) (stop func() (int, string)) {
	h.t.Helper()
	for try := 1; ; try++ {
		stop, log := h.tryServe(flags)
		if stop != nil {
			return stop
		}
		if try == 5 || !strings.Contains(log, "is in use") {
			h.t.Fatalf("the server does not start:\n%s", log)
		}
	}
}

// tryServe is serve, once; a nil stop says that the server ended by itself.
func (h *house) tryServe(flags []string) (stop func() (int, string), said string) {
	h.t.Helper()
	rest, ops := testserver.FreePort(h.t), testserver.FreePort(h.t)
	h.grpc = testserver.FreePort(h.t)
	h.url, h.ops = "http://"+rest, "http://"+ops
	ctx, cancel := context.WithCancel(context.Background())
	log := &testserver.Buffer{}
	ended := make(chan int, 1)
	args := append([]string{"serve", "--http", rest, "--grpc", h.grpc, "--ops", ops}, h.where()...)
	go func() { ended <- Run(ctx, append(args, flags...), nil, io.Discard, log) }()
	stopped := false
	stop = func() (int, string) {
		stopped = true
		cancel()
		return <-ended, log.String()
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if resp, err := http.Get(h.ops + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == 200 {
				h.t.Cleanup(func() {
					if !stopped {
						stop()
					}
				})
				return stop, ""
			}
		}
		select {
		case <-ended:
			cancel()
			return nil, log.String()
		default:
		}
		if time.Now().After(deadline) {
			cancel()
			<-ended
			h.t.Fatalf("the server is not ready:\n%s", log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestFirstStart(t *testing.T) {
	h := newHouse(t)
	stop := h.serve()
	path := filepath.Join(h.data, "admin.token")
	secret, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(secret))
	for _, file := range []string{path, h.key} {
		info, err := os.Stat(file)
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
	req, err := http.NewRequest("GET", h.url+"/v1/programs", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("the first administrator gets %d", resp.StatusCode)
	}
	if resp, err = http.Get(h.ops + "/metrics"); err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	for _, want := range []string{`fairlead_db_connections_open{pool="read"}`, `fairlead_runs{state="queued"} 0`, `fairlead_call_duration_seconds_count{code="OK",door="rest",method="ProgramService/ListPrograms"} 1`} {
		if err != nil || !strings.Contains(string(metrics), want) {
			t.Errorf("the metrics lack %s: %v", want, err)
		}
	}
	code, log := stop()
	if code != exitOK {
		t.Errorf("stopping ends with exit code %d", code)
	}
	if strings.Contains(log, token) || !strings.Contains(log, path) || !strings.Contains(log, h.key) {
		t.Errorf("the log should name the files and hold no token:\n%s", log)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	h.serve()
	if _, err := os.Stat(path); err == nil {
		t.Error("the second start made another first token")
	}
}

// TestStartsThatCannotBe starts on everything that is wrong with an
// installation. Each time nothing is served, and the words say what to do.
func TestStartsThatCannotBe(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	precious := filepath.Join(t.TempDir(), "letter.txt")
	if err := os.WriteFile(precious, []byte("Dear all"), 0o600); err != nil {
		t.Fatal(err)
	}
	served := func(t *testing.T) *house {
		h := newHouse(t)
		stop := h.serve()
		if code, log := stop(); code != exitOK {
			t.Fatalf("exit code %d\n%s", code, log)
		}
		return h
	}
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T) *house
		flags   []string
		wants   []string
	}{
		{"http port in use", newHouse, []string{"--http", taken.Addr().String()}, []string{"--http", "in use"}},
		{"grpc port in use", newHouse, []string{"--grpc", taken.Addr().String()}, []string{"--grpc", "in use"}},
		{"open to everybody", newHouse, []string{"--http", "0.0.0.0:0"}, []string{"--http", "--behind-proxy"}},
		{"a public URL with a path", newHouse, []string{"--public-url", "https://x.example/apply"}, []string{"--public-url"}},
		{"a proxy that is none", newHouse, []string{"--trusted-proxies", "everybody"}, []string{"--trusted-proxies"}},
		{"a level that is none", newHouse, []string{"--log-level", "loud"}, []string{"--log-level", "debug"}},
		{"an unknown flag", newHouse, []string{"--prot", "1"}, []string{"--prot"}},
		{"an argument too many", newHouse, []string{"now"}, []string{"now"}},
		{"no key beside a database", func(t *testing.T) *house {
			h := served(t)
			if err := os.Remove(h.key); err != nil {
				t.Fatal(err)
			}
			return h
		}, nil, []string{"master key", "missing", "--master-key-file"}},
		{"another key", func(t *testing.T) *house {
			h := served(t)
			other := served(t)
			h.key = other.key
			return h
		}, nil, []string{"key"}},
		{"a key that others can read", func(t *testing.T) *house {
			h := served(t)
			if err := os.Chmod(h.key, 0o644); err != nil {
				t.Fatal(err)
			}
			return h
		}, nil, []string{"chmod 600"}},
		{"a broken key", func(t *testing.T) *house {
			h := served(t)
			if err := os.WriteFile(h.key, []byte("nonsense"), 0o600); err != nil {
				t.Fatal(err)
			}
			return h
		}, nil, []string{"key"}},
		{"a newer database", func(t *testing.T) *house {
			h := served(t)
			newer(t, filepath.Join(h.data, "fairlead.db"))
			return h
		}, nil, []string{"newer"}},
		{"no database", func(t *testing.T) *house {
			h := newHouse(t)
			if err := os.MkdirAll(h.data, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(h.data, "fairlead.db"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(h.key), 0o700); err != nil {
				t.Fatal(err)
			}
			other := served(t)
			h.key = other.key
			return h
		}, nil, []string{"database"}},
		{"a folder that is a file", func(t *testing.T) *house {
			h := newHouse(t)
			if err := os.WriteFile(h.data, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return h
		}, nil, []string{"folder"}},
		{"a folder that cannot be made", func(t *testing.T) *house {
			h := newHouse(t)
			if err := os.WriteFile(h.data, nil, 0o600); err != nil { // a file in the way stops root too
				t.Fatal(err)
			}
			h.data = filepath.Join(h.data, "below")
			return h
		}, nil, []string{"data folder"}},
		{"a folder in the place of the token file", newHouse, []string{"--admin-token-file", t.TempDir()}, []string{"--admin-token-file", "nothing was overwritten"}},
		{"something else in the place of the token file", newHouse, []string{"--admin-token-file", precious}, []string{"--admin-token-file", "nothing was overwritten"}},
		{"a token file that cannot be written", newHouse, []string{"--admin-token-file", "/dev/null/admin.token"}, []string{"--admin-token-file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := c.prepare(t)
			args := append([]string{"serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--ops", "127.0.0.1:0"}, h.where()...)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			got := runWith(ctx, "", append(args, c.flags...)...)
			if ctx.Err() != nil {
				t.Fatal("it serves")
			}
			if got.code != exitUsage {
				t.Errorf("exit code %d", got.code)
			}
			for _, want := range c.wants {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("%q does not say %s", got.stderr, want)
				}
			}
			if strings.Contains(got.stderr, "msg=serving") || got.stdout != "" {
				t.Errorf("it said more: %q %q", got.stdout, got.stderr)
			}
		})
	}
	if text, err := os.ReadFile(precious); err != nil || string(text) != "Dear all" {
		t.Errorf("the letter is now %q, %v", text, err)
	}
}

// TestAdminTokenFile starts on files that are there already: nothing but a
// token is written over, no token is made and lost, and once there is a token
// the file is its owner's.
func TestAdminTokenFile(t *testing.T) {
	h, dir := newHouse(t), t.TempDir()
	file, link, long := filepath.Join(dir, "admin.token"), filepath.Join(dir, "link"), filepath.Join(dir, "long")
	must(t, os.Symlink(file, link))
	must(t, os.WriteFile(long, []byte("fls_"+strings.Repeat("x", 43)+"\nand what nobody has elsewhere\n"), 0o600))
	for _, taken := range []string{link, long} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		got := runWith(ctx, "", append([]string{"serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--admin-token-file", taken}, h.where()...)...)
		cancel()
		if got.code != exitUsage || !strings.Contains(got.stderr, taken+" is there already") {
			t.Errorf("%s: exit code %d, %s", taken, got.code, got.stderr)
		}
	}
	served := func(h *house) string {
		t.Helper()
		stop := h.serve("--admin-token-file", file)
		if code, log := stop(); code != exitOK {
			t.Fatalf("exit code %d\n%s", code, log)
		}
		text, err := os.ReadFile(file)
		must(t, err)
		return string(text)
	}
	first := served(h)
	again := newHouse(t) // as after the data folder was thrown away
	if second := served(again); len(second) != len(first) || second == first {
		t.Errorf("in the place of a former token stand %d bytes", len(second))
	}
	must(t, os.WriteFile(file, []byte("notes"), 0o600))
	if got := served(again); got != "notes" {
		t.Errorf("a later start wrote %d bytes over somebody's notes", len(got))
	}
}

// newer makes a database look as if a later version of the program wrote it.
func newer(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO migrations (version, name, checksum, create_time) VALUES (9999, 'the_future', 'x', 0)`); err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		// Root writes everywhere; what stands for a read-only folder there is
		// one that lies on something that is no folder (above) and /proc.
		got := run(t, append([]string{"serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "/proc/fairlead"}, "--master-key-file", filepath.Join(t.TempDir(), "k"))...)
		if runtime.GOOS == "linux" && (got.code != exitUsage || !strings.Contains(got.stderr, "/proc/fairlead") || !strings.Contains(got.stderr, "--data")) {
			t.Errorf("%d %s", got.code, got.stderr)
		}
		return
	}
	h := newHouse(t)
	if err := os.MkdirAll(h.data, 0o500); err != nil {
		t.Fatal(err)
	}
	got := run(t, append([]string{"serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--ops", "127.0.0.1:0"}, h.where()...)...)
	if got.code != exitUsage || !strings.Contains(got.stderr, h.data) {
		t.Errorf("%d %s", got.code, got.stderr)
	}
}

// TestGuessingOverBothDoors tries wrong return codes through the API and the
// pages by turns: they are counted together, for each program apart.
func TestGuessingOverBothDoors(t *testing.T) {
	h := openCall(t)
	h.post("/v1/programs?programId=beta", h.admin(), `{"preset": "presets/north-sound",
 "effort": {"en": "A day a month."}, "contact": {"en": "Ask us, 555-0100."},
 "window": {"openTime": "2020-01-01T00:00:00Z", "closeTime": "2100-01-01T00:00:00Z", "timeZone": "America/Los_Angeles"}}`)
	h.post("/v1/programs/beta:open", h.admin(), `{}`)
	const wrong = "AAAA-AAAA-AAAA"
	send := func(url, contentType, body string) int {
		t.Helper()
		resp, err := http.Post(h.url+url, contentType, strings.NewReader(body))
		must(t, err)
		resp.Body.Close()
		return resp.StatusCode
	}
	api := func(program string) int {
		return send("/v1/programs/"+program+"/applications:resume", "application/json", `{"returnCode": "`+wrong+`"}`)
	}
	page := func(program string) int {
		return send("/apply/"+program+"/return", "application/x-www-form-urlencoded", "code="+wrong)
	}
	for i := range 20 {
		if got := api("no-such-program"); got != 404 {
			t.Fatalf("try %d at a program that there is not: %d", i, got)
		}
	}
	for i := range applications.ReturnCodeTries / 2 {
		if a, p := api("alpha"), page("alpha"); a != 404 || p != 422 {
			t.Fatalf("pair %d of wrong codes: the API says %d, the page %d", i, a, p)
		}
	}
	if a, p := api("alpha"), page("alpha"); a != 429 || p != 429 {
		t.Errorf("after %d wrong codes the API says %d, the page %d", applications.ReturnCodeTries, a, p)
	}
	if a, p := api("beta"), page("beta"); a != 404 || p != 422 {
		t.Errorf("at another program the API says %d, the page %d", a, p)
	}
}

// TestFlagsComeFirst: a start that is refused for its flags has made nothing: no
// folder, no database, no key.
func TestFlagsComeFirst(t *testing.T) {
	for _, flags := range [][]string{
		{"--http", "0.0.0.0:0"},
		{"--grpc", ":0"},
		{"--ops", "0.0.0.0:0"},
		{"--http", "nothing"},
		{"--http", "127.0.0.1:99999"},
		{"--tls-cert", "x"},
		{"--tls-cert", "/nowhere/c", "--tls-key", "/nowhere/k"},
		{"--public-url", "apply.example.org"},
		{"--trusted-proxies", "everybody"},
		{"--trusted-proxies", "::/0"},
		{"--rate-limit", "-1"},
		{"--run-lease", "1ms"},
		{"--log-level", "loud"},
		{"--log-format", "xml"},
	} {
		h := newHouse(t)
		got := run(t, append(append([]string{"serve"}, flags...), h.where()...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, flags[0]) {
			t.Errorf("%v: %d %s", flags, got.code, got.stderr)
		}
		left, err := os.ReadDir(filepath.Dir(h.data))
		if err != nil || len(left) > 0 {
			t.Errorf("%v: left behind: %v %v", flags, left, err)
		}
	}
}

// TestStartOnASyncedFolder: the log warns, because many never ask the doctor.
func TestStartOnASyncedFolder(t *testing.T) {
	h := newHouse(t)
	h.data = filepath.Join(t.TempDir(), "Dropbox", "data")
	if _, log := h.serve()(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "service=Dropbox") {
		t.Errorf("the log does not warn:\n%s", log)
	}
}
