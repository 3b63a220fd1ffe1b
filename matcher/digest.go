package matcher

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// InputDigest is "sha256:" and the SHA-256, in hex, of the canonical bytes of
// everything that a result depends on: people sorted by id with the attributes
// that the criteria name, the criteria, the seed. docs/record.md states the
// bytes.
func InputDigest(people []Person, c Criteria, seed string) string {
	return digestOf(appendInput(nil, people, c, seed))
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func appendInput(b []byte, people []Person, c Criteria, seed string) []byte {
	return (&Input{People: people, Criteria: c, Seed: seed}).AppendJSON(b)
}

func (w *canon) input(in *Input) {
	w.open('{')
	w.key("version")
	w.int(1)
	w.key("people")
	w.open('[')
	named := namedAttributes(in.Criteria)
	byID := slices.Clone(in.People)
	slices.SortFunc(byID, func(a, b Person) int { return strings.Compare(a.ID, b.ID) })
	for _, p := range byID {
		w.open('{')
		w.key("id")
		w.str(p.ID)
		w.key("values")
		w.open('{')
		for _, attribute := range named {
			if values := p.Values[attribute]; len(values) > 0 {
				w.key(attribute)
				w.set(values)
			}
		}
		w.close('}')
		w.close('}')
	}
	w.close(']')
	w.key("criteria")
	appendCriteria(w, in.Criteria)
	w.key("seed")
	w.str(in.Seed)
	if in.MaxChance > 0 {
		w.key("maxChance")
		w.int(int64(in.MaxChance))
	}
	w.close('}')
}

func namedAttributes(c Criteria) []string {
	var names []string
	for _, r := range c.Rules {
		for _, t := range r.Property.Terms {
			names = append(names, t.Attribute)
		}
	}
	for _, cp := range c.Caps {
		names = append(names, cp.Attribute)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func appendCriteria(w *canon, c Criteria) {
	w.open('{')
	w.key("size")
	w.int(int64(c.Size))
	w.key("minSize")
	w.int(int64(c.MinSize))
	w.key("rules")
	w.open('[')
	for _, r := range c.Rules {
		appendRule(w, r)
	}
	w.close(']')
	w.key("caps")
	w.open('[')
	caps := slices.Clone(c.Caps)
	slices.SortFunc(caps, func(a, b HardCap) int {
		if d := strings.Compare(a.Attribute, b.Attribute); d != 0 {
			return d
		}
		return a.Max - b.Max
	})
	for _, cp := range slices.Compact(caps) {
		w.open('{')
		w.key("attribute")
		w.str(cp.Attribute)
		w.key("max")
		w.int(int64(cp.Max))
		w.close('}')
	}
	w.close(']')
	w.key("links")
	w.open('[')
	for _, l := range sortedLinks(c.Links) {
		w.open('{')
		w.key("kind")
		w.str(l.Kind.String())
		w.key("ids")
		w.strs(l.IDs)
		w.close('}')
	}
	w.close(']')
	w.key("include")
	w.set(c.Include)
	w.key("exclude")
	w.set(c.Exclude)
	w.key("scores")
	w.open('{')
	var scored []string
	for id, s := range c.Scores {
		if s != 0 {
			scored = append(scored, id)
		}
	}
	slices.Sort(scored)
	for _, id := range scored {
		w.key(id)
		w.int(int64(c.Scores[id]))
	}
	w.close('}')
	w.key("allow")
	w.open('[')
	var allowed []int
	for g, d := range c.Allow {
		if d != 0 {
			allowed = append(allowed, g)
		}
	}
	slices.Sort(allowed)
	for _, g := range allowed {
		w.open('{')
		w.key("priority")
		w.int(int64(g))
		w.key("deviation")
		w.int(c.Allow[g])
		w.close('}')
	}
	w.close(']')
	w.close('}')
}

func appendRule(w *canon, r Rule) {
	w.open('{')
	w.key("row")
	w.int(int64(r.Row))
	w.key("feature")
	w.str(r.Feature)
	w.key("value")
	w.str(r.Value)
	w.key("kind")
	w.str(r.Kind.String())
	w.key("terms")
	w.open('[')
	for _, t := range r.Property.Terms {
		w.open('{')
		w.key("attribute")
		w.str(t.Attribute)
		w.key("match")
		switch {
		case t.Wildcard:
			w.str("*")
		case t.Match == MatchAll:
			w.str("all")
		default:
			w.str("any")
		}
		w.key("values")
		w.set(t.Values)
		w.close('}')
	}
	w.close(']')
	w.key("ids")
	w.set(r.Property.IDs)
	w.key("min")
	w.int(int64(r.Min))
	w.key("max")
	w.int(int64(r.Max))
	w.key("priority")
	w.int(int64(r.Priority))
	w.key("weight")
	w.int(int64(r.Weight))
	w.key("minFlex")
	w.int(int64(r.MinFlex))
	w.key("maxFlex")
	w.int(int64(r.MaxFlex))
	w.key("fixed")
	w.bool(r.Fixed)
	if r.Relief > 0 {
		w.key("alone")
		w.set(r.Alone)
		w.key("relief")
		w.int(int64(r.Relief))
	}
	w.close('}')
}

// sortedLinks returns the links with their ids sorted, in an order that does
// not depend on how they were given.
func sortedLinks(links []Link) []Link {
	sorted := make([]Link, 0, len(links))
	for _, l := range links {
		ids := slices.Clone(l.IDs)
		slices.Sort(ids)
		sorted = append(sorted, Link{Kind: l.Kind, IDs: slices.Compact(ids)})
	}
	slices.SortFunc(sorted, func(a, b Link) int {
		if a.Kind != b.Kind {
			return int(a.Kind) - int(b.Kind)
		}
		return slices.Compare(a.IDs, b.IDs)
	})
	return slices.CompactFunc(sorted, func(a, b Link) bool {
		return a.Kind == b.Kind && slices.Equal(a.IDs, b.IDs)
	})
}
