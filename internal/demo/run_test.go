package demo_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

func demoCommand(t *testing.T, args ...string) (*exec.Cmd, string) {
	tmp := t.TempDir()
	cmd := exec.Command(testserver.Binary(t), append([]string{"demo"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	return cmd, tmp
}

// The real binary plays the whole demo in less than ten seconds of processor time,
// shows what it promises, and leaves nothing behind.
func TestDemoOnce(t *testing.T) {
	cmd, tmp := demoCommand(t, "--once", "--seed", "a")
	begin := time.Now()
	out, err := cmd.Output()
	took := time.Since(begin)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text := string(out)
	for _, want := range []string{
		"120 submitted", "approver demo; expires 20", "reason: Demonstration", "made from the preset north-sound",
		"organizations sent more than one person", "not eligible", "groups on the tickets, sealed in", "chances from", "six dice are thrown",
		"What a stranger can check", "✓ P5", "Rule", "Range", "Applied", "In cohort", "Status", "✓ met", "at most 3 each, must",
		"provenance DRAWN", "Which seats differ", "Without --once",
		"5 of the cohort take their seat", "14 mentors offer 26 seats", "OPTIMAL in", "26 of 29 mentees have a mentor", "proves that no matching is better",
		"can be served only by", "the hard rules keep every mentor from them", "one more mentor in Skagit County who speaks Triqui: one mentee more is served",
		"have a mentor, mean score", "with fewer than 11 people, numbers would tell of single ones",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	// The cohort's table has one row for each seat; the lists below split the
	// same people.
	rows := regexp.MustCompile(`(?m)^  (NS-\d{4})  `).FindAllStringSubmatch(text, -1)
	if len(rows) != 15 {
		t.Errorf("%d rows in the table of the cohort, want 15", len(rows))
	}
	listed := 0
	for _, line := range regexp.MustCompile(`(?m)^  (?:in both|only balanced) .*$`).FindAllString(text, -1) {
		listed += len(regexp.MustCompile(`NS-\d{4}`).FindAllString(line, -1))
	}
	if listed != len(rows) {
		t.Errorf("%d people in both or only in balanced, want %d", listed, len(rows))
	}
	// The points of a pair sum to its score.
	pairs := regexp.MustCompile(`(?m)^  ME-\d{4}  MO-\d{4} +(\d+)  (.+)$`).FindAllStringSubmatch(text, -1)
	if len(pairs) != 26 {
		t.Errorf("%d pairs, want 26", len(pairs))
	}
	for _, p := range pairs {
		sum := 0
		for _, n := range regexp.MustCompile(`\d+`).FindAllString(p[2], -1) {
			points, _ := strconv.Atoi(n) // digits
			sum += points
		}
		if strconv.Itoa(sum) != p[1] {
			t.Errorf("the parts of this pair do not sum to its score: %s", p[0])
		}
	}
	if strings.Contains(text, "\x1b[") {
		t.Error("colors although the output is no terminal")
	}
	if link := regexp.MustCompile(`https?://\S+`).FindString(text); link != "" {
		t.Errorf("it prints the link %s, which is dead by now", link)
	}
	if strings.Contains(text, "Invented Applicant") || strings.Contains(text, "Invented Ment") || strings.Contains(text, "@example.org") {
		t.Error("the output tells names or addresses")
	}
	// Not by the clock: other tests run at the same time.
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if cpu > 10*time.Second {
		t.Errorf("it took %.1f s of processor time", cpu.Seconds())
	}
	if t.Failed() {
		t.Log(text)
	}
	empty(t, tmp)
	t.Logf("figure: demo: 120 applicants over REST, two selections, one matching, %.1f s, %.1f s of processor time", took.Seconds(), cpu.Seconds())
}

// The same seed shows the same people, chances and dice. What is sealed holds
// salts, so that who is drawn differs each time.
func TestDemoRepeats(t *testing.T) {
	var first string
	for range 2 {
		cmd, _ := demoCommand(t, "--once", "--seed", "again")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		text := regexp.MustCompile(`in \d+\.\d s`).ReplaceAllString(string(out), "in T")
		text, _, drawn := strings.Cut(text, "They decide, and nobody else")
		if !drawn {
			t.Fatalf("nothing is drawn:\n%s", text)
		}
		if first == "" {
			first = text
		} else if text != first {
			t.Errorf("two runs differ:\n%s\n%s", first, text)
		}
	}
}

func TestDemoRefusesSeedsThatTheAPIWould(t *testing.T) {
	for _, seed := range []string{"", strings.Repeat("x", 201)} {
		cmd, tmp := demoCommand(t, "--once", "--seed", seed)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "--seed: write 1 to 200 characters") {
			t.Errorf("%d characters: %v\n%s", len(seed), err, out)
		}
		empty(t, tmp)
	}
}

// Without --once the demo stays up: every link that it prints opens a page,
// Ctrl-C stops it with exit code 0, and its data is gone.
func TestDemoStaysUpAndStops(t *testing.T) {
	cmd, tmp := demoCommand(t)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var links []string
	var said strings.Builder
	scan := bufio.NewScanner(stdout)
	for scan.Scan() {
		said.WriteString(scan.Text() + "\n")
		links = append(links, regexp.MustCompile(`http://\S+`).FindAllString(scan.Text(), -1)...)
		if strings.Contains(scan.Text(), "Ctrl-C") {
			break
		}
	}
	if len(links) != 10 {
		t.Errorf("%d links, want 10:\n%s", len(links), &said)
	}
	var signIn []string
	var result, pairs string
	for _, l := range links {
		status, body := get(t, http.DefaultClient, l)
		if status != http.StatusOK {
			t.Errorf("%s answers %d", l, status)
		}
		switch {
		case strings.Contains(l, "/enter/"):
			signIn = append(signIn, l)
		case strings.Contains(l, "/selections/"):
			result = l
			if strings.Contains(body, "NS-0") {
				t.Errorf("%s shows the cohort to anybody", l)
			}
		case strings.Contains(l, "/matchings/"):
			pairs = l
			if strings.Contains(body, "ME-0") {
				t.Errorf("%s shows the pairs to anybody", l)
			}
		}
	}
	if len(signIn) != 6 || result == "" {
		t.Fatalf("%d sign-in links and the result %q", len(signIn), result)
	}
	// The first link is the applicant's, whose page names the application; two are
	// those of facilitators, who may see the result; then come the coordinator, who
	// may see the pairs, a mentee and a mentor, whose pages name them.
	for i, page := range []string{"", result, result, pairs, "", ""} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Jar: jar}
		resp, err := client.Post(signIn[i], "application/x-www-form-urlencoded", nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("signing in by %s: %d %v", signIn[i], resp.StatusCode, err)
		}
		if page != "" {
			_, text := get(t, client, page)
			body = []byte(text)
		}
		if code := []string{"NS-0", "NS-0", "NS-0", "ME-0001", "ME-0001", "MO-0"}[i]; !strings.Contains(string(body), code) {
			t.Errorf("after signing in by the link %d the page %q does not name %s", i+1, page, code)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(&said, stdout); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v\n%s", err, &said)
	}
	if resp, err := http.Get(links[0]); err == nil {
		resp.Body.Close()
		t.Error("the server still answers")
	}
	empty(t, tmp)
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		t.Errorf("%s was left behind", e.Name())
	}
}
