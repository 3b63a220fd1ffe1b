package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestHistogram compares quantiles with those of the sorted list.
func TestHistogram(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 50 {
		var whole, part Histogram
		var all []time.Duration
		for range 1 + r.IntN(3000) {
			// From microseconds to a minute, each power of ten as likely.
			d := time.Duration(r.IntN(10)+1) * time.Microsecond
			for range r.IntN(7) {
				d *= time.Duration(r.IntN(10) + 1)
			}
			all = append(all, d)
			if r.IntN(2) == 0 {
				whole.Add(d)
			} else {
				part.Add(d)
			}
		}
		whole.Merge(&part)
		slices.Sort(all)
		if whole.Count() != len(all) || whole.Max() != all[len(all)-1] {
			t.Fatalf("seed %d, round %d: %d up to %v, want %d up to %v", seed, round, whole.Count(), whole.Max(), len(all), all[len(all)-1])
		}
		for _, q := range []float64{0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
			i := int(q * float64(len(all)))
			if float64(i) < q*float64(len(all)) {
				i++
			}
			want := all[max(0, i-1)]
			got := whole.Quantile(q)
			if got < want || float64(got) > 1.008*float64(want)+1000 {
				t.Fatalf("seed %d, round %d: quantile %v of %d is %v, want %v", seed, round, q, len(all), got, want)
			}
		}
	}
}

func TestHistogramBounds(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 || h.Mean() != 0 {
		t.Error("an empty one is not 0")
	}
	h.Add(-time.Second)
	h.Add(3 * time.Hour)
	if h.Quantile(0.5) != 0 || h.Max() != 3*time.Hour || h.Count() != 2 {
		t.Errorf("got %v and %v", h.Quantile(0.5), h.Max())
	}
	for us := range uint64(1 << 16) {
		b, d := bucket(us), time.Duration(us)*time.Microsecond
		if upper(b) < d || b > 0 && upper(b-1) >= d {
			t.Fatalf("%d µs is in bucket %d, from %v to %v", us, b, upper(b-1), upper(b))
		}
	}
	if b := bucket(uint64(time.Hour.Microseconds())); b >= len(h.counts) {
		t.Errorf("an hour is in bucket %d of %d", b, len(h.counts))
	}
}
