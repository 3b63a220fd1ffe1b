package selection_test

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// strict makes most rules of a random instance ones that must hold, with limits
// on how far they may be relaxed, and adds locks. In most instances no rule is
// impossible by itself.
func strict(rng *rand.Rand, people []matcher.Person, c matcher.Criteria) matcher.Criteria {
	for range rng.IntN(4) {
		id := people[rng.IntN(len(people))].ID
		switch in, out := slices.Contains(c.Include, id), slices.Contains(c.Exclude, id); {
		case in || out:
		case rng.IntN(2) == 0 && len(c.Include) < c.Size:
			c.Include = append(c.Include, id)
		default:
			c.Exclude = append(c.Exclude, id)
		}
	}
	trivial := rng.IntN(5) == 0
	excluded := maskOf(people, c.Exclude)
	for i := range c.Rules {
		r := &c.Rules[i]
		if rng.IntN(4) > 0 {
			r.Priority, r.Weight = matcher.Must, 1
		}
		if masks := ruleMasks(people, *r); !trivial && r.Kind == matcher.Quota {
			r.Min = min(r.Min, c.Size, bits.OnesCount32(masks[0]&^excluded))
		} else if !trivial && r.Kind == matcher.Spread {
			r.Min = min(r.Min, len(masks))
		}
		r.Fixed = rng.IntN(8) == 0
		r.MinFlex = []int{0, 0, 0, 0, 1, 2, r.Min + 1}[rng.IntN(7)]
		r.MaxFlex = []int{c.Size, c.Size, c.Size, c.Size, r.Max + 1, 0}[rng.IntN(6)]
	}
	return c
}

// small are the cohorts of a small pool, and what they do to each condition.
// The excluded are people here like others.
type small struct {
	people   []matcher.Person
	c        matcher.Criteria
	excluded uint32
}

func newSmall(people []matcher.Person, c matcher.Criteria) *small {
	return &small{people: people, c: c, excluded: maskOf(people, c.Exclude)}
}

func maskOf(people []matcher.Person, ids []string) (m uint32) {
	for i, p := range people {
		if slices.Contains(ids, p.ID) {
			m |= 1 << i
		}
	}
	return m
}

// off is by how much a cohort misses one side of a rule whose bound is bound:
// how far the bound has to move, or −1 if no move within a value helps (a lower
// floor may be carried by more values, so it is asked for each bound anew).
func (s *small) keeps(rule int, side string, bound int, cohort uint32) bool {
	r := s.c.Rules[rule]
	var masks []uint32
	if r.Kind == matcher.Quota {
		masks = ruleMasks(s.people, r)
	} else {
		masks = valueMasks(s.people, r.Property.Terms[0])
	}
	switch {
	case side == matcher.BoundMin && r.Kind == matcher.Quota:
		return bits.OnesCount32(cohort&masks[0]) >= bound
	case side == matcher.BoundMin && r.Kind == matcher.Company:
		for _, m := range masks {
			relief := r.Relief * bits.OnesCount32(cohort&aloneMask(s.people, r))
			if bits.OnesCount32(m&^s.excluded) >= bound && bits.OnesCount32(cohort&m)+relief < bound {
				return false
			}
		}
		return true
	case side == matcher.BoundMin && r.Kind == matcher.Spread:
		n := 0
		for _, m := range masks {
			if cohort&m != 0 {
				n++
			}
		}
		return n >= bound
	case side == matcher.BoundMax && r.Kind == matcher.Quota, side == matcher.BoundMax && r.Kind == matcher.Cap:
		for _, m := range masks {
			if bits.OnesCount32(cohort&m) > bound {
				return false
			}
		}
		return true
	}
	return true
}

// words says whether a cohort keeps a condition that is no rule.
func (s *small) words(t *testing.T, words string, cohort uint32) bool {
	if word, id, ok := (matcher.Condition{Bound: words}).Lock(); ok {
		return cohort&maskOf(s.people, []string{id}) != 0 == (word == matcher.LockInclude)
	}
	var n, of int
	if _, err := fmt.Sscanf(words, "exclude %d of %d people", &n, &of); err == nil {
		return cohort&s.excluded == 0
	}
	var attribute string
	size := bits.OnesCount32(cohort)
	if _, err := fmt.Sscanf(words, "size at most %d", &n); err == nil {
		return size <= n
	}
	if _, err := fmt.Sscanf(words, "size at least %d", &n); err == nil {
		return size >= n
	}
	if _, err := fmt.Sscanf(words, "at most %d per %s", &n, &attribute); err == nil {
		for _, m := range valueMasks(s.people, matcher.Term{Attribute: attribute, Wildcard: true}) {
			if bits.OnesCount32(cohort&m) > n {
				return false
			}
		}
		return true
	}
	for _, kind := range []string{"apart ", "together ", "at least one of "} {
		if rest, ok := strings.CutPrefix(words, kind); ok {
			ids := strings.Split(rest, ", ")
			in := bits.OnesCount32(cohort & maskOf(s.people, ids))
			switch kind {
			case "apart ":
				return in <= 1
			case "together ":
				return in == 0 || in == len(ids)
			}
			return in > 0
		}
	}
	t.Fatalf("a condition in unknown words: %q", words)
	return false
}

// allowed are the cohorts that keep all conditions that are no rules.
func (s *small) allowed() []uint32 {
	c := s.c
	include := maskOf(s.people, c.Include)
	var links []uint32
	for _, l := range c.Links {
		links = append(links, maskOf(s.people, l.IDs))
	}
	var caps [][]uint32
	for _, k := range c.Caps {
		caps = append(caps, valueMasks(s.people, matcher.Term{Attribute: k.Attribute, Wildcard: true}))
	}
	var all []uint32
next:
	for x := range uint32(1) << len(s.people) {
		if n := bits.OnesCount32(x); n < c.MinSize || n > c.Size || x&include != include || x&s.excluded != 0 {
			continue
		}
		for i, l := range c.Links {
			in := bits.OnesCount32(x & links[i])
			if l.Kind == matcher.Apart && in > 1 || l.Kind == matcher.Together && in != 0 && in != len(l.IDs) || l.Kind == matcher.AtLeastOne && in == 0 {
				continue next
			}
		}
		for i, k := range c.Caps {
			for _, m := range caps[i] {
				if bits.OnesCount32(x&m) > k.Max {
					continue next
				}
			}
		}
		all = append(all, x)
	}
	return all
}

// bound is a side of a rule that must hold, and how far it may go.
type bound struct {
	rule     int
	side     string
	from, to int
}

func (s *small) bounds() []bound {
	var all []bound
	for i, r := range s.c.Rules {
		if r.Priority != matcher.Must {
			continue
		}
		b := bound{i, matcher.BoundMin, r.Min, min(r.Min, r.MinFlex)}
		if b.to > r.Min || r.Fixed || r.MinFlex > r.Min || r.Kind == matcher.Cap {
			b.to = b.from
		}
		all = append(all, b)
		b = bound{i, matcher.BoundMax, r.Max, max(r.Max, r.MaxFlex)}
		if r.Fixed || r.Kind == matcher.Company || r.Kind == matcher.Spread {
			b.to = b.from
		}
		all = append(all, b)
	}
	return all
}

// need is how far a bound has to move for a cohort; −1: no move that is allowed
// is enough.
func (s *small) need(b bound, cohort uint32) int {
	step := 1
	if b.to < b.from {
		step = -1
	}
	for at, n := b.from, 0; ; at, n = at+step, n+1 {
		if s.keeps(b.rule, b.side, at, cohort) {
			return n
		}
		if at == b.to {
			return -1
		}
	}
}

func (s *small) change(b bound, n int) matcher.Change {
	to := b.from + n
	if b.side == matcher.BoundMin {
		to = b.from - n
	}
	return matcher.Change{Row: s.c.Rules[b.rule].Row, Bound: b.side, From: b.from, To: to}
}

// relaxations are, by trying everything, the single ones that are enough and
// the cheapest ones of all.
func (s *small) relaxations(allowed []uint32) (singles, cheapest map[string]int64) {
	bounds := s.bounds()
	alone := make([]int, len(bounds))
	cheapest = map[string]int64{}
	least := -1
	for _, x := range allowed {
		cost, off, last := 0, 0, 0
		var changes []matcher.Change
		for i, b := range bounds {
			n := s.need(b, x)
			if n < 0 {
				off, cost = -1, -1
				break
			}
			if n > 0 {
				cost, off, last = cost+n, off+1, i
				changes = append(changes, s.change(b, n))
			}
		}
		if cost <= 0 {
			continue
		}
		if off == 1 && (alone[last] == 0 || cost < alone[last]) {
			alone[last] = cost
		}
		if least < 0 || cost < least {
			least = cost
			clear(cheapest)
		}
		if cost == least {
			cheapest[fmt.Sprint(changes)] = int64(cost)
		}
	}
	singles = map[string]int64{}
	for i, n := range alone {
		if n > 0 {
			singles[fmt.Sprint([]matcher.Change{s.change(bounds[i], n)})] = int64(n)
		}
	}
	return singles, cheapest
}

// possible is whether any cohort keeps everything.
func (s *small) possible() bool {
	bounds := s.bounds()
	return slices.ContainsFunc(s.allowed(), func(x uint32) bool {
		return !slices.ContainsFunc(bounds, func(b bound) bool { return !s.keeps(b.rule, b.side, b.from, x) })
	})
}

// unlocks are the locks that are enough to take back.
func (s *small) unlocks() map[string]int64 {
	found := map[string]int64{}
	try := func(word string, list []string, set func(*matcher.Criteria, []string)) {
		for i, id := range list {
			c := s.c
			set(&c, slices.Delete(slices.Clone(list), i, i+1))
			if newSmall(s.people, c).possible() {
				found[fmt.Sprint([]matcher.Change{{Bound: word + " " + id, From: 1}})] = 1
			}
		}
	}
	try(matcher.LockInclude, s.c.Include, func(c *matcher.Criteria, l []string) { c.Include = l })
	try(matcher.LockExclude, s.c.Exclude, func(c *matcher.Criteria, l []string) { c.Exclude = l })
	return found
}

// A conflict cannot hold, and without any one of its members the others can;
// the ways out are all there are, and the cheapest.
func TestImpossibleAgainstBruteForce(t *testing.T) {
	instances, seed := 250, uint64(41)
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		instances = 5000
	}
	var infeasible, clashes, members, singles, combined, unlocks, none, cut, locked int
	for i := range instances {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := randomInstance(rng)
		if len(people) > 11 && os.Getenv("FAIRLEAD_SOAK") == "" {
			continue
		}
		c = strict(rng, people, c)
		o := mustSelect(t, people, c, "s", selection.Options{})
		if o.Status != matcher.Infeasible {
			continue
		}
		infeasible++
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("instance %d of seed %d: %s\npeople %+v\ncriteria %+v\ninfeasibility %+v", i, seed, fmt.Sprintf(format, args...), people, c, o.Infeasibility)
		}
		inf, s := o.Infeasibility, newSmall(people, c)
		if len(inf.Conflict) == 0 || slices.Contains(inf.Cut, matcher.CutConflict) {
			fail("no conflict, or one that is cut off")
		}
		members += len(inf.Conflict)
		// By member: whether some cohort breaks nothing else.
		necessary := make([]bool, len(inf.Conflict))
		for x := range uint32(1) << len(people) {
			broken := []int{}
			for k, m := range inf.Conflict {
				holds := true
				if m.Row == 0 {
					holds = s.words(t, m.Bound, x)
				} else {
					r := slices.IndexFunc(c.Rules, func(r matcher.Rule) bool { return r.Row == m.Row })
					b := c.Rules[r].Min
					if m.Bound == matcher.BoundMax {
						b = c.Rules[r].Max
					}
					holds = s.keeps(r, m.Bound, b, x)
				}
				if !holds {
					if broken = append(broken, k); len(broken) > 1 {
						break
					}
				}
			}
			switch len(broken) {
			case 0:
				fail("the conflict can hold")
			case 1:
				necessary[broken[0]] = true
			}
		}
		if k := slices.Index(necessary, false); k >= 0 {
			fail("the conflict cannot hold without %v either", inf.Conflict[k])
		}
		want := s.unlocks()
		if slices.ContainsFunc(inf.Conflict, func(m matcher.Condition) bool { _, _, ok := m.Lock(); return ok }) {
			locked++
		}
		unlocks += len(want)
		allowed := s.allowed()
		if len(allowed) == 0 {
			clashes++
			if len(inf.Clash) == 0 {
				fail("no clash is named")
			}
		} else if len(inf.Clash) > 0 {
			fail("a clash is named, but there is none")
		}
		alone, cheapest := s.relaxations(allowed)
		singles += len(alone)
		for text, cost := range alone {
			want[text] = cost
		}
		if len(cheapest) > selection.MostCombined {
			cut++
			if !slices.Contains(inf.Cut, matcher.CutRelaxations) {
				fail("%d relaxations of least cost, and not cut off", len(cheapest))
			}
			for _, x := range inf.Relaxations {
				text := fmt.Sprint(x.Changes)
				if cost := want[text] + cheapest[text]; cost == 0 {
					fail("a relaxation that is not enough, or costs too much: %s", text)
				}
			}
			continue
		}
		for text, cost := range cheapest {
			if _, single := want[text]; !single {
				combined++
			}
			want[text] = cost
		}
		if len(want) == 0 {
			none++
		}
		got := map[string]int64{}
		for k, x := range inf.Relaxations {
			got[fmt.Sprint(x.Changes)] = x.Cost
			if k > 0 && x.Cost < inf.Relaxations[k-1].Cost {
				fail("relaxations out of order")
			}
		}
		if len(got) != len(inf.Relaxations) || len(inf.Cut) > 0 {
			fail("a relaxation twice, or cut off")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			fail("relaxations: %s", diff)
		}
		// The record carries them through.
		sealed := record(people, c, "s", o)
		back, err := matcher.ParseRecord(sealed)
		if err != nil {
			fail("the record is refused: %v", err)
		}
		if diff := cmp.Diff(inf.Conflict, back.Infeasibility.Conflict) + cmp.Diff(inf.Relaxations, back.Infeasibility.Relaxations) + cmp.Diff(inf.Clash, back.Infeasibility.Clash); diff != "" {
			fail("the record says something else: %s", diff)
		}
		// A check and its details say the same.
		v, err := selection.Check(context.Background(), people, c, selection.Options{})
		if err != nil {
			fail("%v", err)
		}
		d, err := selection.Examine(context.Background(), people, c, v, selection.Options{})
		if err != nil {
			fail("%v", err)
		}
		if diff := cmp.Diff(inf.Conflict, d.Infeasibility.Conflict) + cmp.Diff(inf.Relaxations, d.Infeasibility.Relaxations) + cmp.Diff(inf.Clash, v.Infeasibility.Clash); diff != "" {
			fail("the details say something else: %s", diff)
		}
		// The order of what is given changes nothing.
		again, d2 := shuffled(rng, people, c)
		rng.Shuffle(len(d2.Rules), func(i, k int) { d2.Rules[i], d2.Rules[k] = d2.Rules[k], d2.Rules[i] })
		other := mustSelect(t, again, d2, "s", selection.Options{}).Infeasibility
		if diff := cmp.Diff(inf.Conflict, other.Conflict) + cmp.Diff(inf.Relaxations, other.Relaxations); diff != "" {
			fail("in another order: %s", diff)
		}
	}
	t.Logf("figure: %d impossible instances of seed %d (%d by conditions that are no rules): conflicts of %.1f members, %d with a lock; %d single relaxations, %d combined ones of least cost, %d unlocks, %d without a way out, %d cut off: all as by trying everything",
		infeasible, seed, clashes, float64(members)/float64(max(1, infeasible)), locked, singles, combined, unlocks, none, cut)
	for what, n := range map[string]int{"impossible": infeasible, "clashes": clashes, "with a lock": locked, "single": singles, "combined": combined, "unlocks": unlocks, "without a way out": none} {
		if n < 3 {
			t.Errorf("the mix is too easy: %d %s", n, what)
		}
	}
}

// On pools of a usual size each way out makes the rules possible, one step less
// does not, and the rules of the conflict alone are impossible.
func TestWaysOutOfLargePools(t *testing.T) {
	var impossible, ways, multiple, cut int
	for n := range 6 {
		people, c := invented(60, uint64(n)), allMust(northSound(15))
		for i := range c.Rules {
			c.Rules[i].MaxFlex = c.Size
		}
		check := func(c matcher.Criteria) matcher.Status {
			v, err := selection.Check(context.Background(), people, c, selection.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return v.Status
		}
		v, d := mustExamine(t, people, c, selection.Options{})
		if v.Status != matcher.Infeasible {
			continue
		}
		impossible++
		inf := d.Infeasibility
		cut += len(inf.Cut)
		for k, x := range inf.Relaxations {
			if len(x.Changes) > 1 {
				multiple++
			}
			if k > 15 {
				break
			}
			ways++
			for _, less := range []int{0, 1} {
				e := c
				e.Rules = slices.Clone(c.Rules)
				for i, change := range x.Changes {
					r := &e.Rules[change.Row-1]
					to := change.To
					if i == 0 && change.Bound == matcher.BoundMax {
						to -= less
					} else if i == 0 {
						to += less
					}
					if change.Bound == matcher.BoundMin {
						r.Min = to
					} else {
						r.Max = to
					}
				}
				if want := map[int]matcher.Status{0: matcher.Feasible, 1: matcher.Infeasible}[less]; check(e) != want {
					t.Errorf("pool %d: %+v, less %d: want %s", n, x, less, want)
				}
			}
		}
		only := c
		only.Rules, only.MinSize, only.Size = nil, 0, len(people)
		for _, m := range inf.Conflict {
			switch {
			case m.Row > 0:
				r := c.Rules[m.Row-1]
				if m.Bound == matcher.BoundMin {
					r.Max = max(r.Min, len(people))
				} else {
					r.Min = 0
				}
				only.Rules = append(only.Rules, r)
			case m.Bound == fmt.Sprint("size at most ", c.Size):
				only.Size = c.Size
			case m.Bound == fmt.Sprint("size at least ", c.MinSize):
				only.MinSize = c.MinSize
			}
		}
		if check(only) != matcher.Infeasible {
			t.Errorf("pool %d: the conflict %v can hold", n, inf.Conflict)
		}
	}
	t.Logf("figure: %d of 6 pools of 60 impossible, %d ways out tried, %d of them of several changes, %d answers cut off", impossible, ways, multiple, cut)
	if impossible < 3 || ways < 5 {
		t.Errorf("the mix is too easy: %d impossible, %d ways out", impossible, ways)
	}
}
