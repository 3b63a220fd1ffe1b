package scoring

import (
	"math/bits"
	"slices"
)

// one is 1 in the fixed point of feature values: billionths.
const one = 1_000_000_000

// whole is what the shares of one mentee's topics or words sum to. A share
// times thousandths is billionths.
const whole = one / 1000

// ln2 is the natural logarithm of 2, in 2^-32.
const ln2 = 2977044472

// lnThousandths is 1000 · ln(a/b), rounded to the nearest whole number, for a ≥
// b ≥ 1, both below 2^31. It is made of whole numbers because the last digits
// of a floating logarithm differ between processors.
func lnThousandths(a, b uint64) int64 {
	// a/b = 2^exponent · y with y in [1, 2); y in 2^-31.
	exponent := bits.Len64(a/b) - 1
	y := (a << 31) / b >> exponent
	// The binary digits of log2(y): square, and halve when it is 2 or more.
	log := uint64(exponent) << 32
	for bit := uint64(1) << 31; bit > 1<<6; bit >>= 1 {
		y = y * y >> 31
		if y >= 1<<32 {
			y >>= 1
			log |= bit
		}
	}
	hi, lo := bits.Mul64(log, ln2*1000) // in 2^-64
	return int64(hi + lo>>63)
}

// shares splits total among parts by their weights, in whole numbers that sum
// to it: each gets its part rounded down, and those with the largest remainders
// one more; of equal remainders the first.
func shares(total int64, weights []int64) []int64 {
	var sum int64
	for _, w := range weights {
		sum += w
	}
	out := make([]int64, len(weights))
	if sum == 0 {
		return out
	}
	left := total
	remainder := make([]uint64, len(weights))
	order := make([]int, len(weights))
	for k, w := range weights {
		hi, lo := bits.Mul64(uint64(total), uint64(w))
		q, r := bits.Div64(hi, lo, uint64(sum)) // w ≤ sum, so q ≤ total
		out[k], remainder[k], order[k] = int64(q), r, k
		left -= int64(q)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case remainder[a] > remainder[b]:
			return -1
		case remainder[a] < remainder[b]:
			return 1
		}
		return 0
	})
	for _, k := range order[:left] {
		out[k]++
	}
	return out
}
