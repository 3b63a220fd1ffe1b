package pairing

// Lists are options with shortlists of so many pairs and stages of so many bits.
func Lists(list, bits int) Options { return Options{list: list, bits: bits} }
