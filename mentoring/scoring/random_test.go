package scoring_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// crowd makes invented profiles, as cells of a file. Blanks are frequent.
type crowd struct {
	*rand.Rand
	in *scoring.Intake
}

func newCrowd(seed uint64, rules *scoring.Rules) *crowd {
	return &crowd{rand.New(rand.NewPCG(seed, 7)), scoring.NewIntake(rules, scoring.ShippedTopics(), scoring.ShippedTravel())}
}

func (c *crowd) some(of []string, least, most int, suffix func() string) string {
	var out []string
	for _, k := range c.Perm(len(of))[:least+c.IntN(most-least+1)] {
		out = append(out, of[k]+suffix())
	}
	return strings.Join(out, ";")
}

func nothing() string { return "" }

var phrases = []string{
	"I want to write better grants", "Quiero aprender a manejar el presupuesto", "supervising staff in a clinic", "building coalitions across counties",
	"hablar en público", "working with our board of directors", "I have led strategic planning", "recaudación de fondos y subvenciones", "how to prevent burnout",
	"community health workers and promotoras", "data sharing agreements", "telehealth for rural clinics", "food banks", "leading change when nobody asked for it",
}

// cells are those of one person; ids are of people they may name.
func (c *crowd) cells(ids []string) map[string]string {
	topics := scoring.ShippedTopics().IDs()
	number := func() string { return fmt.Sprint(":", 1+c.IntN(3)) }
	maybe := func(chance int, text string) string {
		if c.IntN(100) < chance {
			return text
		}
		return ""
	}
	list := maybe(90, c.some(topics, 2, 5, number))
	text := maybe(80, c.some(phrases, 1, 3, func() string { return "." }))
	at := 6 + c.IntN(12)
	cells := map[string]string{
		"wants": list, "offers": list, "goals": text, "about": text,
		"experience":   maybe(85, fmt.Sprint(c.IntN(12))),
		"zone":         []string{"America/Los_Angeles", "America/Los_Angeles", "America/Los_Angeles", "America/New_York", "Asia/Kathmandu"}[c.IntN(5)],
		"hours":        maybe(85, fmt.Sprintf("Mon-Wed %d:00-%d:30; %s %d-%d", at, at+2, []string{"Thu", "Fri", "Sat"}[c.IntN(3)], at, at+3)),
		"asynchronous": maybe(60, []string{"yes", "no"}[c.IntN(2)]), "in_person": maybe(50, []string{"yes", "no"}[c.IntN(2)]),
		"places":    maybe(80, c.some([]string{"island", "san_juan", "skagit", "snohomish", "whatcom"}, 1, 2, nothing)),
		"languages": maybe(90, []string{"English", "English;Spanish", "Spanish;en", "Vietnamese;English", "Spanish"}[c.IntN(5)]),
		"units":     fmt.Sprint("Unit ", c.IntN(40)),
		"managers":  maybe(20, ids[c.IntN(len(ids))]), "conflicts": maybe(10, ids[c.IntN(len(ids))]),
		"wishes": maybe(20, c.some(ids, 1, 4, nothing)),
	}
	if cells["languages"] != "" && c.IntN(2) == 0 {
		cells["preferred_language"], _, _ = strings.Cut(cells["languages"], ";")
	}
	for _, item := range scoring.DefaultRules().Items {
		cells["style_"+item] = maybe(80, fmt.Sprint(1+c.IntN(5)))
	}
	return cells
}

var lived = []string{"foster care", "veteran", "first generation", "recovery"}

// people are so many mentees and mentors. Some are both.
func (c *crowd) people(mentees, mentors int) scoring.Input {
	var ids []string
	for k := range max(mentees, mentors) {
		ids = append(ids, fmt.Sprintf("p%05d", k))
	}
	var out scoring.Input
	for j := range mentees {
		m, problems := c.in.Mentee(ids[j], without(c.cells(ids), ids[j]))
		if len(problems) > 0 {
			panic(fmt.Sprint(problems))
		}
		if c.IntN(4) == 0 {
			m.Never = []string{ids[c.IntN(len(ids))], ids[c.IntN(len(ids))], ids[c.IntN(len(ids))], ids[c.IntN(len(ids))]}
		}
		for range c.IntN(3) {
			m.Seeks = append(m.Seeks, scoring.Seek{Attribute: "lived", Value: lived[c.IntN(len(lived))], Strength: scoring.Strength(1 + c.IntN(30)/14)})
		}
		out.Mentees = append(out.Mentees, m)
	}
	for i := range mentors {
		m, problems := c.in.Mentor(ids[i], without(c.cells(ids), ids[i]))
		if len(problems) > 0 {
			panic(fmt.Sprint(problems))
		}
		for range c.IntN(3) {
			matching := c.IntN(2) == 0
			m.Traits = append(m.Traits, scoring.Trait{Attribute: "lived", Value: lived[c.IntN(len(lived))], Matching: matching, Explained: matching && c.IntN(2) == 0})
		}
		out.Mentors = append(out.Mentors, m)
	}
	for range mentees / 4 {
		out.Ended = append(out.Ended, [2]string{ids[c.IntN(mentees)], ids[c.IntN(mentors)]})
	}
	return out
}

// without takes a person's own id out of the cells.
func without(cells map[string]string, id string) map[string]string {
	for k, v := range cells {
		if strings.Contains(v, id) {
			cells[k] = ""
		}
	}
	return cells
}
