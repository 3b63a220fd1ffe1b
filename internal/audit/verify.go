package audit

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/openfairlead/fairlead/applications"
)

// Record is a line of the log as it is stored, for the checker.
type Record struct {
	applications.Event
	// ReasonDigest is the stored commitment to the reason; empty without one.
	ReasonDigest, ReasonSalt []byte
	// ReasonErased: there was a reason, and the key that opens it is gone.
	ReasonErased bool
	// Hashes are the stored hashes, as bytes, that appending it added.
	Hashes []byte
	// Problem says what of the row cannot be read at all, or is "".
	Problem string
}

// Log is what a transaction of a store offers the checker beside
// applications.Tx. Every backend's does.
type Log interface {
	// AuditRecords lists records from an index, ascending, at most limit. It
	// returns what is stored, however damaged.
	AuditRecords(ctx context.Context, from int64, limit int) ([]Record, error)
	// AuditStoredHead returns the head, and whether its seal, made with a key
	// that the database does not hold, is genuine.
	AuditStoredHead(ctx context.Context) (h Head, genuine bool, err error)
}

// Checkpoint is a head of the log that somebody noted down earlier, outside
// the database.
type Checkpoint struct {
	Size int64
	Root tlog.Hash
}

// Report is what a complete check found.
type Report struct {
	Checkpoint        // of the log as it is now
	ErasedReasons int // reasons whose key is destroyed; their digests still verify
}

// Damage names the first record that is wrong. Index is -1 if every record is
// right but the head is not.
type Damage struct {
	Index int64
	What  string
}

func (d *Damage) Error() string {
	if d.Index < 0 {
		return "the head of the log: " + d.What
	}
	return fmt.Sprintf("record %d: %s", d.Index, d.What)
}

// chunk is how many records the checker holds at a time.
const chunk = 1000

// Verify recomputes the whole log. Damage is reported as DataLoss AUDIT_BROKEN
// wrapping a *Damage. With an earlier checkpoint (nil for none) it also proves
// that the log of today continues the one of then: the only way to notice that
// the end of the log was cut off together with its head, by a restored backup
// for example.
func Verify(ctx context.Context, store applications.Store, earlier *Checkpoint) (*Report, error) {
	var report *Report
	err := store.View(ctx, func(tx applications.Tx) error {
		log, ok := tx.(Log)
		if !ok {
			return errors.New("audit: this store does not open its log to the checker")
		}
		var err error
		report, err = VerifyLog(ctx, log, earlier)
		return err
	})
	if err != nil {
		return nil, err
	}
	return report, nil
}

// VerifyLog is Verify of a log that is open already.
func VerifyLog(ctx context.Context, log Log, earlier *Checkpoint) (*Report, error) {
	report, err := verify(ctx, log, earlier)
	var d *Damage
	if errors.As(err, &d) && applications.ReasonOf(err) == "" {
		return nil, applications.Errorf(applications.DataLoss, "AUDIT_BROKEN",
			"the audit log was changed from outside: %w; keep this database, and compare it with a backup", d)
	}
	if err != nil {
		return nil, err
	}
	return report, nil
}

func verify(ctx context.Context, log Log, earlier *Checkpoint) (*Report, error) {
	stored, genuine, err := log.AuditStoredHead(ctx)
	if err != nil {
		return nil, err
	}
	var now Head
	r := &Report{}
	if earlier != nil && earlier.Size == 0 {
		if root, err := now.Root(); err != nil || root != earlier.Root {
			return nil, &Damage{0, "the checkpoint's root is not that of an empty log"}
		}
	}
	for {
		records, err := log.AuditRecords(ctx, now.Size, chunk)
		if err != nil {
			return nil, err
		}
		for i := range records {
			rec := &records[i]
			if err := check(&now, rec); err != nil {
				return nil, err
			}
			if rec.ReasonErased {
				r.ErasedReasons++
			}
			if earlier != nil && now.Size == earlier.Size {
				if root, err := now.Root(); err != nil || root != earlier.Root {
					return nil, &Damage{rec.Index, "it or a record before it is not what the earlier checkpoint saw"}
				}
			}
		}
		if len(records) < chunk {
			break
		}
	}
	root, err := now.Root()
	if err != nil {
		return nil, err
	}
	switch {
	case now.Size < stored.Size:
		return nil, &Damage{now.Size, "it is missing, as is everything after it"}
	case now.Size > stored.Size:
		return nil, &Damage{stored.Size, "it stands after the end that the head names"}
	case string(AppendHashes(nil, now.Edge)) != string(AppendHashes(nil, stored.Edge)):
		return nil, &Damage{-1, "its hashes are not those of the records"}
	case !genuine:
		return nil, &Damage{-1, "it was not written by the holder of the master key"}
	case earlier != nil && now.Size < earlier.Size:
		return nil, &Damage{now.Size, fmt.Sprintf("it is missing: the earlier checkpoint had %d records", earlier.Size)}
	}
	r.Checkpoint = Checkpoint{Size: now.Size, Root: root}
	return r, nil
}

// check verifies one record and appends it to the recomputed head.
func check(now *Head, rec *Record) error {
	n := now.Size
	wrong := func(what string) error { return &Damage{n, what} }
	if rec.Index != n {
		return wrong("it is missing, or stands at another place")
	}
	if rec.Problem != "" {
		return wrong(rec.Problem)
	}
	added, err := now.Append(Leaf(&rec.Event, rec.ReasonDigest))
	if err != nil {
		return err
	}
	if len(rec.Hashes) < tlog.HashSize || string(rec.Hashes[:tlog.HashSize]) != string(added[0][:]) {
		return wrong("it does not match its hash")
	}
	if string(rec.Hashes) != string(AppendHashes(nil, added)) {
		return wrong("the hashes stored with it do not match the records before it")
	}
	if len(rec.ReasonDigest) > 0 && !rec.ReasonErased && !hmac.Equal(rec.ReasonDigest, ReasonDigest(rec.ReasonSalt, rec.Reason)) {
		return wrong("its reason does not match its digest")
	}
	return nil
}
