package scoring_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// The logarithm of whole numbers is that of package math, rounded; where that
// lies between two whole numbers either will do.
func TestLogarithm(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for k := range 100_000 {
		b := 1 + r.Uint64N(30_000)
		a := b + r.Uint64N(30_000)
		if k < 1000 {
			a, b = uint64(k+1), 1
		}
		want := 1000 * math.Log(float64(a)/float64(b))
		got := float64(scoring.LnThousandths(a, b))
		if math.Abs(got-want) > 0.5001 {
			t.Fatalf("ln(%d/%d): %v thousandths, want %v", a, b, got, want)
		}
	}
}

// Shares sum to the total, none is more than 1 from what is exact, and who has
// the larger remainder gets no less of it.
func TestShares(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for range 20_000 {
		weights := make([]int64, 1+r.IntN(9))
		var sum int64
		for k := range weights {
			weights[k] = r.Int64N(1 << (1 + r.IntN(44)))
			sum += weights[k]
		}
		total := r.Int64N(1_000_001)
		got := scoring.Shares(total, weights)
		if sum == 0 {
			continue
		}
		var all int64
		low, high := 1.0, 0.0 // remainders of those rounded up, of those rounded down
		for k, g := range got {
			all += g
			exact := float64(total) * float64(weights[k]) / float64(sum)
			rest := exact - math.Floor(exact)
			switch float64(g) - math.Floor(exact) {
			case 0:
				high = max(high, rest)
			case 1:
				low = min(low, rest)
			default:
				t.Fatalf("%d of %v: %v", total, weights, got)
			}
		}
		if all != total || low < high-1e-6 {
			t.Fatalf("%d of %v: %v", total, weights, got)
		}
	}
	if got := scoring.Shares(10, []int64{1, 1, 1}); !slices.Equal(got, []int64{4, 3, 3}) {
		t.Errorf("of equal remainders the first: %v", got)
	}
}
