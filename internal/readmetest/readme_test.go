package readmetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/testserver"
)

// block is one ```sh block with the ```text block that follows it, if any.
type block struct {
	line     int
	script   string
	expected string
	compared bool
}

// blocks reads a document's fenced blocks.
func blocks(t *testing.T, text string) []block {
	t.Helper()
	var all []block
	var kind string
	var body []string
	begin := 0
	for i, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && kind == "":
			kind, body, begin = fence, nil, i+2
			if kind == "" {
				t.Fatalf("line %d: a fenced block without a kind", i+1)
			}
		case isFence:
			joined := strings.Join(body, "\n") + "\n"
			switch {
			case kind == "sh":
				all = append(all, block{line: begin, script: joined})
			case kind == "text" && len(all) > 0:
				all[len(all)-1].expected, all[len(all)-1].compared = joined, true
			}
			kind = ""
		case kind != "":
			body = append(body, line)
		}
	}
	if kind != "" {
		t.Fatalf("line %d: a fenced block that never ends", begin-1)
	}
	return all
}

// The README is run from top to bottom in one shell, in an empty folder, as a
// newcomer would. Only the ports are changed, to ones that are free.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	all := blocks(t, string(text))
	if len(all) < 4 {
		t.Fatalf("only %d blocks to run", len(all))
	}
	dir, home := t.TempDir(), t.TempDir()
	bin := tools(t)
	ports := map[string]string{}
	for _, usual := range []string{"8080", "9090", "9091"} {
		_, ports[usual], _ = strings.Cut(testserver.FreePort(t), ":")
	}
	local := func(s string) string {
		for usual, free := range ports {
			s = strings.ReplaceAll(s, "localhost:"+usual, "127.0.0.1:"+free)
		}
		return s
	}

	const mark = "=== block "
	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	for i, b := range all {
		fmt.Fprintf(&script, "printf '\\n%s%d\\n'\n", mark, i)
		for line := range strings.Lines(local(b.script)) {
			if strings.HasPrefix(line, "fairlead serve") {
				// A server runs in a terminal of its own; here, behind the others.
				line = fmt.Sprintf("%s --http 127.0.0.1:%s --grpc 127.0.0.1:%s --ops 127.0.0.1:%s 2>server.log &\n", strings.TrimSpace(line), ports["8080"], ports["9090"], ports["9091"])
				line += "server=$!\ntrap 'kill $server; wait $server' EXIT\n"
				line += fmt.Sprintf("for i in $(seq 200); do curl -sf http://127.0.0.1:%s/readyz >/dev/null && break; sleep 0.1; done\n", ports["9091"])
			}
			script.WriteString(line)
		}
	}
	cmd := exec.Command("bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+home, "XDG_DATA_HOME=", "NO_COLOR=1")
	cmd.WaitDelay = 10 * time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "server.log"))
		t.Fatalf("%v\nstdout:\n%s\nstderr:\n%s\nserver:\n%s", err, out, &stderr, log)
	}
	printed := strings.Split("\n"+string(out), "\n"+mark)[1:]
	if len(printed) != len(all) {
		t.Fatalf("%d of %d blocks ran", len(printed), len(all))
	}
	for i, b := range all {
		_, got, _ := strings.Cut(printed[i], "\n")
		if b.compared && !matches(b.expected, got) {
			t.Errorf("README.md:%d prints\n%s\nand the README says\n%s", b.line, got, b.expected)
		}
	}

	// What the commands were for has come about.
	for what, pattern := range map[string]string{
		"the call is open over REST":        `"state":\s*"OPEN"`,
		"gRPC lists its services":           `(?m)^fairlead\.v1\.ApplicationService$`,
		"gRPC lists and tells the same one": `(?s)"openCalls".*"name": "programs/pilot".*"name": "programs/pilot"`,
	} {
		if !regexp.MustCompile(pattern).Match(out) {
			t.Errorf("not shown: %s\n%s", what, out)
		}
	}
	application, err := os.ReadFile(filepath.Join(dir, "application.json"))
	if err != nil || !regexp.MustCompile(`"token":\s*"\S+"`).Match(application) || !regexp.MustCompile(`"returnCode":\s*"\S+"`).Match(application) {
		t.Errorf("the application came without token or return code: %v\n%s", err, application)
	}
}

// matches compares line by line, without trailing spaces; "…" stands for any
// text within a line.
func matches(expected, got string) bool {
	var pattern strings.Builder
	pattern.WriteString(`\A`)
	for _, line := range strings.Split(strings.TrimRight(expected, "\n"), "\n") {
		parts := strings.Split(strings.TrimRight(line, " "), "…")
		for i, p := range parts {
			parts[i] = regexp.QuoteMeta(p)
		}
		pattern.WriteString(strings.Join(parts, `.*`) + ` *\n`)
	}
	pattern.WriteString(`\s*\z`)
	return regexp.MustCompile(pattern.String()).MatchString(strings.TrimRight(got, "\n") + "\n")
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		expected, got string
		want          bool
	}{
		{"a\nb\n", "a\nb\n", true},
		{"a\nb\n", "a  \nb\n\n", true},
		{"a … c\n", "a b c\n", true},
		{"a … c\n", "a b\nc\n", false},
		{"a.c\n", "abc\n", false},
		{"a\n", "a\nb\n", false},
	} {
		if got := matches(c.expected, c.got); got != c.want {
			t.Errorf("%q against %q: %v, want %v", c.got, c.expected, got, c.want)
		}
	}
}

// Every make target that a document names exists, and every file that it links
// to is there.
func TestDocumentsNameWhatExists(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := filepath.Glob("../../docs/decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	documents = append(append(documents, decisions...), "../../README.md", "../../CHANGELOG.md")
	target := regexp.MustCompile("(?m)(?:^    |`)make ([a-z-]+)")
	link := regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`)
	for _, d := range documents {
		text, err := os.ReadFile(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range target.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(string(makefile), "\n"+m[1]+":") {
				t.Errorf("%s: there is no make target %q", d, m[1])
			}
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(d), m[1])); err != nil {
				t.Errorf("%s: the link %q leads nowhere", d, m[1])
			}
		}
	}
}

// tools returns a folder with what the README calls by name: the program, and
// grpcurl: a stand-in, or at full counts the version that internal/tools pins.
func tools(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	if err := os.Symlink(testserver.Binary(t), filepath.Join(bin, "fairlead")); err != nil {
		t.Fatal(err)
	}
	grpcurl := filepath.Join(bin, "grpcurl")
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		cmd := exec.Command("go", "build", "-modfile=internal/tools/go.mod", "-o", grpcurl, "github.com/fullstorydev/grpcurl/cmd/grpcurl")
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building grpcurl: %v\n%s", err, out)
		}
	} else if self, err := os.Executable(); err != nil {
		t.Fatal(err)
	} else if err := os.Symlink(self, grpcurl); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("the README's commands need %s: apt-get install -y %s", name, name)
		}
	}
	return bin
}
