package scoring

import "slices"

// AffinityLoad says how much is asked of the mentors who released what some
// mentee seeks, so that the few of them are not used up. It counts people of
// both kinds together and names no trait.
type AffinityLoad struct {
	// Suppressed: one of the two kinds has fewer mentors than may be told, and
	// everything else is 0.
	Suppressed bool
	Seeking    int // mentees who seek anything
	Sought     int // mentors who released something that one of them seeks
	SoughtHave int // mentees matched with these
	Others     int // all other mentors
	OthersHave int // mentees matched with those
}

// AffinityLoad counts over the pairs of a matching, by the indices of mentee and
// mentor. smallest is the fewest people who may be counted in public.
func (s *Scorer) AffinityLoad(pairs [][2]int, smallest int) AffinityLoad {
	var l AffinityLoad
	sought := map[string]bool{}
	for _, keys := range s.seekKeys {
		if len(keys) > 0 {
			l.Seeking++
		}
		for _, k := range keys {
			sought[k] = true
		}
	}
	is := make([]bool, len(s.mentors))
	for i, keys := range s.traitKeys {
		if is[i] = slices.ContainsFunc(keys, func(k string) bool { return sought[k] }); is[i] {
			l.Sought++
		} else {
			l.Others++
		}
	}
	for _, p := range pairs {
		if is[p[1]] {
			l.SoughtHave++
		} else {
			l.OthersHave++
		}
	}
	if l.Seeking < smallest || l.Sought < smallest || l.Others < smallest {
		return AffinityLoad{Suppressed: true}
	}
	return l
}
