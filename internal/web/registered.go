package web

import (
	"maps"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
)

// registeredTerms are what criteria fix beside their rules and the number of
// places: what may be missed, caps, links, the lottery and its seed. Links name
// applicants; the service leaves them out for whoever may not list them.
func registeredTerms(l tongue, form *applications.Form, c *applications.Criteria) []detail {
	var terms []detail
	add := func(label, text string) {
		if text != "" {
			terms = append(terms, detail{Label: label, Text: text})
		}
	}
	for _, g := range slices.Sorted(maps.Keys(c.Allow)) {
		if n := c.Allow[g]; n > 0 {
			add(l.say("version.allow", "priority", g), l.say("version.allow_text", "n", l.number(n)))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.HardCaps)) {
		label := key
		if a := form.Attribute(key); a != nil {
			label = attributeLabel(l, a).Text
		}
		add(label, l.count("rule.cap", c.HardCaps[key])+", "+l.say("version.whatever"))
	}
	for _, t := range c.Ties {
		add(l.say("version.tie."+t.Kind), strings.Join(t.IDs, ", "))
	}
	lottery := lotteryWords(l, c.Lottery)
	if c.Lottery == "" {
		lottery = l.say("version.lottery_open")
	}
	add(l.say("version.lottery"), lottery)
	if c.MaxChance > 0 {
		add(l.say("version.max_chance"), l.say("version.max_chance_text", "n", c.MaxChance))
	}
	if c.SeedKind == "" {
		add(l.say("version.seed_kind"), l.say("version.seed_open"))
	} else {
		add(l.say("version.seed_kind"), l.say("source."+string(c.SeedKind)))
	}
	add(l.say("version.seed"), c.SeedSource)
	add(l.say("version.seed_people"), strings.Join(c.SeedPeople, ", "))
	return terms
}
