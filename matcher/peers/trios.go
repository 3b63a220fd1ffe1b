package peers

import (
	"cmp"
	"slices"
)

// placing is who is with whom.
type placing struct {
	groups [][]int32 // the pair first, then the third
	thirds map[[2]int32]int32
	left   []int32
}

// join adds the thirds to their pairs.
func (p *placing) join() {
	for i, g := range p.groups {
		if third, ok := p.thirds[[2]int32{g[0], g[1]}]; ok {
			p.groups[i] = append(g, third)
		}
	}
}

// thirds finds a pair for everybody who has no partner: the longest-waiting
// first, each where the two scores with the pair are the highest among the pairs still
// free. Who finds none free makes room by moving others (Kuhn, 1955), so that
// nobody who could be placed with these pairs is left, the longest-waiting last.
func (r *round) thirds() *placing {
	p := &placing{thirds: map[[2]int32]int32{}}
	if r.stop() {
		p.left = r.waiting()
		return p
	}
	type place struct {
		pair  int32 // its smaller member
		score int16
	}
	places := map[int32][]place{}
	holder := make(map[int32]int32) // of a pair: its third
	row := make([]int16, len(r.p.IDs))
	var seen map[int32]bool
	var find func(v int32) bool
	find = func(v int32) bool {
		for _, at := range places[v] {
			if _, taken := holder[at.pair]; !taken {
				holder[at.pair] = v
				return true
			}
		}
		for _, at := range places[v] {
			if seen[at.pair] {
				continue
			}
			seen[at.pair] = true
			if find(holder[at.pair]) {
				holder[at.pair] = v
				return true
			}
		}
		return false
	}
	for _, v := range r.waiting() {
		if r.stop() {
			p.left = append(p.left, v)
			continue
		}
		r.p.Row(int(v), row)
		var list []place
		for _, a := range r.order {
			if b := r.g.mate[a]; b > a && row[a] >= 0 && row[b] >= 0 && a != v && b != v {
				list = append(list, place{a, row[a] + row[b]})
			}
		}
		slices.SortStableFunc(list, func(a, b place) int { return cmp.Compare(b.score, a.score) })
		places[v] = list
		seen = map[int32]bool{}
		if !find(v) {
			p.left = append(p.left, v)
		}
	}
	for pair, v := range holder {
		p.thirds[[2]int32{pair, r.g.mate[pair]}] = v
	}
	return p
}
