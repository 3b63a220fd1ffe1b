package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// What the engine says in codes and numbers, in words.

func ruleAt(rules []applications.ResultRule, row int) *applications.ResultRule {
	if i := slices.IndexFunc(rules, func(r applications.ResultRule) bool { return r.Row == row }); i >= 0 {
		return &rules[i]
	}
	return nil
}

// conditionLine words one of the conditions that cannot hold together.
func conditionLine(l tongue, rules []applications.ResultRule, c matcher.Condition) missLine {
	if c.Row == 0 {
		return missLine{What: l.said(hardWords(l, c.Bound))}
	}
	r := ruleAt(rules, c.Row)
	if r == nil {
		return missLine{What: l.said(l.say("rule.withheld"))}
	}
	line := missLine{What: rowName(l, *r), Text: boundWords(l, r, c.Bound, bound(r, c.Bound))}
	if r.Kind == matcher.Quota && r.Pool != applications.TooFew {
		line.Text += "; " + l.count("why.applied", r.Pool)
	}
	return line
}

func bound(r *applications.ResultRule, side string) int {
	if side == matcher.BoundMax {
		return r.Max
	}
	return r.Min
}

// boundWords is one side of a rule.
func boundWords(l tongue, r *applications.ResultRule, side string, n int) string {
	switch {
	case r.Kind == matcher.Company:
		return l.count("rule.company", n)
	case r.Kind == matcher.Spread:
		return l.count("rule.spread", n)
	case r.Kind == matcher.Cap:
		return l.count("rule.cap", n)
	case side == matcher.BoundMax:
		return l.count("rule.at_most", n)
	}
	return l.count("rule.at_least", n)
}

// hardWords words a condition that is no rule.
func hardWords(l tongue, words string) string {
	var n int
	switch {
	case strings.HasPrefix(words, matcher.LockInclude+" "):
		return l.say("lock.include", "code", strings.TrimPrefix(words, matcher.LockInclude+" "))
	case strings.HasPrefix(words, matcher.LockExclude+" "):
		if _, _, one := (matcher.Condition{Bound: words}).Lock(); one {
			return l.say("lock.exclude", "code", strings.TrimPrefix(words, matcher.LockExclude+" "))
		}
	case scan(words, "size at most %d", &n):
		return l.count("hard.size_most", n)
	case scan(words, "size at least %d", &n):
		return l.count("hard.size_least", n)
	}
	return words
}

func scan(text, format string, n *int) bool {
	got, err := fmt.Sscanf(text, format, n)
	return err == nil && got == 1
}

// changeWords words one change of a way out.
func changeWords(l tongue, rules []applications.ResultRule, c matcher.Change) string {
	if word, code, ok := c.Lock(); ok {
		if word == matcher.LockExclude {
			return l.say("way.unlock_exclude", "code", code)
		}
		return l.say("way.unlock_include", "code", code)
	}
	r := ruleAt(rules, c.Row)
	if r == nil {
		return l.say("rule.withheld")
	}
	name := rowName(l, *r).Text
	if c.Bound == matcher.BoundMin && c.To == 0 {
		return l.say("way.drop", "rule", name)
	}
	return l.say("way.change", "rule", name, "to", boundWords(l, r, c.Bound, c.To), "from", l.number(int64(c.From)))
}

// relaxationWords words a way out: its changes, and what it costs.
func relaxationWords(l tongue, rules []applications.ResultRule, x matcher.Relaxation) (label, cost string) {
	var parts []string
	for _, c := range x.Changes {
		parts = append(parts, changeWords(l, rules, c))
	}
	return strings.Join(parts, "; "), l.count("way.cost", int(x.Cost))
}

// shownWays is how many ways out a page names before it only counts them.
const shownWays = 12

// breachWords says what a group would not keep. Blind, an identity rule is
// named by its class only.
func breachWords(l tongue, rules []applications.ResultRule, b selection.Breach) string {
	if b.Exact() {
		return l.say("swap.exact")
	}
	base, n, _ := strings.Cut(b.Reason, " ")
	text := l.say("breach." + known(base, "conditions", "must", "size", "priority"))
	if base == "priority" {
		text = l.say("breach.priority", "n", n)
	}
	var names []string
	for _, c := range b.Rules {
		if r := ruleAt(rules, c.Row); r != nil {
			names = append(names, rowName(l, *r).Text)
		} else {
			names = append(names, l.say("rule.withheld"))
		}
	}
	for _, c := range b.Conditions {
		names = append(names, l.say("broken."+brokenKey(c.Kind)))
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > 0 {
		text += " (" + strings.Join(names, "; ") + ")"
	}
	return text
}

// known is a code that there are words for, or "other".
func known(code string, words ...string) string {
	if slices.Contains(words, code) {
		return code
	}
	return "other"
}

func brokenKey(kind string) string {
	switch kind {
	case selection.BrokenSize, selection.BrokenInclude, selection.BrokenExclude, selection.BrokenCap:
		return kind
	}
	return "link"
}

// shiftLine is a rule that counts another number after a change.
type shiftLine struct {
	What          phrase
	Before, After string
	Sign          string // "+1", "−1"
	Word, Tone    string
	Mark          string
}

func newShiftLine(l tongue, rules []applications.ResultRule, s selection.RuleShift) (shiftLine, bool) {
	r := ruleAt(rules, s.After.Row)
	if r == nil || s.Before.Count == s.After.Count && s.Before.Short == s.After.Short && s.Before.Over == s.After.Over {
		return shiftLine{}, false
	}
	line := shiftLine{What: rowName(l, *r), Before: l.number(int64(s.Before.Count)), After: l.number(int64(s.After.Count)), Tone: "ok", Mark: "✓", Word: l.say("shift.kept")}
	if d := s.After.Count - s.Before.Count; d > 0 {
		line.Sign = fmt.Sprintf("+%d", d)
	} else if d < 0 {
		line.Sign = fmt.Sprintf("−%d", -d)
	}
	before, after := s.Before.Short+s.Before.Over, s.After.Short+s.After.Over
	switch {
	case after > before:
		line.Tone, line.Mark, line.Word = "bad", "✕", l.say("shift.worse")
	case after < before:
		line.Word = l.say("shift.better")
	case after > 0:
		line.Tone, line.Mark, line.Word = "", "–", l.say("shift.missed")
	}
	return line, true
}
