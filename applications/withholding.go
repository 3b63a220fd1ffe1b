package applications

import (
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// What a run tells about a group of fifteen is close to telling who they are.
// Who does not read identity answers gets, of every run and every check, the
// rows on facts about the job, no count below Fewest, no sum over the rows, and
// no digest: of few and small numbers, a digest confirms any guess.

// Fewest is the smallest count of people that is shown to who does not read
// identity answers. Zero is small too: that nobody of a group applied tells
// about everybody who did.
const Fewest = 11

// TooFew stands for a number that is withheld from the caller.
const TooFew = -1

// identityAttributes lists the attributes that criteria look at whose answers
// tell who people are.
func (c *Criteria) identityAttributes(form *Form) []string {
	return slices.DeleteFunc(c.attributes(), func(key string) bool {
		a := form.Attribute(key)
		return a != nil && !a.Identity()
	})
}

// tellsIdentity reports whether the rule counts people by who they are: by an
// identity answer, or by name.
func (r *CriteriaRule) tellsIdentity(form *Form) bool {
	alone := Criteria{Rules: []CriteriaRule{*r}}
	return len(r.IDs) > 0 || len(alone.identityAttributes(form)) > 0
}

// shownCount is a count of people for who does not read identity answers.
func shownCount(n int) int {
	if n < Fewest {
		return TooFew
	}
	return n
}

// withhold takes the rows on identity out, and the small counts of the others,
// and returns the groups that were taken out whole, each once.
func withhold(rules []ResultRule) (shown []ResultRule, withheld []Text) {
	groups := map[string]bool{}
	for _, r := range rules {
		if r.Identity {
			if !groups[r.Attribute] {
				groups[r.Attribute] = true
				withheld = append(withheld, r.Group)
			}
			continue
		}
		r.Pool, r.Count = shownCount(r.Pool), shownCount(r.Count)
		if r.Count == TooFew { // by how many it is missed would tell it
			if r.Short > 0 {
				r.Short = TooFew
			}
			if r.Over > 0 {
				r.Over = TooFew
			}
		}
		shown = append(shown, r)
	}
	return shown, withheld
}

// Missed reports whether the row's bounds are not kept, even where by how many
// is withheld.
func (r *ResultRule) Missed() bool { return r.Short != 0 || r.Over != 0 }

// Withhold leaves in a result what who does not read identity answers is shown.
func (r *SelectionResult) Withhold() {
	r.Rules, r.Withheld = withhold(r.Rules)
	r.Selection.withhold()
	if r.Chances != nil {
		*r.Chances = r.Chances.withheld()
	}
	r.Record.Lottery, r.Decliners = matcher.Lottery{Method: r.Record.Lottery.Method}, nil
	for i := range r.Members {
		r.Members[i].Chance = 0
	}
	r.Record.Rules, r.Record.Deviation, r.Record.InputDigest, r.Record.Digest = nil, nil, "", ""
	if why := r.Record.Infeasibility; why != nil {
		r.Record.Infeasibility = &matcher.Infeasibility{Closest: why.Closest}
		if len((&Criteria{HardCaps: r.Criteria.HardCaps}).identityAttributes(r.Form)) == 0 {
			r.Record.Infeasibility.Clash = why.Clash // names no identity attribute
		}
	}
}

// withhold leaves in a run what who does not read identity answers is shown.
func (sel *Selection) withhold() {
	sel.PoolSize, sel.InputDigest, sel.Commitment = shownCount(sel.PoolSize), "", ""
	sel.withholdSteps()
	sel.Moves = slices.Clone(sel.Moves)
	for i := range sel.Moves { // a sum over the rows
		sel.Moves[i].Limit, sel.Moves[i].Least, sel.Moves[i].Rows, sel.Moves[i].Clash = TooFew, TooFew, nil, nil
	}
	sel.GaveWay = nil // tells that somebody is alone
	if sel.Seal != nil {
		seal := *sel.Seal
		seal.Types, seal.Chances = TooFew, seal.Chances.withheld()
		sel.Seal = &seal
	}
}

// withheld leaves what tells nothing of small groups: a chance of one in two is
// a group of two.
func (c *ChanceSummary) withheld() ChanceSummary {
	return ChanceSummary{Method: c.Method, Proved: c.Proved, Certain: TooFew, Impossible: TooFew, Confirm: c.Confirm}
}

// withholdSteps hides what the rules are missed by.
func (sel *Selection) withholdSteps() {
	for i := range sel.Steps {
		if name := sel.Steps[i].Name; name == selection.StepLeast || strings.HasPrefix(name, selection.StepPriority) {
			sel.Steps[i].Value = TooFew
		}
	}
}

// withhold leaves in a verdict what who does not read identity answers is
// shown. Such a caller checks no rules on identity.
func (v *CriteriaVerdict) withhold() {
	v.Rules, _ = withhold(v.Rules)
	v.PoolSize = shownCount(v.PoolSize)
	v.Verdict.Rules = nil
	if why := v.Verdict.Infeasibility; why != nil {
		why.ClosestRules = nil
	}
	if d := v.Details; d != nil {
		for i := range d.Yields {
			d.Yields[i].People = nil
		}
		// How many of a group could be in tells how many there are.
		for i := range d.Ranges {
			d.Ranges[i].Least, d.Ranges[i].Most = shownCount(d.Ranges[i].Least), shownCount(d.Ranges[i].Most)
		}
		for i := range d.Decliners {
			one := &d.Decliners[i]
			one.People = shownCount(one.People)
			for _, seats := range []*selection.Seats{&one.Allowed, &one.Best} {
				seats.Can, seats.Cannot = shownCount(seats.Can), shownCount(seats.Cannot)
			}
		}
		if why := d.Infeasibility; why != nil {
			why.ClosestRules = nil
		}
	}
}

// outside is a run as the caller may see it: without the parts that hold
// people's answers.
func (sel *Selection) outside(who access.Principal) *Selection {
	sel.Frozen, sel.Record = nil, nil
	if !who.Can(access.IdentityRead, sel.Program) {
		sel.withhold()
	}
	return sel
}
