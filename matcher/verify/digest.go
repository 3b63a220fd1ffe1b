package verify

import (
	"crypto/sha256"
	"encoding/hex"
)

// digestOf is a digest as files write it.
func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return text(sum)
}

func text(sum [sha256.Size]byte) string { return "sha256:" + hex.EncodeToString(sum[:]) }
