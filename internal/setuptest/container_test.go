//go:build unix

package setuptest

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/testserver"
)

// TestContainer does what the Containerfile says without an engine, because no
// test may depend on one or on its images: the command that builds, the files of
// the last stage in a folder of their own, and the server in there as the user it
// names, with nothing else in reach.
func TestContainer(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	first, last, ok := strings.Cut(strings.ReplaceAll(string(text), "\\\n", " "), "\nFROM scratch\n")
	if !ok {
		t.Fatal("the last stage does not begin with nothing")
	}
	build, err := os.MkdirTemp("", "fairlead-container-") // what is "/" of the first stage
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(build)
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for line := range strings.Lines(first) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "RUN ")
		if !ok {
			continue
		}
		if os.Getenv("FAIRLEAD_SOAK") != "1" {
			command = strings.Replace(command, " -trimpath", "", 1) // it compiles everything anew, for half a minute
		}
		cmd := exec.Command("sh", "-euc", strings.ReplaceAll(command, "/out", build+"/out"))
		cmd.Dir, cmd.Env = source, append(os.Environ(), "REVISION=0123456789abcdef0123")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		ran++
	}
	if ran != 2 {
		t.Fatalf("%d commands ran", ran)
	}
	root := filepath.Join(build, "scratch")
	var argv []string
	user := uint32(0)
	for line := range strings.Lines(last) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "COPY":
			copied(t, build, source, root, strings.Fields(rest))
		case "ENTRYPOINT", "CMD":
			var words []string
			if err := json.Unmarshal([]byte(rest), &words); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			argv = append(argv, words...)
		case "USER":
			if rest != "65532:65532" {
				t.Fatalf("runs as %s", rest)
			}
			user = account
		}
	}
	if user == 0 || len(argv) < 2 {
		t.Fatalf("runs %v as %d", argv, user)
	}
	ports := map[string]string{}
	for _, p := range []string{"8080", "9090", "9091"} {
		_, ports[p], _ = net.SplitHostPort(testserver.FreePort(t))
		for i := range argv {
			argv[i] = strings.Replace(argv[i], ":"+p, ":"+ports[p], 1)
		}
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		cmd.Dir = "/"
		cmd.SysProcAttr.Chroot = root
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: user, Gid: user}
	} else {
		t.Log("without root's rights the server runs in the folder, but not shut into it")
		for i := range argv {
			if strings.HasPrefix(argv[i], "/") {
				argv[i] = root + argv[i]
			}
		}
		cmd = exec.Command(argv[0], argv[1:]...)
	}
	log := &testserver.Buffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }() // it may have ended
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get("http://127.0.0.1:" + ports["9091"] + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case err := <-ended:
			t.Fatalf("%v ended: %v\n%s", argv, err, log.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v is not ready\n%s", argv, log.String())
		}
	}
	resp, err := http.Get("http://127.0.0.1:" + ports["8080"] + "/calls")
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(page), "<html") {
		t.Errorf("a page: %d %v", resp.StatusCode, err)
	}
	for _, made := range []string{"data/fairlead.db", "data/admin.token", "keys/master.key"} {
		if _, err := os.Stat(filepath.Join(root, made)); err != nil {
			t.Errorf("not in its volume: %v", err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("did not stop in good order: %v\n%s", err, log.String())
		}
	case <-time.After(40 * time.Second):
		t.Error("does not stop")
	}
}

// copied does a COPY of the last stage.
func copied(t *testing.T, build, source, root string, words []string) {
	t.Helper()
	owned := slices.Contains(words, "--chown=65532:65532")
	words = slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "--") })
	to := words[len(words)-1]
	for _, from := range words[:len(words)-1] {
		path := build + from
		if rest, ok := strings.CutPrefix(from, "/src/"); ok {
			path = filepath.Join(source, rest)
		} else if strings.HasPrefix(from, "/etc/ssl/") {
			path = from // of the image that builds; here of this machine, if it has one
			if _, err := os.Stat(path); err != nil {
				t.Logf("%s is not on this machine", path)
				continue
			}
		}
		target := filepath.Join(root, to)
		if strings.HasSuffix(to, "/") {
			target = filepath.Join(root, to, filepath.Base(from))
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			err = os.MkdirAll(target, 0o755)
		} else {
			var b []byte
			if b, err = os.ReadFile(path); err == nil {
				err = os.WriteFile(target, b, info.Mode().Perm())
			}
		}
		if err == nil && owned && os.Geteuid() == 0 {
			err = os.Chown(target, account, account)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
