package cli

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// mostRecord is the size of a record that is read.
const mostRecord = 256 << 20

// readRecord reads a record and what it says was selected.
func readRecord(p *program, name string) (*matcher.Record, selection.Selected, error) {
	b, err := readFile(p, name, func(_ string, r io.Reader) ([]byte, error) {
		return io.ReadAll(io.LimitReader(r, mostRecord+1))
	})
	if err != nil {
		return nil, selection.Selected{}, data(err)
	}
	if len(b) > mostRecord {
		return nil, selection.Selected{}, exit(exitData, "%s is larger than %d MiB: no record is", name, mostRecord>>20)
	}
	r, err := matcher.ParseRecord(b)
	switch {
	case errors.Is(err, matcher.ErrNewer):
		return nil, selection.Selected{}, exit(exitData, "%s is a record of a newer version: use that version of fairlead", name)
	case err != nil:
		return nil, selection.Selected{}, exit(exitData, "%s is no record of fairlead select: %s", name, strings.TrimPrefix(err.Error(), "record: "))
	}
	if r.Undrawn() {
		return nil, selection.Selected{}, exit(exitData, "%s is sealed and not drawn yet: there is no cohort in it; draw one with the command that wrote it, with --seed TEXT in place of --no-draw", name)
	}
	if r.Status != matcher.Optimal && r.Status != matcher.Feasible || len(r.Cohort) == 0 {
		return nil, selection.Selected{}, exit(exitData, "%s has no cohort: its status is %s", name, r.Status)
	}
	s, err := selection.OfRecord(r)
	if errors.Is(err, selection.ErrNoInput) {
		why := "it was made by an early version"
		if r.Erased > 0 {
			why = fmt.Sprintf("%s of its pool were erased since", people(r.Erased))
		}
		return nil, selection.Selected{}, exit(exitData, "%s does not hold what it was made from: %s", name, why)
	}
	return r, s, err
}

// inFlags tells of bad input in the words of the command line: each field of
// the engine is an argument or flag. Any other error comes of a record that
// claims what is not so.
func inFlags(name string, err error, words map[string]string) error {
	var all selection.InputErrors
	if !errors.As(err, &all) {
		return exit(exitUnverified, "%s contradicts itself (%w); fairlead verify says which of its checks it breaks", name, err)
	}
	var problems []error
	for _, e := range all {
		field := e.Field
		if w, ok := words[field]; ok {
			field = w
		}
		problems = append(problems, fmt.Errorf("%s: %s", field, e.Message))
	}
	return data(errors.Join(problems...))
}

// The shapes of what the engine says of swaps and repairs, as JSON. Rules are as in
// the record of select.
type (
	shiftJSON struct {
		Before *countJSON `json:"before"` // null: the rule is new
		After  *countJSON `json:"after"`  // null: it is gone
	}
	brokenJSON struct {
		Kind      string   `json:"kind"`
		Attribute string   `json:"attribute"`
		Value     string   `json:"value"`
		IDs       []string `json:"ids"`
		Count     int      `json:"count"`
		Limit     int      `json:"limit"`
	}
	breachJSON struct {
		Reason     string       `json:"reason"`
		By         int64        `json:"by"`
		Conditions []brokenJSON `json:"conditions"`
		Rules      []countJSON  `json:"rules"`
	}
	swapJSON struct {
		Out     []string    `json:"out"`
		In      []string    `json:"in"`
		Breach  breachJSON  `json:"breach"`
		Changes []shiftJSON `json:"changes"`
		Score   int64       `json:"score"`
	}
)

func shiftsJSON(list []selection.RuleShift) []shiftJSON {
	out := []shiftJSON{}
	one := func(c matcher.RuleCount) *countJSON {
		if c == (matcher.RuleCount{}) {
			return nil
		}
		return &countsJSON([]matcher.RuleCount{c})[0]
	}
	for _, s := range list {
		out = append(out, shiftJSON{one(s.Before), one(s.After)})
	}
	return out
}

func breachOf(b selection.Breach) breachJSON {
	j := breachJSON{Reason: b.Reason, By: b.By, Conditions: []brokenJSON{}, Rules: countsJSON(b.Rules)}
	for _, c := range b.Conditions {
		j.Conditions = append(j.Conditions, brokenJSON{c.Kind, c.Attribute, c.Value, notNil(c.IDs), c.Count, c.Limit})
	}
	return j
}

func swapOf(s selection.Swap) swapJSON {
	return swapJSON{notNil(s.Out), notNil(s.In), breachOf(s.Breach), shiftsJSON(s.Changes), s.Score}
}

// rational writes a chance with six places.
func rational(p *big.Rat) string { return p.FloatString(6) }

// breachWords says what is lost.
func breachWords(b selection.Breach) string {
	named := missed(b.Rules)
	if priority, ok := strings.CutPrefix(b.Reason, selection.ExcludedByPriority); ok {
		return fmt.Sprintf("priority %s would be off by %d more than it may: %s", priority, b.By, named)
	}
	switch b.Reason {
	case selection.ExcludedByMust:
		return "a rule that must hold would be broken: " + named
	case selection.ExcludedBySize:
		return fmt.Sprintf("the cohort would have %s fewer", people(int(b.By)))
	case selection.ExcludedByConditions:
		var words []string
		for _, c := range b.Conditions {
			words = append(words, brokenWords(c))
		}
		return strings.Join(words, ", ")
	}
	return "nothing would be lost"
}

func brokenWords(c selection.Broken) string {
	ids := cleanList(c.IDs)
	switch c.Kind {
	case selection.BrokenInclude:
		return ids + " must be in"
	case selection.BrokenExclude:
		return ids + " must be out"
	case selection.BrokenCap:
		return fmt.Sprintf("%d of one %s, and at most %d may be", c.Count, clean(c.Attribute), c.Limit)
	case selection.BrokenApart:
		return "at most one of " + ids
	case selection.BrokenTogether:
		return ids + " come only together"
	case selection.BrokenAtLeastOne:
		return "at least one of " + ids + " must be in"
	}
	return fmt.Sprintf("the cohort would have %s, and %d is the limit", people(c.Count), c.Limit)
}

func cleanList(ids []string) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = clean(id)
	}
	return strings.Join(words, ", ")
}
