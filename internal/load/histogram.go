package load

import (
	"math/bits"
	"time"
)

// subBits is how finely a Histogram tells times apart: 2^subBits buckets for
// each power of two, so that a quantile is at most 0.8 % too high.
const subBits = 7

// Histogram counts durations from 1 µs to an hour in fixed memory. The zero
// value is empty. It is not safe for concurrent use.
type Histogram struct {
	counts [(33 - subBits) << subBits]uint32
	n      int
	max    time.Duration
	sum    time.Duration
}

// bucket is the place of a time in µs: exact below 2^subBits, then its highest
// subBits+1 bits.
func bucket(us uint64) int {
	if us < 1<<subBits {
		return int(us)
	}
	shift := bits.Len64(us) - subBits - 1
	return shift<<subBits + int(us>>shift)
}

// upper is the largest time that a bucket counts.
func upper(b int) time.Duration {
	if b < 1<<subBits {
		return time.Duration(b) * time.Microsecond
	}
	shift := b>>subBits - 1
	return time.Duration((uint64(b-shift<<subBits)+1)<<shift-1) * time.Microsecond
}

// Add counts one duration. A negative one counts as 0, one beyond an hour as an
// hour, but for Max.
func (h *Histogram) Add(d time.Duration) {
	us := uint64(max(0, min(d, time.Hour)).Microseconds())
	h.counts[bucket(us)]++
	h.n++
	h.sum += d
	h.max = max(h.max, d)
}

// Merge adds everything that other counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, c := range other.counts {
		h.counts[i] += c
	}
	h.n += other.n
	h.sum += other.sum
	h.max = max(h.max, other.max)
}

// Count is how many were added.
func (h *Histogram) Count() int { return h.n }

// Max is the longest, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean is the average; 0 of nothing.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return h.sum / time.Duration(h.n)
}

// Quantile is the smallest duration that at least q of all (0 to 1) do not
// exceed, at most 0.8 % too high; 0 of nothing.
func (h *Histogram) Quantile(q float64) time.Duration {
	want, seen := int(q*float64(h.n)), 0
	if float64(want) < q*float64(h.n) || want == 0 {
		want++
	}
	for b, c := range h.counts {
		if seen += int(c); seen >= want && c > 0 {
			return min(upper(b), h.max)
		}
	}
	return h.max
}
