package web

import (
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/mentoring"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// The rules of a plan as fields of a form. docs/scoring.md describes each key;
// what a field holds is checked where the rules are read.

// ruleNumber is one number of the rules.
type ruleNumber struct {
	key string
	at  *int
}

// ruleGroup are numbers of one section, in the order of the file.
type ruleGroup struct {
	key     string
	numbers []ruleNumber
}

func ruleSteps(r *scoring.Rules) []ruleGroup {
	return []ruleGroup{
		{"skills", []ruleNumber{
			{"level1", &r.Levels[0]},
			{"level2", &r.Levels[1]},
			{"level3", &r.Levels[2]},
			{"part", &r.ChildValue},
			{"area", &r.ParentValue},
			{"sibling", &r.SiblingValue},
		}},
		{"experience", []ruleNumber{
			{"zero", &r.GapZero}, {"full_from", &r.GapFrom}, {"full_to", &r.GapTo}, {"far", &r.GapFar}, {"far_value", &r.GapFarValue},
		}},
		{"availability", []ruleNumber{{"minutes", &r.Minutes}, {"plenty", &r.Plenty}, {"asynchronous", &r.AsynchronousValue}}},
		{"travel", []ruleNumber{{"near", &r.NearMinutes}, {"far", &r.FarMinutes}, {"most", &r.MostMinutes}}},
		{"preferences", []ruleNumber{{"wishes", &r.Wishes}, {"never", &r.HardNevers}}},
		{"other", []ruleNumber{{"important", &r.ImportantTimes}, {"unknown", &r.Unknown}}},
	}
}

// readRuleForm reads the rules; faults are by field.
func readRuleForm(l tongue, form url.Values) (*scoring.Rules, map[string]string) {
	r, faults := scoring.DefaultRules(), map[string]string{}
	number := func(name string, into *int) {
		n, err := strconv.Atoi(clean(form.Get(name), false))
		if err != nil {
			faults[name] = l.say("people.fault.number")
			return
		}
		*into = n
	}
	for i := range r.Hard {
		if name := scoring.Rule(i).String(); scoring.Liftable(name) {
			r.Hard[i] = form.Get("hard."+name) == "yes"
		}
	}
	for i := range r.Weights {
		number("weight."+scoring.Feature(i).String(), &r.Weights[i])
	}
	for _, group := range ruleSteps(r) {
		for _, n := range group.numbers {
			number("step."+group.key+"."+n.key, n.at)
		}
	}
	week, err := time.Parse(time.DateOnly, clean(form.Get("week"), false))
	if err != nil {
		faults["week"] = l.say("plan.fault.week")
	} else {
		r.Week = week
	}
	r.Items = nil
	for item := range strings.SplitSeq(form.Get("items"), ",") {
		if item = strings.TrimSpace(item); item != "" {
			r.Items = append(r.Items, item)
		}
	}
	for _, item := range r.Items {
		if !itemShape.MatchString(item) {
			faults["items"] = l.say("plan.fault.items")
		}
	}
	return r, faults
}

var itemShape = regexp.MustCompile(`^[a-z0-9_]{1,60}$`)

// rulesText writes rules as a plan keeps them: nothing where they are those that
// ship, and word for word what is saved where they say the same.
func rulesText(plan *mentoring.Plan, r *scoring.Rules) string {
	if plan != nil && reflect.DeepEqual(planRules(plan), r) {
		return plan.Rules
	}
	if reflect.DeepEqual(scoring.DefaultRules(), r) {
		return ""
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("version: 1")
	line("week: %s", r.Week.Format(time.DateOnly))
	line("weights:")
	for i, n := range r.Weights {
		line("  %s: %d", scoring.Feature(i), n)
	}
	line("hard:")
	for i, on := range r.Hard {
		line("  %s: %t", scoring.Rule(i), on)
	}
	line("skills: {levels: [%d, %d, %d], part: %d, area: %d, sibling: %d}", r.Levels[0], r.Levels[1], r.Levels[2], r.ChildValue, r.ParentValue, r.SiblingValue)
	line("experience: {zero: %d, full: [%d, %d], far: %d, far_value: %d}", r.GapZero, r.GapFrom, r.GapTo, r.GapFar, r.GapFarValue)
	line("availability: {minutes: %d, plenty: %d, asynchronous: %d}", r.Minutes, r.Plenty, r.AsynchronousValue)
	line("travel: {near: %d, far: %d, most: %d}", r.NearMinutes, r.FarMinutes, r.MostMinutes)
	line("style: {items: [%s]}", strings.Join(r.Items, ", "))
	line("preferences: {wishes: %d, never: %d}", r.Wishes, r.HardNevers)
	line("affinity: {important: %d}", r.ImportantTimes)
	line("unknown: %d", r.Unknown)
	return b.String()
}

var ruleFileLine = regexp.MustCompile(`^rules:\d+:\s*`)

// ruleWords is a complaint about rules without the line of a file that nobody
// sees.
func ruleWords(s string) string { return ruleFileLine.ReplaceAllString(s, "") }
