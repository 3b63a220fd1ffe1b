package ilp

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func (a wide) big() *big.Int {
	b := new(big.Int).Lsh(big.NewInt(a.hi), 64)
	return b.Add(b, new(big.Int).SetUint64(a.lo))
}

func TestWide(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	number := func() int64 {
		switch r.IntN(5) {
		case 0:
			return []int64{0, 1, -1, math.MaxInt64, math.MinInt64 + 1, 1 << 32, -1 << 32}[r.IntN(7)]
		default:
			return int64(r.Uint64()) >> r.IntN(63)
		}
	}
	for range 20000 {
		x, y, z := number(), number(), number()>>40
		a, b := product(x, y), product(y, z)
		want := new(big.Int).Mul(big.NewInt(x), big.NewInt(y))
		if a.big().Cmp(want) != 0 {
			t.Fatalf("%d × %d = %v, want %v", x, y, a.big(), want)
		}
		if got, want := a.neg().big(), new(big.Int).Neg(want); got.Cmp(want) != 0 {
			t.Fatalf("−(%d × %d) = %v, want %v", x, y, got, want)
		}
		if a.positive() != (want.Sign() > 0) {
			t.Fatalf("%d × %d positive: %v", x, y, a.positive())
		}
		half := wide{a.hi >> 1, a.lo>>1 | uint64(a.hi)<<63} // so that the sum fits
		sum := new(big.Int).Add(half.big(), b.big())
		if got := half.add(b).big(); got.Cmp(sum) != 0 {
			t.Fatalf("sum %v, want %v", got, sum)
		}
		if got, want := b.times(z).big(), new(big.Int).Mul(b.big(), big.NewInt(z)); got.Cmp(want) != 0 {
			t.Fatalf("%v × %d = %v, want %v", b.big(), z, got, want)
		}
	}
}
