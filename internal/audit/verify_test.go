package audit

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

// memory is a log in memory, which tests damage.
type memory struct {
	applications.Tx
	records []Record
	head    Head
	genuine bool
}

func newMemory(t *testing.T, n int) *memory {
	t.Helper()
	m := &memory{genuine: true}
	for i := range n {
		r := Record{Event: applications.Event{Index: int64(i), Action: fmt.Sprint(i)}}
		if i%3 == 0 {
			r.Reason, r.ReasonSalt = "because", []byte("0123456789abcdef")
			r.ReasonDigest = ReasonDigest(r.ReasonSalt, r.Reason)
		}
		added, err := m.head.Append(Leaf(&r.Event, r.ReasonDigest))
		if err != nil {
			t.Fatal(err)
		}
		r.Hashes = AppendHashes(nil, added)
		m.records = append(m.records, r)
	}
	return m
}

func (m *memory) AuditRecords(_ context.Context, from int64, limit int) ([]Record, error) {
	from = min(from, int64(len(m.records)))
	return m.records[from:min(from+int64(limit), int64(len(m.records)))], nil
}

func (m *memory) AuditStoredHead(context.Context) (Head, bool, error) { return m.head, m.genuine, nil }

// memory is its own store.
type memoryStore struct {
	applications.Store
	tx applications.Tx
}

func (s memoryStore) View(_ context.Context, fn func(applications.Tx) error) error { return fn(s.tx) }

func TestVerifyNamesTheRecord(t *testing.T) {
	const n = 2*chunk + 5 // more than one reading
	for _, c := range []struct {
		name  string
		spoil func(m *memory)
		index int64
	}{
		{"nothing", func(*memory) {}, -2},
		{"the first", func(m *memory) { m.records[0].Action = "x" }, 0},
		{"one in the second chunk", func(m *memory) { m.records[chunk+7].Detail = "x" }, chunk + 7},
		{"the last", func(m *memory) { m.records[n-1].Actor = "x" }, n - 1},
		{"a stored hash of a subtree", func(m *memory) { m.records[1023].Hashes[5*32] ^= 1 }, 1023},
		{"a hash too many", func(m *memory) { m.records[10].Hashes = append(m.records[10].Hashes, make([]byte, 32)...) }, 10},
		{"no hashes", func(m *memory) { m.records[11].Hashes = nil }, 11},
		{"a reason", func(m *memory) { m.records[9].Reason = "another" }, 9},
		{"a reason's salt", func(m *memory) { m.records[12].ReasonSalt = []byte("another salt") }, 12},
		{"a row that cannot be read", func(m *memory) { m.records[20].Problem = "its reason does not decrypt" }, 20},
		{"one missing at a chunk's end", func(m *memory) { m.records = append(m.records[:chunk-1], m.records[chunk:]...) }, chunk - 1},
		{"the end missing", func(m *memory) { m.records = m.records[:n-3] }, n - 3},
		{"the end missing at a chunk's end", func(m *memory) { m.records = m.records[:chunk] }, chunk},
		{"one too many", func(m *memory) { m.head.Size--; m.head.Edge = m.head.Edge[:len(m.head.Edge)-1] }, n - 1},
		{"the head's hashes", func(m *memory) { m.head.Edge[0][0] ^= 1 }, -1},
		{"the head's seal", func(m *memory) { m.genuine = false }, -1},
		{"two of them: the first is named", func(m *memory) { m.records[50].Actor, m.records[40].Actor = "x", "x" }, 40},
	} {
		m := newMemory(t, n)
		c.spoil(m)
		report, err := Verify(t.Context(), memoryStore{tx: m}, nil)
		if c.index == -2 {
			if err != nil || report.Size != n {
				t.Errorf("%s: %v, %v", c.name, report, err)
			}
			continue
		}
		var d *Damage
		if !errors.As(err, &d) || d.Index != c.index || applications.ReasonOf(err) != "AUDIT_BROKEN" {
			t.Errorf("%s: %v, want record %d", c.name, err, c.index)
		}
	}
}

func TestVerifyCountsErasedReasons(t *testing.T) {
	m := newMemory(t, 10)
	for i := range m.records {
		if m.records[i].Reason != "" {
			m.records[i].Reason, m.records[i].ReasonSalt, m.records[i].ReasonErased = "", nil, true
		}
	}
	report, err := Verify(t.Context(), memoryStore{tx: m}, nil)
	if err != nil || report.ErasedReasons != 4 {
		t.Fatalf("%+v, %v", report, err)
	}
}

func TestVerifyNeedsALog(t *testing.T) {
	var tx struct{ applications.Tx }
	if _, err := Verify(t.Context(), memoryStore{tx: tx}, nil); err == nil || applications.CodeOf(err) != applications.Internal {
		t.Fatalf("got %v", err)
	}
}

func TestCheckpoints(t *testing.T) {
	m := newMemory(t, 40)
	var at []Checkpoint
	var h Head
	for i := range 41 {
		root, err := h.Root()
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, Checkpoint{int64(i), root})
		if i < 40 {
			if _, err := h.Append(Leaf(&m.records[i].Event, m.records[i].ReasonDigest)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range at {
		if _, err := Verify(t.Context(), memoryStore{tx: m}, &at[i]); err != nil {
			t.Errorf("checkpoint %d: %v", i, err)
		}
		bad := at[i]
		bad.Root[3] ^= 1
		if _, err := Verify(t.Context(), memoryStore{tx: m}, &bad); applications.ReasonOf(err) != "AUDIT_BROKEN" {
			t.Errorf("forged checkpoint %d: %v", i, err)
		}
	}
	// A log that was cut and sealed again, as a restored backup is.
	cut := newMemory(t, 30)
	if _, err := Verify(t.Context(), memoryStore{tx: cut}, nil); err != nil {
		t.Fatal(err)
	}
	var d *Damage
	if _, err := Verify(t.Context(), memoryStore{tx: cut}, &at[40]); !errors.As(err, &d) || d.Index != 30 {
		t.Errorf("got %v, want record 30 missing", err)
	}
}
