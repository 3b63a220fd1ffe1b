package peers

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/openfairlead/fairlead/matcher"
)

// Points say what a pair scores for one attribute.
type Points struct {
	Attribute string
	// Points for each value that the two share; with Unlike, once, if both have
	// values and share none.
	Points int
	Unlike bool
}

// Rules are what decides who may be introduced to whom, and how good it is.
type Rules struct {
	// Different are attributes of which two must not share a value.
	Different []string
	Points    []Points
	// Spread are attributes whose values circles hold in equal parts.
	Spread []string
}

// Met are two people who were introduced to each other.
type Met [2]string

// Profiles are the people of a network as they fill a Problem. Numbers of people
// are places in IDs.
type Profiles struct {
	IDs    []string // ascending
	rules  Rules
	like   []holders // by place in rules.Points
	differ []holders // by place in rules.Different
	spread []holders // by place in rules.Spread
	met    [][]int32 // ascending
	spare  sync.Pool

	// Many people are alike in the attributes with few values. What these give is
	// computed once for all who are alike.
	alike []int     // of a person: the number of those like them
	begin [][]int16 // by that number: what Row begins with
	rest  []int     // places in rules.Points that are not in begin
}

// holders say who has which values of an attribute.
type holders struct {
	values  [][]int32 // of a person
	who     [][]int32 // of a value
	answers []int32   // who has any
}

// NewProfiles reads people; those in met who are none of them are ignored.
func NewProfiles(people []matcher.Person, met []Met, rules Rules) (*Profiles, error) {
	people = slices.Clone(people)
	slices.SortFunc(people, func(a, b matcher.Person) int { return cmp.Compare(a.ID, b.ID) })
	p := &Profiles{rules: rules, met: make([][]int32, len(people))}
	at := make(map[string]int32, len(people))
	for i, one := range people {
		if i > 0 && people[i-1].ID == one.ID {
			return nil, &InputError{"people", fmt.Sprintf("%q is there twice", one.ID)}
		}
		p.IDs = append(p.IDs, one.ID)
		at[one.ID] = int32(i)
	}
	most := 0
	for i, x := range rules.Points {
		if x.Points < 0 || x.Points > MaxScore {
			return nil, &InputError{"points", fmt.Sprintf("%d for %q: they have to be from 0 to %d", x.Points, x.Attribute, MaxScore)}
		}
		if slices.ContainsFunc(rules.Points[:i], func(y Points) bool { return y.Attribute == x.Attribute && y.Unlike == x.Unlike }) {
			return nil, &InputError{"points", fmt.Sprintf("%q is there twice", x.Attribute)}
		}
		h := holdersOf(people, x.Attribute)
		p.like = append(p.like, h)
		if x.Unlike {
			most += x.Points
			continue
		}
		most += x.Points * h.mostShared()
	}
	if most > MaxScore {
		return nil, &InputError{"points", fmt.Sprintf("two people could score up to %d, and %d is the most there may be: give fewer points", most, MaxScore)}
	}
	for _, attribute := range rules.Different {
		p.differ = append(p.differ, holdersOf(people, attribute))
	}
	for _, attribute := range rules.Spread {
		p.spread = append(p.spread, holdersOf(people, attribute))
	}
	for _, m := range met {
		a, okA := at[m[0]]
		b, okB := at[m[1]]
		if okA && okB && a != b {
			p.met[a], p.met[b] = append(p.met[a], b), append(p.met[b], a)
		}
	}
	for a := range p.met {
		slices.Sort(p.met[a])
		p.met[a] = slices.Compact(p.met[a])
	}
	p.prepare()
	return p, nil
}

// mostBegun is how many scores are kept at most for people who are alike.
const mostBegun = 4 << 20

// prepare fills alike and begin by as many attributes as there is room for, those
// with the fewest values first.
func (p *Profiles) prepare() {
	n := len(p.IDs)
	p.alike = make([]int, n)
	groups := 1
	order := make([]int, len(p.like))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(len(p.like[i].who), len(p.like[j].who)) })
	var in []int
	for _, i := range order {
		number := map[string]int{}
		next := make([]int, n)
		for a := range n {
			key := fmt.Sprint(p.alike[a], slices.Sorted(slices.Values(p.like[i].values[a])))
			at, ok := number[key]
			if !ok {
				at = len(number)
				number[key] = at
			}
			next[a] = at
		}
		if len(number) > groups && len(number)*n > mostBegun {
			p.rest = append(p.rest, i)
			continue
		}
		p.alike, groups = next, len(number)
		in = append(in, i)
	}
	p.begin = make([][]int16, groups)
	for a, at := range p.alike {
		if p.begin[at] == nil {
			p.begin[at] = make([]int16, n)
			for _, i := range in {
				p.score(i, a, p.begin[at])
			}
		}
	}
}

func holdersOf(people []matcher.Person, attribute string) holders {
	h := holders{values: make([][]int32, len(people))}
	number := map[string]int32{}
	for i, one := range people {
		for _, v := range one.Values[attribute] {
			at, ok := number[v]
			if !ok {
				at = int32(len(h.who))
				number[v] = at
				h.who = append(h.who, nil)
			}
			if !slices.Contains(h.values[i], at) {
				h.values[i] = append(h.values[i], at)
				h.who[at] = append(h.who[at], int32(i))
			}
		}
		if len(h.values[i]) > 0 {
			h.answers = append(h.answers, int32(i))
		}
	}
	return h
}

// mostShared is a number of values that no two people share more of: the second
// largest that somebody has.
func (h *holders) mostShared() int {
	first, second := 0, 0
	for _, v := range h.values {
		k := len(v)
		first, second = max(first, k), max(second, min(first, k))
	}
	return second
}

// Row is that of a Problem.
func (p *Profiles) Row(a int, into []int16) {
	copy(into, p.begin[p.alike[a]])
	for _, i := range p.rest {
		p.score(i, a, into)
	}
	for i := range p.differ {
		h := &p.differ[i]
		for _, v := range h.values[a] {
			for _, b := range h.who[v] {
				into[b] = -1
			}
		}
	}
	for _, b := range p.met[a] {
		into[b] = -1
	}
	into[a] = -1
}

// score adds what an attribute gives.
func (p *Profiles) score(i, a int, into []int16) {
	h, points := &p.like[i], int16(p.rules.Points[i].Points)
	if p.rules.Points[i].Unlike {
		p.unlike(h, a, points, into)
		return
	}
	for _, v := range h.values[a] {
		for _, b := range h.who[v] {
			into[b] += points
		}
	}
}

func (p *Profiles) unlike(h *holders, a int, points int16, into []int16) {
	if len(h.values[a]) == 0 {
		return
	}
	spare, _ := p.spare.Get().(*[]bool)
	if spare == nil {
		s := make([]bool, len(p.IDs))
		spare = &s
	}
	shares := *spare
	for _, v := range h.values[a] {
		for _, b := range h.who[v] {
			shares[b] = true
		}
	}
	for _, b := range h.answers {
		if !shares[b] {
			into[b] += points
		}
		shares[b] = false
	}
	p.spare.Put(spare)
}

// Excluded is how many people someone must not be introduced to, by reason: those
// met before, and those whom a rule excludes beyond these, by attribute in the
// order of Rules.Different.
type Excluded struct {
	Met  int
	Rule []int
}

// Excluded counts whom a must not be introduced to.
func (p *Profiles) Excluded(a int) Excluded {
	x := Excluded{Met: len(p.met[a])}
	seen := make([]bool, len(p.IDs))
	seen[a] = true
	for _, b := range p.met[a] {
		seen[b] = true
	}
	for i := range p.differ {
		x.Rule = append(x.Rule, 0)
		for _, v := range p.differ[i].values[a] {
			for _, b := range p.differ[i].who[v] {
				if !seen[b] {
					seen[b] = true
					x.Rule[i]++
				}
			}
		}
	}
	return x
}
