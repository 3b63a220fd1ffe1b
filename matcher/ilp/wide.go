package ilp

import "math/bits"

// wide is a signed integer of 128 bits.
type wide struct {
	hi int64
	lo uint64
}

func (a wide) add(b wide) wide {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(uint64(a.hi), uint64(b.hi), carry)
	return wide{int64(hi), lo}
}

func (a wide) neg() wide {
	lo, borrow := bits.Sub64(0, a.lo, 0)
	hi, _ := bits.Sub64(0, uint64(a.hi), borrow)
	return wide{int64(hi), lo}
}

// times is a·x; the caller knows that it fits.
func (a wide) times(x int64) wide {
	if x < 0 {
		// −x overflows for the least int64 only, whose bits are right unsigned.
		return a.times2(uint64(-x)).neg()
	}
	return a.times2(uint64(x))
}

// times2 is a·x modulo 2^128.
func (a wide) times2(x uint64) wide {
	hi, lo := bits.Mul64(a.lo, x)
	return wide{int64(hi + uint64(a.hi)*x), lo}
}

// product is x·y.
func product(x, y int64) wide {
	w := wide{lo: uint64(x)}
	if x < 0 {
		w.hi = -1
	}
	return w.times(y)
}

func (a wide) positive() bool { return a.hi > 0 || a.hi == 0 && a.lo > 0 }
