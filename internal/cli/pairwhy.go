package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/openfairlead/fairlead/matcher/nearest"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// why tells what the score of one pair is made of.
func (out *profiles) why(p *program, text string, asJSON bool) error {
	mentee, mentor, ok := strings.Cut(text, ",")
	mentee, mentor = strings.TrimSpace(mentee), strings.TrimSpace(mentor)
	if !ok || mentee == "" || mentor == "" || strings.Contains(mentor, ",") {
		return usage("--why %q: write MENTEE,MENTOR: the ids of the two", text)
	}
	j, ok := out.menteeAt[mentee]
	if !ok {
		return exit(exitData, "--why: %q is no mentee of the file%s", mentee, nearest.Hint(mentee, out.scorer.MenteeIDs()))
	}
	i, ok := out.mentorAt[mentor]
	if !ok {
		return exit(exitData, "--why: %q is no mentor of the file%s", mentor, nearest.Hint(mentor, out.scorer.MentorIDs()))
	}
	e := out.scorer.Explain(j, i)
	if asJSON {
		return json.NewEncoder(p.stdout).Encode(whyJSON(e))
	}
	fmt.Fprintf(p.stdout, "%s with %s: %s\n\n", e.Mentee, e.Mentor, verdictOfPair(e))
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', tabwriter.AlignRight|tabwriter.DiscardEmptyColumns)
	fmt.Fprintln(t, "POINTS\tOF\tSAYS\t  FEATURE")
	for _, part := range e.Parts {
		fmt.Fprintf(t, "%d\t%d\t%d.%03d\t  %s\n", part.Points, part.Most, part.Value/1000, part.Value%1000, part.Feature+": "+clean(strings.Join(evidenceWords(part), "; ")))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(e.Blank) > 0 {
		fmt.Fprintf(p.stdout, "\nLeft out, for want of answers that can be compared: %s.\n", strings.Join(e.Blank, ", "))
	}
	return nil
}

// verdictOfPair is the first line about a pair.
func verdictOfPair(e scoring.Explanation) string {
	if !e.Eligible {
		return fmt.Sprintf("not eligible, by hard rule: %s; but for that the score would be %d of 1000, %s", strings.Join(e.Blocked, ", "), e.Score, completenessWords(e.Completeness))
	}
	return fmt.Sprintf("%d of 1000, %s", e.Score, completenessWords(e.Completeness))
}

// completenessWords says how much of what is weighed both answered.
func completenessWords(thousandths int) string {
	return fmt.Sprintf("from %d.%d %% of what is weighed", thousandths/10, thousandths%10)
}

func evidenceWords(part scoring.Part) []string {
	words := make([]string, 0, len(part.Evidence))
	for _, e := range part.Evidence {
		words = append(words, e.String())
	}
	return words
}

// pairWhy is what --why --json prints.
type pairWhy struct {
	Mentee       string     `json:"mentee"`
	Mentor       string     `json:"mentor"`
	Eligible     bool       `json:"eligible"`
	Blocked      []string   `json:"blocked"`
	Score        int        `json:"score"`
	Completeness int        `json:"completeness"` // thousandths
	Blank        []string   `json:"blank"`
	Parts        []whyParts `json:"parts"`
}

type whyParts struct {
	Feature  string        `json:"feature"`
	Points   int           `json:"points"`
	Most     int           `json:"most"`
	Value    int           `json:"value"` // thousandths
	Evidence []whyEvidence `json:"evidence"`
}

type whyEvidence struct {
	Kind  string `json:"kind"`
	ID    string `json:"id"`
	With  string `json:"with"`
	Value int    `json:"value"`
	Words string `json:"words"`
}

func whyJSON(e scoring.Explanation) pairWhy {
	out := pairWhy{
		Mentee: e.Mentee, Mentor: e.Mentor, Eligible: e.Eligible, Score: e.Score, Completeness: e.Completeness,
		Blocked: append([]string{}, e.Blocked...), Blank: append([]string{}, e.Blank...), Parts: []whyParts{},
	}
	for _, p := range e.Parts {
		part := whyParts{Feature: p.Feature, Points: p.Points, Most: p.Most, Value: p.Value, Evidence: []whyEvidence{}}
		for _, v := range p.Evidence {
			part.Evidence = append(part.Evidence, whyEvidence{Kind: v.Kind, ID: v.ID, With: v.With, Value: v.Value, Words: v.String()})
		}
		out.Parts = append(out.Parts, part)
	}
	return out
}

// suggest lists as CSV the topics that people wrote of and do not name, for
// them to confirm.
func (out *profiles) suggest(p *program) error {
	w := csv.NewWriter(p.stdout)
	w.Write([]string{"role", "id", "topic", "label", "words"}) // errors come with Error
	list := func(role string, person *scoring.Person, named []string) {
		for _, s := range out.topics.Suggest(person.Text, person.TextLanguage) {
			if !slices.Contains(named, s.Topic) {
				w.Write([]string{role, person.ID, s.Topic, out.topics.Label(s.Topic, "en"), s.Words})
			}
		}
	}
	for j := range out.input.Mentees {
		m := &out.input.Mentees[j]
		var named []string
		for _, t := range m.Wants {
			named = append(named, t.Topic)
		}
		list("mentee", &m.Person, named)
	}
	for i := range out.input.Mentors {
		m := &out.input.Mentors[i]
		var named []string
		for _, t := range m.Offers {
			named = append(named, t.Topic)
		}
		list("mentor", &m.Person, named)
	}
	w.Flush()
	return w.Error()
}
