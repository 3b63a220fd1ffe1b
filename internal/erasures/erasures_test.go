package erasures

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
)

type secrets string

func (s secrets) MAC(label string, message []byte) []byte {
	h := hmac.New(sha256.New, []byte(string(s)+label))
	h.Write(message)
	return h.Sum(nil)
}

var noon = time.Date(2027, 3, 1, 20, 0, 0, 123_456_000, time.UTC)

func example(n int) applications.Erasure {
	return applications.Erasure{Program: "leaders", Application: fmt.Sprintf("01980000-0000-7000-8000-%012x", n), Time: noon.Add(time.Duration(n) * time.Second)}
}

var program = applications.Erasure{Program: "leaders", ProgramCreated: noon, Time: noon.Add(time.Hour)}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "master.key.erasures")
	if _, err := Read(path, secrets("a")); !errors.Is(err, fs.ErrNotExist) || applications.ReasonOf(err) != "ERASURE_LIST_MISSING" {
		t.Fatal(err)
	}
	f := Open(path, secrets("a"))
	must(t, f.Add(example(1)))
	must(t, f.Add(example(2), program, example(1)))
	must(t, Open(path, secrets("a")).Add(example(2), example(3), example(3)))
	must(t, f.Add(example(3), example(4)))
	must(t, f.Add())
	got, err := Read(path, secrets("a"))
	must(t, err)
	if diff := cmp.Diff([]applications.Erasure{example(1), example(2), program, example(3), example(4)}, got); diff != "" {
		t.Error(diff)
	}
	text, err := os.ReadFile(path)
	must(t, err)
	if !strings.HasPrefix(string(text), "# What was erased") || bytes.Count(text, []byte("\n")) != 5+5 {
		t.Errorf("the file:\n%s", text)
	}
	if info, err := os.Stat(path); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o600) {
		t.Errorf("%v %v", info.Mode(), err)
	}
	// The same erasure at another time is the same, and the first stays.
	again := example(1)
	again.Time = noon.AddDate(1, 0, 0)
	must(t, f.Add(again))
	if after, _ := os.ReadFile(path); !bytes.Equal(after, text) {
		t.Error("it is on the list twice")
	}
}

// Nobody without the master key can have anything erased, or hide that a line
// was changed.
func TestForgedLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	must(t, Open(path, secrets("a")).Add(example(1), program))
	good, err := os.ReadFile(path)
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(good)), "\n")
	mine, whole := lines[len(lines)-2], lines[len(lines)-1]
	mac := mine[strings.LastIndexByte(mine, ' ')+1:]
	for name, forged := range map[string]string{
		"another application":   strings.Replace(mine, "000000000001", "000000000002", 1),
		"another time":          strings.Replace(mine, "2027", "2028", 1),
		"another program":       strings.Replace(mine, "leaders", "mentors", 1),
		"a whole program":       "2027-03-01T20:00:01.123456Z programs/leaders - " + mac,
		"a program made later":  strings.Replace(whole, " 2027-03-01T20:00:00", " 2027-03-02T20:00:00", 1),
		"no code":               strings.TrimSuffix(mine, " "+mac),
		"a code that is cut":    mine[:len(mine)-2],
		"capital letters":       strings.ToUpper(mine),
		"two blanks":            strings.Replace(mine, " ", "  ", 1),
		"words":                 "erase everything, please now",
		"of another master key": line(secrets("b"), example(5)),
	} {
		t.Run(name, func(t *testing.T) {
			must(t, os.WriteFile(path, []byte(string(good)+forged+"\n"+line(secrets("a"), example(7))+"\n"), 0o600))
			list, err := Read(path, secrets("a"))
			if applications.ReasonOf(err) != "ERASURE_LIST_BROKEN" || list != nil || !strings.Contains(err.Error(), "line 8 ") {
				t.Errorf("%d erasures, %v", len(list), err)
			}
			if err := Open(path, secrets("a")).Add(example(9)); applications.ReasonOf(err) != "ERASURE_LIST_BROKEN" {
				t.Errorf("added to a broken list: %v", err)
			}
		})
	}
}

// A crash in the middle of a line costs that line, which was not acknowledged,
// and no other.
func TestCutOffLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	must(t, Open(path, secrets("a")).Add(example(1), example(2)))
	whole, err := os.ReadFile(path)
	must(t, err)
	begin := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := begin; cut < len(whole); cut++ {
		must(t, os.WriteFile(path, whole[:cut], 0o600))
		want := 1
		if cut == len(whole)-1 { // nothing is missing but the newline
			want = 2
		}
		list, err := Read(path, secrets("a"))
		if err != nil || len(list) != want {
			t.Fatalf("cut at %d: %d erasures, %v", cut-begin, len(list), err)
		}
		if got := CutOff(path, secrets("a")); got != (want == 1 && cut > begin) {
			t.Fatalf("cut at %d: told to be cut off: %t", cut-begin, got)
		}
		must(t, Open(path, secrets("a")).Add(example(2)))
		must(t, Open(path, secrets("a")).Add(example(3)))
		list, err = Read(path, secrets("a"))
		if diff := cmp.Diff([]applications.Erasure{example(1), example(2), example(3)}, list); diff != "" || err != nil {
			t.Fatalf("cut at %d: %v\n%s", cut-begin, err, diff)
		}
	}
}

// Backups from before a change of the master key are restored with the key file
// that was kept for them: whoever was erased since stands on the one list.
func TestOneListForOldAndNewKeys(t *testing.T) {
	for key, want := range map[string]string{
		"/etc/fairlead/master.key":     "/etc/fairlead/master.key.erasures",
		"/etc/fairlead/master.key.old": "/etc/fairlead/master.key.erasures",
		"/etc/fairlead.old/master.key": "/etc/fairlead.old/master.key.erasures",
		"/etc/fairlead/.old":           "/etc/fairlead/.old.erasures",
	} {
		if got := DefaultPath(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

func TestSeveralProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			f := Open(path, secrets("a"))
			for n := range 20 {
				if err := f.Add(example(100*i+n), example(n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list, err := Read(path, secrets("a"))
	if err != nil || len(list) != 160 {
		t.Errorf("%d erasures, %v", len(list), err)
	}
	// Put together with another server's.
	other := filepath.Join(t.TempDir(), "other")
	must(t, Open(other, secrets("a")).Add(example(7), example(9000)))
	one, _ := os.ReadFile(path)
	two, _ := os.ReadFile(other)
	must(t, os.WriteFile(path, append(one, two...), 0o600))
	if list, err = Read(path, secrets("a")); err != nil || len(list) != 161 {
		t.Errorf("%d erasures, %v", len(list), err)
	}
}

func TestWhereNothingCanBeWritten(t *testing.T) {
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "file"), nil, 0o600))
	for _, path := range []string{folder, filepath.Join(folder, "file", "list")} {
		if err := Open(path, secrets("a")).Add(example(1)); applications.ReasonOf(err) != "ERASURE_LIST_NOT_WRITABLE" || !strings.Contains(err.Error(), path) {
			t.Errorf("%v", err)
		}
	}
}

func TestReplayAndExport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	store := storetest.Open(t)
	if _, err := Replay(t.Context(), store, secrets("a"), path); applications.ReasonOf(err) != "ERASURE_LIST_MISSING" {
		t.Error(err)
	}
	must(t, Open(path, secrets("a")).Add(example(1), program))
	if n, err := Replay(t.Context(), store, secrets("a"), path); n != 0 || err != nil {
		t.Errorf("an empty database: %d, %v", n, err)
	}
	must(t, store.Update(t.Context(), func(tx applications.Tx) error {
		for _, e := range []applications.Erasure{program, example(3)} {
			if err := tx.AddErasure(t.Context(), &e); err != nil {
				return err
			}
		}
		return nil
	}))
	var out bytes.Buffer
	if n, err := Export(t.Context(), store, secrets("a"), &out); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	must(t, os.WriteFile(path, out.Bytes(), 0o600))
	if list, err := Read(path, secrets("a")); err != nil || !cmp.Equal(list, []applications.Erasure{example(3), program}) {
		t.Errorf("%v %v", list, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(header + line(secrets("a"), example(1)) + "\n"))
	f.Add([]byte(line(secrets("a"), program) + "\n" + line(secrets("b"), example(1)) + "\n" + cutOff + "\n"))
	f.Add([]byte("x y z"))
	good := map[string]bool{line(secrets("a"), example(1)): true, line(secrets("a"), program): true}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, _, err := read("list", bytes.NewReader(text), secrets("a"))
		if err != nil && (applications.ReasonOf(err) != "ERASURE_LIST_BROKEN" || list != nil) {
			t.Fatal(err)
		}
		for _, e := range list {
			if !good[line(secrets("a"), e)] {
				t.Fatalf("made up: %+v", e)
			}
		}
	})
}
