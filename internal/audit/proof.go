package audit

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/openfairlead/fairlead/applications"
)

// HashReader reads the stored hashes of a log, for tlog's proofs.
func HashReader(ctx context.Context, log Log) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			// A subtree's hash stands with the last record of the subtree.
			level, n := tlog.SplitStoredHashIndex(index)
			last := (n+1)<<level - 1
			records, err := log.AuditRecords(ctx, last, 1)
			if err != nil {
				return nil, err
			}
			if len(records) == 0 || records[0].Index != last || len(records[0].Hashes) < (level+1)*tlog.HashSize {
				return nil, &Damage{last, "its hashes are missing"}
			}
			copy(out[i][:], records[0].Hashes[level*tlog.HashSize:])
		}
		return out, nil
	})
}

// Inclusion proves that record n is in the log of the checkpoint's size.
// CheckInclusion needs no database to check it.
func Inclusion(ctx context.Context, log Log, size, n int64) (tlog.RecordProof, error) {
	if n < 0 || n >= size {
		return nil, applications.Errorf(applications.InvalidArgument, "AUDIT_RANGE", "record %d is not in a log of %d records", n, size)
	}
	return tlog.ProveRecord(size, n, HashReader(ctx, log))
}

// CheckInclusion checks a proof for an event that somebody holds with its
// reason's digest.
func CheckInclusion(p tlog.RecordProof, at Checkpoint, e *applications.Event, reasonDigest []byte) error {
	return tlog.CheckRecord(p, at.Size, at.Root, e.Index, tlog.RecordHash(Leaf(e, reasonDigest)))
}

// Consistency proves that the log of the newer size continues that of the
// older.
func Consistency(ctx context.Context, log Log, newer, older int64) (tlog.TreeProof, error) {
	if older < 1 || older > newer {
		return nil, applications.Errorf(applications.InvalidArgument, "AUDIT_RANGE", "a log of %d records cannot continue one of %d", newer, older)
	}
	return tlog.ProveTree(newer, older, HashReader(ctx, log))
}

// CheckConsistency checks such a proof between two checkpoints.
func CheckConsistency(p tlog.TreeProof, newer, older Checkpoint) error {
	if err := tlog.CheckTree(p, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fmt.Errorf("the newer log does not continue the older one: %w", err)
	}
	return nil
}
