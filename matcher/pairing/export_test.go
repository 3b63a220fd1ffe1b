package pairing

// Lists are options with shortlists of so many pairs and stages of so many bits.
func Lists(list, bits int) Options { return Options{list: list, bits: bits} }

// Drifted is whether a result would be refused if a price had moved by so much.
func Drifted(r *Result, by int64) bool {
	r.run.flows[0].p[0] += by
	defer func() { r.run.flows[0].p[0] -= by }()
	return r.run.drifted()
}
