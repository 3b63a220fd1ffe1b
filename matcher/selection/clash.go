package selection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
)

// Limits of the search for a clash, which is a help and no proof: above them the
// set that is named may be larger than it need be.
const (
	mostTrials = 400
	trialWork  = 20_000 // pivots
)

// clash names a set of hard conditions that cannot hold together, none of
// which could be left out: a deletion filter over size, locks, caps and links.
// If work, time or trials run out the set may be larger than it need be.
func (r *run) clash() []string {
	c := r.criteria
	all := hardConditions(c, len(r.people))
	conditions := all
	trials := 0
	impossible := func(some []condition) bool {
		if trials++; trials > mostTrials {
			return false
		}
		trial := matcher.Criteria{Size: len(r.people)}
		for _, k := range some {
			k.add(&trial)
		}
		in := newInstance(r.people, trial, func(string) [3]int64 { return [3]int64{} })
		work := r.pivots + trialWork
		if r.options.Work > 0 {
			work = min(work, r.options.Work)
		}
		sub := &run{ctx: r.ctx, people: r.people, criteria: trial, in: in, options: Options{Work: work}, pivots: r.pivots}
		s := newStage()
		found, err := sub.peek(StepImpossible, &s)
		r.pivots = sub.pivots
		r.canceled = r.canceled || sub.canceled
		return err == nil && found.state == none
	}
	for chunk := max(1, len(conditions)/2); ; chunk /= 2 {
		for at := 0; at < len(conditions); {
			rest := slices.Concat(conditions[:at], conditions[min(at+chunk, len(conditions)):])
			if impossible(rest) {
				conditions = rest
			} else {
				at += chunk
			}
		}
		if chunk <= 1 {
			break
		}
	}
	return describe(conditions, all, len(r.people))
}

// condition is one hard condition, as a change to otherwise empty criteria.
type condition struct {
	sort  string // "" of those that there are few of
	words string
	add   func(*matcher.Criteria)
}

// hardConditions lists them, each sort by itself in alphabetical order, so that
// the clash that is found does not depend on the order of the input. The filter
// tries to leave out the first ones first, and so keeps what stands at the end:
// size before caps, caps before locks, locks before links.
func hardConditions(c matcher.Criteria, pool int) []condition {
	var all []condition
	add := func(some []condition) {
		slices.SortStableFunc(some, func(a, b condition) int { return strings.Compare(a.words, b.words) })
		all = append(all, some...)
	}
	var exclusions, links, inclusions, caps []condition
	for _, id := range c.Exclude {
		exclusions = append(exclusions, condition{"exclude", "exclude " + id, func(t *matcher.Criteria) { t.Exclude = append(t.Exclude, id) }})
	}
	for _, l := range c.Links {
		ids := slices.Clone(l.IDs)
		slices.Sort(ids)
		sort := l.Kind.String()
		if l.Kind == matcher.AtLeastOne {
			sort = "at least one of"
		}
		words := sort + " " + strings.Join(ids, ", ")
		links = append(links, condition{sort, words, func(t *matcher.Criteria) { t.Links = append(t.Links, l) }})
	}
	for _, id := range c.Include {
		inclusions = append(inclusions, condition{"include", "include " + id, func(t *matcher.Criteria) { t.Include = append(t.Include, id) }})
	}
	for _, limit := range c.Caps {
		words := fmt.Sprintf("at most %d per %s", limit.Max, limit.Attribute)
		caps = append(caps, condition{"", words, func(t *matcher.Criteria) { t.Caps = append(t.Caps, limit) }})
	}
	add(exclusions)
	add(links)
	add(inclusions)
	add(caps)
	all = append(all, condition{"", fmt.Sprintf("size at most %d", c.Size), func(t *matcher.Criteria) { t.Size = min(pool, c.Size) }})
	all = append(all, condition{"", fmt.Sprintf("size at least %d", c.MinSize), func(t *matcher.Criteria) { t.MinSize = c.MinSize }})
	return all
}

// describe puts a clash in words. Where there are many of one sort, one line
// says how many: nobody can read them all, nor need they.
func describe(clash, all []condition, pool int) []string {
	count := func(list []condition) map[string]int {
		n := map[string]int{}
		for _, k := range list {
			n[k.sort]++
		}
		return n
	}
	named, given := count(clash), count(all)
	few := func(sort string) int {
		if sort == "exclude" {
			return 3 // too few people are left, whoever they are
		}
		return 10
	}
	var words []string
	summed := map[string]bool{}
	for _, k := range clash {
		switch {
		case k.sort == "" || named[k.sort] <= few(k.sort):
			words = append(words, k.words)
		case summed[k.sort]:
		case k.sort == "exclude":
			words = append(words, fmt.Sprintf("exclude %d of %d people", named[k.sort], pool))
		default:
			words = append(words, fmt.Sprintf("%s: %d of the %d given", k.sort, named[k.sort], given[k.sort]))
		}
		summed[k.sort] = true
	}
	return words
}
