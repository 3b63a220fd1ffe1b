package sqlstore_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// When this is set, the test binary is the child of TestKill: it writes to the
// database there, with the key file beside it, until it is killed.
const crashEnv = "FAIRLEAD_TEST_CRASH_DATABASE"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(path))
		os.Exit(1)
	}
	if text := os.Getenv(oldEnv); text != "" {
		parts := strings.Split(text, "\n")
		schema, err := strconv.Atoi(parts[0])
		if err == nil {
			err = writeAsOld(schema, parts[1], parts[2])
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled submits applications from several writers and prints the id
// of each after it was acknowledged, in one write.
func writeUntilKilled(path string) error {
	v, err := vault.Load(path + ".key")
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := sqlstore.Open(ctx, sqlstore.Options{Database: path, Vault: v})
	if err != nil {
		return err
	}
	errs := make(chan error)
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				if err := s.Update(ctx, func(tx applications.Tx) error {
					n, err := tx.NextCode(ctx, "p1")
					if err != nil {
						return err
					}
					a := &applications.Application{Program: "p1", ID: id, Code: fmt.Sprintf("NS-%d", n), State: applications.Submitted, Contact: applications.Contact{Name: id}}
					if err := tx.InsertApplication(ctx, a, nil); err != nil {
						return err
					}
					return tx.AppendEvents(ctx, applications.Event{Action: "application.submit", Resource: "programs/p1/applications/" + id, Reason: id})
				}); err != nil {
					errs <- err
					return
				}
				if _, err := os.Stdout.WriteString(id + "\n"); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	return <-errs
}

// TestKill kills a writing process with -9, again and again: whatever it
// acknowledged is there, nothing is there by half, and the log verifies.
func TestKill(t *testing.T) {
	kills := 3
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		kills = 40
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	v := newVault(t)
	path := filepath.Join(t.TempDir(), "fairlead.db")
	if err := os.WriteFile(path+".key", v.FileText(), 0o600); err != nil {
		t.Fatal(err)
	}
	insertProgram(t, path, v, "p1")
	acknowledged := map[string]bool{}
	for range kills {
		for _, id := range runAndKill(t, path, 50+random.IntN(400), time.Duration(random.IntN(2000))*time.Microsecond) {
			acknowledged[id] = true
		}
		checkAfterKill(t, path, v, acknowledged)
	}
	t.Logf("figure: store killed with -9 while writing: %d kills, %d acknowledged transactions, 0 lost", kills, len(acknowledged))
}

// runAndKill starts the child, reads so many lines, waits a little, kills it,
// and returns all whole lines that it wrote.
func runAndKill(t *testing.T, path string, lines int, wait time.Duration) []string {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashEnv+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	var once sync.Once
	kill := func() { once.Do(func() { child.Process.Kill() }) }
	defer kill()
	limit := time.AfterFunc(time.Minute, kill)
	defer limit.Stop()
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break
		}
		ids = append(ids, strings.TrimSpace(line))
		if len(ids) == lines {
			time.AfterFunc(wait, kill)
		}
	}
	child.Wait()
	if len(ids) < lines {
		t.Fatalf("the child wrote only %d lines", len(ids))
	}
	return ids
}

func checkAfterKill(t *testing.T, path string, v *vault.Vault, acknowledged map[string]bool) {
	t.Helper()
	ctx := t.Context()
	s, err := sqlstore.Open(ctx, sqlstore.Options{Database: path, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	report, err := audit.Verify(ctx, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(ctx, func(tx applications.Tx) error {
		list, err := tx.Applications(ctx, applications.ApplicationQuery{Program: "p1"})
		if err != nil {
			return err
		}
		there := map[string]bool{}
		for _, a := range list {
			there[a.ID] = a.Contact.Name == a.ID
		}
		lost := 0
		for id := range acknowledged {
			if !there[id] {
				lost++
			}
		}
		if lost > 0 {
			t.Fatalf("%d of %d acknowledged applications are lost", lost, len(acknowledged))
		}
		p, err := tx.Program(ctx, "p1")
		if err != nil {
			return err
		}
		if report.Size != int64(len(list)) || p.ApplicationCount != len(list) {
			t.Fatalf("%d applications, %d events, %d counted", len(list), report.Size, p.ApplicationCount)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
