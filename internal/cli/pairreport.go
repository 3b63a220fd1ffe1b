package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/pairing"
)

// matching tells the result of a matching: the verdict, how everybody is served,
// the pairs, and who has no mentor and why.
func (t *report) matching(r *matcher.Matching, reasons []pairing.Unmatched) {
	wanting, load := 0, map[string]int{}
	for _, e := range r.Input.Mentees {
		if e.Demand > 0 {
			wanting++
		}
	}
	for _, x := range r.Pairs {
		load[x.Mentor]++
	}
	switch r.Status {
	case matcher.Infeasible:
		t.line("%s  No matching keeps the floors. The nearest has a mentor for %d of %d mentees, in %s; it is none to go by.", t.bold("INFEASIBLE"), r.Covered, wanting, count(len(r.Pairs), "pair"))
	case matcher.Optimal:
		t.line("%s  %d of %d mentees have a mentor, in %s. No matching is better.", t.bold("OPTIMAL"), r.Covered, wanting, count(len(r.Pairs), "pair"))
	default:
		t.line("%s  %d of %d mentees have a mentor, in %s; not proved best: the search was cut.", t.bold(string(r.Status)), r.Covered, wanting, count(len(r.Pairs), "pair"))
	}
	t.line("")
	t.floors(r)
	for _, v := range r.Values {
		if words := tierWords(r, v); words != "" {
			t.line("  %s", words)
		}
	}
	if r.Covered > 0 {
		t.line("  the best pair of whoever is served worst scores %d", r.Worst)
	}
	t.line("")
	if len(r.Pairs) > 0 {
		rows := [][]string{{"MENTEE", "MENTOR", "SCORE", "MENTOR'S SEATS", ""}}
		for _, x := range r.Pairs {
			at, _ := slices.BinarySearchFunc(r.Input.Mentors, x.Mentor, func(m matcher.MentorInput, id string) int { return strings.Compare(m.ID, id) })
			mark := ""
			switch {
			case x.Locked:
				mark = "locked"
			case x.Standing:
				mark = "stood before"
			}
			rows = append(rows, []string{clean(x.Mentee), clean(x.Mentor), fmt.Sprint(x.Score), fmt.Sprintf("%d of %d", load[x.Mentor], r.Input.Mentors[at].Seats), mark})
		}
		t.table(rows, []bool{false, false, true, true, false}, func(int, int) string { return "" })
		t.line("")
	}
	t.unmatched(reasons)
}

// tierWords says what the matching attains in a tier, in words.
func tierWords(r *matcher.Matching, v matcher.TierValue) string {
	switch v.Kind {
	case "waiting":
		return fmt.Sprintf("%d who were left over before have a mentor", v.Value)
	case "cover":
		if v.Number == 1 {
			return ""
		}
		if !slices.ContainsFunc(r.Input.Mentees, func(e matcher.MenteeInput) bool { return e.Demand >= v.Number }) {
			return ""
		}
		return fmt.Sprintf("%s at least %d mentors", have(v.Value), v.Number)
	case "band":
		return fmt.Sprintf("%s a score of at most %d", pairsHave(-v.Value), v.Number)
	case "total":
		return fmt.Sprintf("the scores sum to %d", r.Total)
	case "even":
		return fmt.Sprintf("uneven loads cost %d", -v.Value)
	}
	return ""
}

func have(n int64) string {
	if n == 1 {
		return "1 has"
	}
	return fmt.Sprintf("%d have", n)
}

func pairsHave(n int64) string {
	if n == 1 {
		return "1 pair has"
	}
	return fmt.Sprintf("%d pairs have", n)
}

// unmatched tells who has no mentor, those with the same reason together.
func (t *report) unmatched(reasons []pairing.Unmatched) {
	if len(reasons) == 0 {
		return
	}
	t.line("%s", t.bold("Without a mentor"))
	said := map[string][]string{}
	var order []string
	for _, u := range reasons {
		words := whyWords(u)
		if said[words] == nil {
			order = append(order, words)
		}
		said[words] = append(said[words], clean(u.Mentee))
	}
	for _, words := range order {
		t.line("  %s", words)
		const most = 50
		for k, id := range said[words] {
			if k == most {
				t.line("    and %d more", len(said[words])-most)
				break
			}
			t.line("    %s", id)
		}
	}
	t.line("")
}

// whyWords says why somebody has no mentor: what proves it, and the rule that
// makes it so.
func whyWords(u pairing.Unmatched) string {
	switch u.Reason {
	case pairing.NoEligibleMentor:
		return "eligible for no mentor" + ruleWords(u.Witness) + ":"
	case pairing.NoSeats:
		return "nobody they are eligible for has a seat" + ruleWords(u.Witness) + ":"
	case pairing.TooFewSeats:
		words := "too few seats: " + witnessWords(u.Witness)
		if u.Near != nil {
			words += "; " + witnessWords(u.Near) + " among them"
		}
		return words + ruleWords(u.Witness) + ":"
	case pairing.OtherTermsFirst:
		return "a seat could be found, but the objective ranks something above it:"
	case pairing.NotProved:
		return "a seat could be found; the search was cut before it was:"
	}
	return string(u.Reason) + ":"
}

func witnessWords(w *pairing.Witness) string {
	return fmt.Sprintf("%s can be served only by %s with %s", count(len(w.Mentees), "mentee"), count(len(w.Mentors), "mentor"), count(w.Seats, "seat"))
}

// ruleWords says what rules have to do with a witness; "" if they have nothing.
func ruleWords(w *pairing.Witness) string {
	switch cause := w.Cause(); {
	case cause != "" && len(w.Mentees) == 1:
		return fmt.Sprintf("; without %s they could be", ruleNamed(cause))
	case cause != "":
		return fmt.Sprintf("; without %s, %d more of them could be", ruleNamed(cause), w.Rules[0].Serves)
	case w.WithoutRules > 0:
		return "; no rule by itself keeps them out, but several together do"
	}
	return ""
}

func ruleNamed(rule string) string {
	if rule == pairing.ForbiddenPairs {
		return "the forbidden pairs"
	}
	return fmt.Sprintf("the rule %q", clean(rule))
}
