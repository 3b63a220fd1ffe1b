package sqlstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

func TestRuns(t *testing.T) {
	d := openDoor(t)
	ctx := t.Context()
	want := func(queued, running int) {
		t.Helper()
		if q, r, err := d.store.Runs(ctx); err != nil || q != queued || r != running {
			t.Fatalf("%d queued, %d running, %v; want %d and %d", q, r, err, queued, running)
		}
	}
	want(0, 0)
	do := func(f func(tx applications.Tx) error) {
		t.Helper()
		if err := d.store.Update(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"p1", "p2"} {
		do(func(tx applications.Tx) error { return tx.InsertProgram(ctx, &applications.Program{ID: p}) })
		for i := range 3 {
			do(func(tx applications.Tx) error {
				return tx.InsertSelection(ctx, &applications.Selection{Program: p, ID: fmt.Sprint(i), State: applications.SelectionQueued})
			})
		}
	}
	want(6, 0)
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 2 {
		do(func(tx applications.Tx) error {
			_, err := tx.ClaimSelection(ctx, "a process", now, now.Add(time.Minute))
			return err
		})
	}
	want(4, 2)
	for id, state := range map[string]applications.SelectionState{"1": applications.SelectionSucceeded, "2": applications.SelectionCanceled} {
		do(func(tx applications.Tx) error {
			s, err := tx.Selection(ctx, "p2", id)
			if err != nil {
				return err
			}
			s.State = state
			return tx.UpdateSelection(ctx, s)
		})
	}
	want(2, 2)
}
