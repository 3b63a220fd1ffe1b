package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openfairlead/fairlead/applications"
)

// BenchmarkCreateApplication measures one submission as the service makes it,
// durable, with 32 writers at a time: program and form are read, the request
// id is looked up and kept, a number is drawn, the application of a 12-page
// form and one audit event are written. Reported: submissions per second and
// the slowest one.
func BenchmarkCreateApplication(b *testing.B, open func(testing.TB) applications.Store) {
	s := open(b)
	ctx := context.Background()
	program, form := exampleProgram("bench"), exampleForm("bench", 1)
	must(b, s.Update(ctx, func(tx applications.Tx) error {
		if err := tx.InsertProgram(ctx, program); err != nil {
			return err
		}
		return tx.InsertForm(ctx, form)
	}))
	const writers = 32
	var next, slowest atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				start := time.Now()
				if err := createOne(ctx, s, "bench"); err != nil {
					b.Error(err)
					return
				}
				took := int64(time.Since(start))
				for old := slowest.Load(); took > old && !slowest.CompareAndSwap(old, took); old = slowest.Load() {
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "submissions/s")
	b.ReportMetric(float64(slowest.Load())/1e6, "slowest-ms")
}

func createOne(ctx context.Context, s applications.Store, program string) error {
	id, request := newID(), uuid.NewString()
	return s.Update(ctx, func(tx applications.Tx) error {
		if _, err := tx.Request(ctx, program, "CreateApplication", request); applications.CodeOf(err) != applications.NotFound {
			return fmt.Errorf("a new request id: %w", err)
		}
		if _, err := tx.Program(ctx, program); err != nil {
			return err
		}
		if _, err := tx.Form(ctx, program, 1); err != nil {
			return err
		}
		n, err := tx.NextCode(ctx, program)
		if err != nil {
			return err
		}
		a := exampleApplication(program, id, n)
		if err := tx.InsertApplication(ctx, a, digest("return code", id)); err != nil {
			return err
		}
		if err := tx.SaveRequest(ctx, &applications.Request{
			Program: program, Method: "CreateApplication", ID: request, Hash: digest("request", id), Resource: id, Time: a.CreateTime,
		}); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, applications.Event{
			Time: a.CreateTime, Actor: "applications/" + id, Action: "application.submit",
			Resource: "programs/" + program + "/applications/" + id, Detail: "DRAFT>SUBMITTED",
		})
	})
}

// BenchmarkReadPool measures reading a pool of 2,000 applications whole, as a
// selection does before it freezes its input.
func BenchmarkReadPool(b *testing.B, open func(testing.TB) applications.Store) {
	s := open(b)
	ctx := context.Background()
	const pool = 2000
	must(b, s.Update(ctx, func(tx applications.Tx) error {
		if err := tx.InsertProgram(ctx, exampleProgram("bench")); err != nil {
			return err
		}
		for i := range pool {
			if err := tx.InsertApplication(ctx, exampleApplication("bench", newID(), i), nil); err != nil {
				return err
			}
		}
		return nil
	}))
	for b.Loop() {
		must(b, s.View(ctx, func(tx applications.Tx) error {
			list, err := tx.Applications(ctx, applications.ApplicationQuery{Program: "bench"})
			if len(list) != pool {
				b.Fatalf("%d applications", len(list))
			}
			return err
		}))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/pool, "µs/application")
}
