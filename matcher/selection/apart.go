package selection

import (
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// apart adds the rows for people of whom at most one may be in. A file of pairs
// says of a whole family that they are apart by naming each two of them. One row
// for all of them says the same to integers, and far more to the linear program,
// which is content with half of each person of a pair.
func (b *builder) apart(links []matcher.Link) {
	var pairs [][2]int32
	for _, l := range links {
		if l.Kind != matcher.Apart {
			continue
		}
		switch members := b.peopleOf(l.IDs); len(members) {
		case 0, 1:
		case 2:
			pairs = append(pairs, [2]int32{members[0], members[1]})
		default:
			b.count(hard, 1, members, 0, 1)
		}
	}
	for _, family := range families(pairs) {
		b.count(hard, 1, family, 0, 1)
	}
}

// families covers pairs, each with the smaller one first, by sets in which each
// two are one of the pairs.
func families(pairs [][2]int32) [][]int32 {
	slices.SortFunc(pairs, func(a, b [2]int32) int { return slices.Compare(a[:], b[:]) })
	pairs = slices.Compact(pairs)
	others := map[int32][]int32{} // whom a person is paired with, ascending
	for _, p := range pairs {
		others[p[1]] = append(others[p[1]], p[0])
	}
	for _, p := range pairs {
		others[p[0]] = append(others[p[0]], p[1])
	}
	covered := make(map[[2]int32]bool, len(pairs))
	var all [][]int32
	for _, p := range pairs {
		if covered[p] {
			continue
		}
		family := []int32{p[0], p[1]}
		for may := common(others[p[0]], others[p[1]]); len(may) > 0; may = common(may, others[may[0]]) {
			family = append(family, may[0])
		}
		slices.Sort(family)
		for i, x := range family {
			for _, y := range family[i+1:] {
				covered[[2]int32{x, y}] = true
			}
		}
		all = append(all, family)
	}
	return all
}

// common is what two ascending lists have in common.
func common(a, b []int32) []int32 {
	var both []int32
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			both = append(both, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return both
}
