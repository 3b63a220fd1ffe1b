package mentoring

import (
	"maps"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// groupValue is one value of a cell that people are grouped by: key is the same
// however it is spelled, name is what people read.
type groupValue struct{ key, name string }

// groupValues reads a cell as groups: places and languages as the scores read
// them, whatever they are called, and any other value without regard to case.
func groupValues(column, cell string) []groupValue {
	var all []groupValue
	for part := range strings.SplitSeq(cell, ";") {
		if v := groupValueOf(column, part); v.key != "" && !slices.ContainsFunc(all, func(o groupValue) bool { return o.key == v.key }) {
			all = append(all, v)
		}
	}
	return all
}

func groupValueOf(column, value string) groupValue {
	value = strings.Join(strings.Fields(value), " ")
	if value == "" {
		return groupValue{}
	}
	switch column {
	case "places":
		if id, ok := shippedTravel().Find(value); ok {
			return groupValue{id, shippedTravel().Label(id, "en")}
		}
	case "languages", "preferred_language":
		code := scoring.LanguageCode(value)
		return groupValue{code, scoring.LanguageName(code)}
	}
	return groupValue{strings.ToLower(value), value}
}

// groupsBy lists the groups of everybody by one column. A group has the first
// of its spellings, in the order of the alphabet.
func groupsBy(column string, people []frozenPerson) [][]string {
	names := map[string]string{}
	values := make([][]groupValue, len(people))
	for j, e := range people {
		values[j] = groupValues(column, e.Profile[column])
		for _, v := range values[j] {
			if name, ok := names[v.key]; !ok || v.name < name {
				names[v.key] = v.name
			}
		}
	}
	all := make([][]string, len(people))
	for j, list := range values {
		for _, v := range list {
			all[j] = append(all[j], names[v.key])
		}
		slices.Sort(all[j])
	}
	return all
}

// floorGroups are the groups that a plan's floors are about, while a pool is
// frozen.
type floorGroups struct {
	column string
	names  map[string]string // by key
	rest   map[string]int    // by key: mentees who are still to have a mentor
	held   map[string]bool   // by key: some mentee has this value
}

func newFloorGroups(f *Floors) *floorGroups {
	g := &floorGroups{names: map[string]string{}, rest: map[string]int{}, held: map[string]bool{}}
	if f == nil || !staffRead(f.Attribute) {
		return g
	}
	g.column = f.Attribute
	for _, value := range slices.Sorted(maps.Keys(f.Min)) {
		v := groupValueOf(g.column, value)
		if _, twice := g.names[v.key]; !twice {
			g.names[v.key] = v.name
		}
		g.rest[v.key] = max(g.rest[v.key], f.Min[value]) // twice: in plans of earlier versions
	}
	return g
}

// of is the key of the group of a mentee, "" for none: of several values the
// first that has a floor, as groups with floors share nobody.
func (g *floorGroups) of(e *Enrollment) string {
	if len(g.names) == 0 {
		return ""
	}
	for _, v := range groupValues(g.column, e.Profile[g.column]) {
		if _, asked := g.names[v.key]; asked {
			return v.key
		}
	}
	return ""
}

// see counts a mentee who is available or paused: who has a mentor, or is
// proposed one, counts towards the floor already.
func (g *floorGroups) see(e *Enrollment, served bool) {
	key := g.of(e)
	if key == "" {
		return
	}
	g.held[key] = true
	if served {
		g.rest[key]--
	}
}

// left are the floors that are still to be reached, by name.
func (g *floorGroups) left() map[string]int {
	left := map[string]int{}
	for key, n := range g.rest {
		if n > 0 {
			left[g.names[key]] = n
		}
	}
	return left
}

// unheld is how many floors are about a value that nobody has.
func (g *floorGroups) unheld() (n int) {
	for key := range g.names {
		if !g.held[key] && g.rest[key] > 0 {
			n++
		}
	}
	return n
}
