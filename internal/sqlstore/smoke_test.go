package sqlstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
)

func TestSmoke(t *testing.T) {
	s := storetest.Open(t)
	ctx := context.Background()
	err := s.Update(ctx, func(tx applications.Tx) error {
		if err := tx.InsertProgram(ctx, &applications.Program{ID: "p1", State: applications.ProgramOpen}); err != nil {
			return err
		}
		if _, err := tx.NextCode(ctx, "p1"); err != nil {
			return err
		}
		if err := tx.InsertApplication(ctx, &applications.Application{Program: "p1", ID: "a", Code: "NS-1", State: applications.Draft, CreateTime: time.Now()}, []byte("h")); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, applications.Event{Time: time.Now(), Action: "x", Resource: "programs/p1", Reason: "because"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(ctx, s, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(ctx); err != nil {
		t.Fatal(err)
	}
}
