package scoring

import (
	"io"
	"slices"
	"strings"
	"time"
)

// Rules say how much each feature weighs, what is a hard rule, and where the
// steps of a feature lie. docs/scoring.md describes each key.
type Rules struct {
	// Week is the Monday of the reference week: zones are as far apart as they
	// are in that week.
	Week time.Time
	// Weights are from 0 to 100; 0 leaves a feature out.
	Weights [features]int
	// Hard says of each rule whether it is in force.
	Hard [rules]bool

	// Levels are what an offer of level 1, 2 and 3 is worth, ChildValue,
	// ParentValue and SiblingValue what a related topic is worth instead of the
	// wanted one; in thousandths.
	Levels                                [3]int
	ChildValue, ParentValue, SiblingValue int

	// The gap of experience is worth nothing up to GapZero, 1 from GapFrom to
	// GapTo, and GapFarValue thousandths from GapFar on, with straight lines
	// between.
	GapZero, GapFrom, GapTo, GapFar, GapFarValue int

	// A meeting takes Minutes; Plenty times to begin one are worth 1;
	// AsynchronousValue thousandths is the least if both are fine with messages.
	Minutes, Plenty, AsynchronousValue int

	// Up to NearMinutes of travel are worth 1, FarMinutes nothing; further than
	// MostMinutes the hard rule forbids.
	NearMinutes, FarMinutes, MostMinutes int

	// Items are the names of the questions on the way of working.
	Items []string

	// Wishes is how many wishes count, HardNevers how many of the people whom
	// somebody never wants are kept away for certain; those after them only
	// count against the pair.
	Wishes, HardNevers int

	// ImportantTimes is how many times the weight of affinity counts for a
	// mentee to whom it is important.
	ImportantTimes int

	// Unknown is the score of a pair of which no feature says anything.
	Unknown int
}

const (
	mostWeight = 100
	mostItems  = 20
	// mostTextShare: what people wrote freely weighs at most textShare of
	// textParts of what all the features together weigh in a pair.
	textShare, textParts = 3, 20
)

// always are the hard rules that cannot be lifted.
var always = []Rule{Self, Conflict, Ended, Never, AffinityRequired}

// DefaultRules are those that hold where a file says nothing else.
func DefaultRules() *Rules {
	r := &Rules{
		Week:    time.Date(2027, 1, 11, 0, 0, 0, 0, time.UTC),
		Weights: [features]int{Skills: 40, Goals: 10, Experience: 10, Availability: 15, Distance: 5, Language: 5, Style: 5, Preferences: 10, Affinity: 5},
		Levels:  [3]int{500, 800, 1000}, ChildValue: 800, ParentValue: 500, SiblingValue: 250,
		GapZero: 0, GapFrom: 1, GapTo: 3, GapFar: 6, GapFarValue: 300,
		Minutes: 60, Plenty: 6, AsynchronousValue: 500,
		NearMinutes: 30, FarMinutes: 120, MostMinutes: 150,
		Items:  []string{"structure", "directness", "frequency", "formality"},
		Wishes: 5, HardNevers: 3, ImportantTimes: 3, Unknown: 500,
	}
	for rule := range rules {
		r.Hard[rule] = rule != ExperienceGap && rule != TravelTime
	}
	return r
}

// ReadRules reads a rules file. A key that is absent has its default.
func ReadRules(file string, r io.Reader) (*Rules, error) {
	f, top, err := readStrict(file, r)
	if err != nil {
		return nil, err
	}
	out := DefaultRules()
	week := ""
	top.text("week", &week)
	if week != "" {
		day, err := time.Parse(time.DateOnly, week)
		switch {
		case err != nil:
			f.add(top.at["week"].Line, "week", "%q is no date: write the Monday of an ordinary week, such as 2027-01-11", week)
		case day.Weekday() != time.Monday:
			f.add(top.at["week"].Line, "week", "%s is a %s: the reference week begins on a Monday, such as %s", week, day.Weekday(), day.AddDate(0, 0, -(int(day.Weekday())+6)%7).Format(time.DateOnly))
		default:
			out.Week = day
		}
	}

	weights := top.sub("weights")
	for k := range features {
		weights.number(k.String(), &out.Weights[k], 0, mostWeight)
	}
	weights.done()

	hard := top.sub("hard")
	for rule := range rules {
		on := out.Hard[rule]
		hard.flag(rule.String(), &on)
		if !on && slices.Contains(always, rule) {
			f.add(hard.at[rule.String()].Line, "hard."+rule.String(), "cannot be lifted: it protects people")
			continue
		}
		out.Hard[rule] = on
	}
	hard.done()

	skills := top.sub("skills")
	skills.numbers("levels", out.Levels[:], 0, 1000)
	skills.number("part", &out.ChildValue, 0, 1000)
	skills.number("area", &out.ParentValue, 0, 1000)
	skills.number("sibling", &out.SiblingValue, 0, 1000)
	skills.done()
	if !slices.IsSorted(out.Levels[:]) {
		f.add(skills.line, "skills.levels", "must not fall: who knows more is not worth less")
	}

	gap := top.sub("experience")
	full := [2]int{out.GapFrom, out.GapTo}
	gap.number("zero", &out.GapZero, -100, 100)
	gap.numbers("full", full[:], -100, 100)
	gap.number("far", &out.GapFar, -100, 100)
	gap.number("far_value", &out.GapFarValue, 0, 1000)
	gap.done()
	out.GapFrom, out.GapTo = full[0], full[1]
	if out.GapZero >= out.GapFrom || out.GapFrom > out.GapTo || out.GapTo > out.GapFar {
		f.add(gap.line, "experience", "must rise: zero %d < full [%d, %d] ≤ far %d", out.GapZero, out.GapFrom, out.GapTo, out.GapFar)
	}

	hours := top.sub("availability")
	hours.number("minutes", &out.Minutes, slotMinutes, 8*60)
	hours.number("plenty", &out.Plenty, 1, slots)
	hours.number("asynchronous", &out.AsynchronousValue, 0, 1000)
	hours.done()
	if out.Minutes%slotMinutes != 0 {
		f.add(hours.at["minutes"].Line, "availability.minutes", "%d must be a multiple of %d", out.Minutes, slotMinutes)
	}

	travel := top.sub("travel")
	travel.number("near", &out.NearMinutes, 0, mostMinutes)
	travel.number("far", &out.FarMinutes, 1, mostMinutes)
	travel.number("most", &out.MostMinutes, 0, mostMinutes)
	travel.done()
	if out.NearMinutes >= out.FarMinutes {
		f.add(travel.line, "travel", "near %d must be less than far %d", out.NearMinutes, out.FarMinutes)
	}

	style := top.sub("style")
	if style.get("items") != nil {
		out.Items = style.texts("items")
		style.checkItems(out.Items)
	}
	style.done()

	wishes := top.sub("preferences")
	wishes.number("wishes", &out.Wishes, 0, 5)
	wishes.number("never", &out.HardNevers, 0, 20)
	wishes.done()

	affinity := top.sub("affinity")
	affinity.number("important", &out.ImportantTimes, 1, 10)
	affinity.done()

	top.number("unknown", &out.Unknown, 0, 1000)
	top.done()

	if len(f.problems) == 0 && out.Weights == [features]int{} {
		f.add(weights.line, "weights", "are all 0: no score would say anything")
	}
	return out, f.err()
}

func (s *section) checkItems(items []string) {
	if len(items) > mostItems {
		s.f.add(s.line, s.path+"items", "has %d items: at most %d", len(items), mostItems)
	}
	for i, name := range items {
		if strings.ContainsFunc(name, func(r rune) bool { return !(r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9') }) {
			s.f.add(s.line, s.path+"items", "%q names a column: a to z, 0 to 9 and _", name)
		}
		if slices.Contains(items[:i], name) {
			s.f.add(s.line, s.path+"items", "%q stands there twice", name)
		}
	}
}
