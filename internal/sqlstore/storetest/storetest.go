package storetest

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/applications"
)

// Opener gives an empty store that is closed when the test ends.
type Opener func(testing.TB) applications.Store

// Run checks a backend against everything that applications.Store promises.
// Each case gets a store of its own.
func Run(t *testing.T, open Opener) {
	for _, group := range []struct {
		name  string
		cases []testCase
	}{
		{"programs", programCases},
		{"versions", versionCases},
		{"applications", applicationCases},
		{"selections", selectionCases},
		{"offers", offerCases},
		{"people", peopleCases},
		{"requests", requestCases},
		{"events", eventCases},
		{"erasures", erasureCases},
		{"mentoring", mentoringCases},
		{"networks", networkCases},
		{"transactions", transactionCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(&fixture{T: t, Store: open(t), ctx: t.Context()})
				})
			}
		})
	}
}

type testCase struct {
	name string
	run  func(*fixture)
}

// fixture is a test and its store.
type fixture struct {
	*testing.T
	applications.Store
	ctx context.Context
}

// do runs fn in an Update that has to succeed.
func (f *fixture) do(fn func(tx applications.Tx) error) {
	f.Helper()
	must(f, f.Update(f.ctx, fn))
}

// see runs fn in a View that has to succeed.
func (f *fixture) see(fn func(tx applications.Tx) error) {
	f.Helper()
	must(f, f.View(f.ctx, fn))
}

// refused runs fn in an Update and checks how it is refused; that this leaves
// the transaction usable is checked by committing it.
func (f *fixture) refused(code applications.Code, reason string, fn func(tx applications.Tx) error) {
	f.Helper()
	f.do(func(tx applications.Tx) error {
		f.Helper()
		f.wantError(fn(tx), code, reason)
		return nil
	})
}

// missing checks that fn does not find what it asks for, in a View too.
func (f *fixture) missing(reason string, fn func(tx applications.Tx) error) {
	f.Helper()
	f.refused(applications.NotFound, reason, fn)
	f.see(func(tx applications.Tx) error {
		f.Helper()
		f.wantError(fn(tx), applications.NotFound, reason)
		return nil
	})
}

func (f *fixture) wantError(err error, code applications.Code, reason string) {
	f.Helper()
	if err == nil {
		f.Fatalf("no error, want %s", reason)
	}
	if applications.CodeOf(err) != code || applications.ReasonOf(err) != reason {
		f.Fatalf("got %v (code %d), want reason %s, code %d", err, applications.CodeOf(err), reason, code)
	}
}

// wantInternal is for mistakes of the program, which are no *applications.Error.
func (f *fixture) wantInternal(err error) {
	f.Helper()
	if err == nil || applications.CodeOf(err) != applications.Internal {
		f.Fatalf("got %v, want an internal error", err)
	}
}

// programs inserts programs that the case's other rows hang on.
func (f *fixture) programs(ids ...string) {
	f.Helper()
	f.do(func(tx applications.Tx) error {
		for _, id := range ids {
			if err := tx.InsertProgram(f.ctx, exampleProgram(id)); err != nil {
				return err
			}
		}
		return nil
	})
}

// equal compares a value that was read with the one that was stored, whose
// times the store has cut, and checks that they were cut.
func equal[V any](f *fixture, got, want V) {
	f.Helper()
	want = storedCopy(want)
	if diff := cmp.Diff(want, got); diff != "" {
		f.Fatalf("not what was stored (-want +got):\n%s", diff)
	}
	eachTime(reflect.ValueOf(got), func(t time.Time) {
		if t.Location() != time.UTC || t.Nanosecond()%1000 != 0 {
			f.Fatalf("the time %v is not in UTC to the microsecond", t)
		}
	})
}

// one unwraps a getter's result in a View.
func one[V any](f *fixture, get func(tx applications.Tx) (V, error)) V {
	f.Helper()
	var out V
	f.see(func(tx applications.Tx) (err error) {
		out, err = get(tx)
		return err
	})
	return out
}

// race runs fn in n goroutines at the same time and returns the errors.
func race(n int, fn func(i int) error) []error {
	errs, begin, done := make([]error, n), make(chan struct{}), make(chan int)
	for i := range n {
		go func() {
			<-begin
			errs[i] = fn(i)
			done <- i
		}()
	}
	close(begin)
	for range n {
		<-done
	}
	return errs
}

// oneWinner checks that of the errors of a race exactly one is nil and all
// others have the code and reason.
func (f *fixture) oneWinner(errs []error, code applications.Code, reason string) {
	f.Helper()
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
			continue
		}
		f.wantError(err, code, reason)
	}
	if winners != 1 {
		f.Fatalf("%d of %d won, want 1", winners, len(errs))
	}
}

const racers = 16
