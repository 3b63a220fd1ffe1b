package pairing

import "context"

// Lists are options with shortlists of so many pairs and stages of so many bits.
func Lists(list, bits int) Options { return Options{list: list, bits: bits} }

// Drifted is whether a result would be refused if a price had moved by so much.
func Drifted(r *Result, by int64) bool {
	r.run.flows[0].p[0] += by
	defer func() { r.run.flows[0].p[0] -= by }()
	return r.run.drifted()
}

// Thresholds of worst: as coverage finds it, and as whole flows do.
func Thresholds(p *Problem) (covers, flows int, err error) {
	in, err := newInstance(context.Background(), p, func(int) {})
	if err != nil {
		return 0, 0, err
	}
	m := newMeter(context.Background(), Options{})
	covers, _ = in.search(before(p.Objective), m, stageBits, -1, true)
	flows, _ = in.search(before(p.Objective), m, stageBits, -1, false)
	return covers, flows, m.err
}
