// Package audit is the arithmetic of the audit log: an append-only Merkle tree
// (RFC 6962, by golang.org/x/mod/sumdb/tlog) whose leaves are the events. A
// backend stores each event together with the hashes that its append added; a
// checker recomputes all of them and names the first record that was changed.
package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"math/bits"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/openfairlead/fairlead/applications"
)

// Leaf is the canonical encoding of an event, which the tree hashes: a line
// that names the format, then each field as its length in bytes, a colon, the
// field and a line feed. The time is in microseconds since 1970.
//
// The reason, which a person wrote, stands in it only as its digest, so that
// it can be erased without breaking the chain.
func Leaf(e *applications.Event, reasonDigest []byte) []byte {
	b := make([]byte, 0, 160+len(e.Actor)+len(e.Resource)+len(e.Detail))
	b = append(b, "fairlead audit event 1\n"...)
	field := func(s string) {
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(b, ':')
		b = append(b, s...)
		b = append(b, '\n')
	}
	field(strconv.FormatInt(e.Index, 10))
	field(strconv.FormatInt(e.Time.UnixMicro(), 10))
	field(e.Actor)
	field(e.Action)
	field(e.Resource)
	field(e.Detail)
	field(string(reasonDigest))
	return b
}

// SaltSize is the length in bytes of a reason's salt.
const SaltSize = 16

// ReasonDigest commits to a reason under a random salt, so that an erased
// reason cannot be found again by trying likely ones. 32 bytes.
func ReasonDigest(salt []byte, reason string) []byte {
	h := hmac.New(sha256.New, salt)
	h.Write([]byte(reason))
	return h.Sum(nil)
}

// Head is the right edge of the log: the hashes of its complete subtrees,
// largest first. It is all that appending needs, at most 63 hashes.
type Head struct {
	Size int64
	Edge []tlog.Hash
}

// Append adds a leaf and returns the hashes that this adds to the tree: the
// leaf's own, and one for each subtree it completes.
func (h *Head) Append(leaf []byte) ([]tlog.Hash, error) {
	added, err := tlog.StoredHashes(h.Size, leaf, h)
	if err != nil {
		return nil, err
	}
	merged := len(added) - 1
	h.Edge = append(h.Edge[:len(h.Edge)-merged:len(h.Edge)-merged], added[merged])
	h.Size++
	return added, nil
}

// Root is the Merkle root of the log.
func (h *Head) Root() (tlog.Hash, error) { return tlog.TreeHash(h.Size, h) }

// ReadHashes gives tlog the hashes of the edge; appending needs no others.
func (h *Head) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	edge := h.indexes()
	if len(edge) != len(h.Edge) {
		return nil, fmt.Errorf("audit: a head of %d records has %d hashes, and not %d", h.Size, len(h.Edge), len(edge))
	}
	out := make([]tlog.Hash, len(indexes))
	for i, want := range indexes {
		found := false
		for j, have := range edge {
			if have == want {
				out[i], found = h.Edge[j], true
				break
			}
		}
		if !found {
			return nil, fmt.Errorf("audit: hash %d is not on the edge of %d records", want, h.Size)
		}
	}
	return out, nil
}

// indexes are the stored-hash indexes of the edge: one complete subtree for
// each 1 bit of the size, from the highest.
func (h *Head) indexes() []int64 {
	out := make([]int64, 0, 64)
	start := int64(0)
	for rest := uint64(h.Size); rest != 0; {
		level := bits.Len64(rest) - 1
		out = append(out, tlog.StoredHashIndex(level, start>>level))
		start += 1 << level
		rest &^= 1 << level
	}
	return out
}

// AppendHashes adds the bytes of hashes to b, in order.
func AppendHashes(b []byte, hashes []tlog.Hash) []byte {
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// ParseHashes is the inverse of AppendHashes on an empty b.
func ParseHashes(b []byte) ([]tlog.Hash, error) {
	if len(b)%tlog.HashSize != 0 {
		return nil, fmt.Errorf("audit: %d bytes are no whole number of hashes", len(b))
	}
	out := make([]tlog.Hash, len(b)/tlog.HashSize)
	for i := range out {
		copy(out[i][:], b[i*tlog.HashSize:])
	}
	return out, nil
}
