package load

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// started is a server with an open call.
func started(t *testing.T, flags ...string) (*testserver.Server, *Call) {
	t.Helper()
	s := testserver.New(t, append([]string{"--log-level", "warn"}, flags...)...)
	s.Start()
	c, err := Open(t.Context(), strings.TrimPrefix(s.URL, "http://"), s.AdminToken(), "load")
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func ledger(t *testing.T) *Ledger {
	t.Helper()
	l, err := NewLedger(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// verified closes the ledger and reads everything back.
func verified(t *testing.T, c *Call, l *Ledger) *Verdict {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := Verify(context.WithoutCancel(t.Context()), c, l)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Err(); err != nil {
		t.Error(err)
	}
	return v
}

// TestLoops runs both loops against the real binary, and reads everything back.
func TestLoops(t *testing.T) {
	_, c := started(t)
	l := ledger(t)
	closed, err := Run(t.Context(), Options{Call: c, Clients: 8, Duration: time.Second, Ledger: l})
	if err != nil {
		t.Fatal(err)
	}
	open, err := Run(t.Context(), Options{Call: c, Clients: 32, Rate: 50, Duration: 2 * time.Second, First: 1_000_000, Ledger: l})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Report{closed, open} {
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		if len(r.Refused) > 0 {
			t.Errorf("refused: %v", r.Refused)
		}
	}
	if open.Acknowledged != 100 {
		t.Errorf("%d of 100 due were acknowledged", open.Acknowledged)
	}
	v := verified(t, c, l)
	if v.Stored != v.Acknowledged || v.Acknowledged < 100+closed.Acknowledged {
		t.Errorf("%v; the runs say %d and %d", v, closed.Acknowledged, open.Acknowledged)
	}
	t.Logf("%d in a closed loop, %d in an open one; %v", closed.Acknowledged, open.Acknowledged, v)
}

// soak reports whether the full counts are wanted.
func soak() bool { return os.Getenv("FAIRLEAD_SOAK") == "1" }
