package backup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// populateLarge makes applications of the size that a form of twelve pages
// gives, some 2.5 kB each.
func populateLarge(t testing.TB, database string, v *vault.Vault, applicants int) {
	t.Helper()
	s := open(t, database, v)
	ctx := context.Background()
	err := s.Update(ctx, func(tx applications.Tx) error {
		return tx.InsertProgram(ctx, &applications.Program{ID: "p1", State: applications.ProgramOpen})
	})
	answers := applications.Answers{}
	for i := range 12 {
		answers[fmt.Sprintf("attribute_%d", i)] = applications.Answer{
			Values: []string{"value_1", "value_7"}, WriteIns: map[string]string{"value_7": strings.Repeat("own words ", 5)},
		}
	}
	const chunk = 5000
	for done := 0; err == nil && done < applicants; done += chunk {
		err = s.Update(ctx, func(tx applications.Tx) error {
			events := make([]applications.Event, 0, chunk)
			for i := done; i < min(done+chunk, applicants); i++ {
				id := fmt.Sprintf("%08d", i)
				a := &applications.Application{
					Program: "p1", ID: id, Code: fmt.Sprintf("NS-%06d", i), State: applications.Submitted, Form: 1, Answers: answers,
					Contact: applications.Contact{Name: "Invented " + id, Email: id + "@example.org"},
				}
				if err := tx.InsertApplication(ctx, a, []byte(id)); err != nil {
					return err
				}
				if err := tx.SaveRequest(ctx, &applications.Request{Program: "p1", Method: "CreateApplication", ID: id, Hash: []byte(id), Resource: id, Time: time.Unix(1, 0)}); err != nil {
					return err
				}
				events = append(events, applications.Event{Time: time.Unix(int64(i), 0), Actor: "public", Action: "application.submit", Resource: "programs/p1/applications/" + id, Detail: "DRAFT>SUBMITTED"})
			}
			return tx.AppendEvents(ctx, events...)
		})
	}
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// measured runs a job in a process of its own: how long it takes, and the most
// memory that it has, in MiB.
func (j *job) measured(t testing.TB) (time.Duration, int64) {
	t.Helper()
	cmd := j.command(t)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", j.What, err, out)
	}
	return time.Since(start), maxMemory(cmd.ProcessState) >> 20
}

// A large installation is backed up, restored and moved there and back in
// memory that does not grow with it, and is the same afterwards.
func TestLargeInstallation(t *testing.T) {
	applicants := 1000
	if soak {
		applicants = 100_000
	}
	v := newVault(t)
	key := keyFile(t, v)
	dir := t.TempDir()
	cluster := pgtest.Start(t)
	file, server := filepath.Join(dir, "fairlead.db"), cluster.Database(t)
	populateLarge(t, file, v, applicants)
	want := inventory(t, file, v)
	again, backToFile, restoredFile := cluster.Database(t), filepath.Join(dir, "back.db"), filepath.Join(dir, "restored.db")
	for _, step := range []struct {
		what   string
		job    job
		result string // database to compare
	}{
		{"backup of SQLite", job{What: "backup", Database: file, File: filepath.Join(dir, "s")}, ""},
		{"restore into SQLite", job{What: "restore", Database: restoredFile, File: filepath.Join(dir, "s")}, restoredFile},
		{"migrate SQLite to PostgreSQL", job{What: "move", Database: file, File: server}, server},
		{"backup of PostgreSQL", job{What: "backup", Database: server, File: filepath.Join(dir, "p")}, ""},
		{"restore into PostgreSQL", job{What: "restore", Database: again, File: filepath.Join(dir, "p")}, again},
		{"migrate PostgreSQL to SQLite", job{What: "move", Database: again, File: backToFile}, backToFile},
	} {
		step.job.Key = key
		took, memory := step.job.measured(t)
		note := ""
		if step.job.What == "backup" {
			note = fmt.Sprintf(", file of %d MiB", size(step.job.File)>>20)
		}
		t.Logf("figure: %s, %d applications, %d rows: %.1f s, at most %d MiB of memory%s", step.what, applicants, want.Rows(), took.Seconds(), memory, note)
		if memory > 300 {
			t.Errorf("%s takes %d MiB of memory", step.what, memory)
		}
		if step.result == "" {
			continue
		}
		if err := want.Compare(inventory(t, step.result, v)); err != nil {
			t.Errorf("%s: %v", step.what, err)
		}
		s, err := sqlstore.Open(t.Context(), sqlstore.Options{Database: step.result, Vault: v, NoMigration: true})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
}
