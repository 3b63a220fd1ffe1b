package selection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
)

// clash names a set of hard conditions that cannot hold together, none of
// which could be left out: a deletion filter over size, locks, caps and links.
// If work or time runs out the set may be larger than it need be.
func (r *run) clash() []string {
	c := r.criteria
	conditions := hardConditions(c, len(r.people))
	impossible := func(some []condition) bool {
		trial := matcher.Criteria{Size: len(r.people)}
		for _, k := range some {
			k.add(&trial)
		}
		in := newInstance(r.people, trial, func(string) [3]int64 { return [3]int64{} })
		sub := &run{ctx: r.ctx, people: r.people, criteria: trial, in: in, options: Options{Work: r.options.Work}, pivots: r.pivots}
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
	return describe(conditions, len(r.people))
}

// condition is one hard condition, as a change to otherwise empty criteria.
type condition struct {
	words    string
	excluded bool
	add      func(*matcher.Criteria)
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
		exclusions = append(exclusions, condition{"exclude " + id, true, func(t *matcher.Criteria) { t.Exclude = append(t.Exclude, id) }})
	}
	for _, l := range c.Links {
		ids := slices.Clone(l.IDs)
		slices.Sort(ids)
		words := l.Kind.String()
		if l.Kind == matcher.AtLeastOne {
			words = "at least one of"
		}
		words += " " + strings.Join(ids, ", ")
		links = append(links, condition{words, false, func(t *matcher.Criteria) { t.Links = append(t.Links, l) }})
	}
	for _, id := range c.Include {
		inclusions = append(inclusions, condition{"include " + id, false, func(t *matcher.Criteria) { t.Include = append(t.Include, id) }})
	}
	for _, limit := range c.Caps {
		words := fmt.Sprintf("at most %d per %s", limit.Max, limit.Attribute)
		caps = append(caps, condition{words, false, func(t *matcher.Criteria) { t.Caps = append(t.Caps, limit) }})
	}
	add(exclusions)
	add(links)
	add(inclusions)
	add(caps)
	all = append(all, condition{fmt.Sprintf("size at most %d", c.Size), false, func(t *matcher.Criteria) { t.Size = min(pool, c.Size) }})
	all = append(all, condition{fmt.Sprintf("size at least %d", c.MinSize), false, func(t *matcher.Criteria) { t.MinSize = c.MinSize }})
	return all
}

// describe puts a clash in words. Many exclusions are one condition to a
// person: too few people are left.
func describe(conditions []condition, pool int) []string {
	const fewExclusions = 3
	excluded := 0
	for _, k := range conditions {
		if k.excluded {
			excluded++
		}
	}
	var words []string
	for _, k := range conditions {
		if !k.excluded || excluded <= fewExclusions {
			words = append(words, k.words)
		}
	}
	if excluded > fewExclusions {
		words = append(words, fmt.Sprintf("exclude %d of %d people", excluded, pool))
	}
	return words
}
