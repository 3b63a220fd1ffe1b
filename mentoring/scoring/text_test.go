package scoring_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// BM25 over made-up words, against the formula in floating point.
func TestTextAgainstFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	rules := rulesOf(t, "goals", "style")
	word := func() string { return fmt.Sprintf("zq%c%cv", 'b'+r.IntN(3), 'b'+r.IntN(8)) } // no endings
	text := func() []string {
		words := make([]string, r.IntN(12))
		for k := range words {
			words[k] = word()
		}
		return words
	}
	compared := 0
	for range 60 {
		n := 2 + r.IntN(8)
		docs := make([][]string, n)
		in := scoring.Input{Rules: rules}
		total, writing := 0, 0
		for i := range n {
			docs[i] = text()
			total += len(docs[i])
			if len(docs[i]) > 0 {
				writing++
			}
			in.Mentors = append(in.Mentors, scoring.Mentor{Person: scoring.Person{ID: fmt.Sprint(i), Text: strings.Join(docs[i], " "), TextLanguage: "en", Style: []uint8{3, 0, 0, 0}}})
		}
		query := text()
		in.Mentees = []scoring.Mentee{{Person: scoring.Person{ID: "m", Text: strings.Join(query, " "), TextLanguage: "en", Style: []uint8{3, 0, 0, 0}}}}
		s := newScorer(t, in)
		for i := range n {
			var got, want, all float64
			for _, p := range s.Explain(0, i).Parts {
				if p.Feature == "goals" {
					got = float64(p.Value)
				}
			}
			seen := map[string]bool{}
			for _, q := range query {
				having := 0
				tf := 0.0
				for k, d := range docs {
					for at, w := range d {
						if w == q && k == i {
							tf++
						}
						if w == q && !strings.Contains(" "+strings.Join(d[:at], " ")+" ", " "+q+" ") {
							having++
						}
					}
				}
				if seen[q] || having == 0 {
					continue
				}
				seen[q] = true
				idf := math.Log(1 + (float64(writing-having)+0.5)/(float64(having)+0.5))
				avg := float64(total) / float64(writing)
				all += idf
				want += idf * tf * 2.2 / (tf + 1.2*(0.25+0.75*float64(len(docs[i]))/avg))
			}
			if all == 0 {
				continue
			}
			compared++
			if want = 1000 * min(1, want/all); math.Abs(got-want) > 4 { // idf is rounded to thousandths
				t.Fatalf("%v with %v: %v thousandths, want %v", query, docs[i], got, want)
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d compared", compared)
	}
}

// What is written freely never weighs more than 15 hundredths, whatever else is
// blank, and says nothing alone.
func TestTextShare(t *testing.T) {
	goals, about := map[string]string{"goals": "writing grants"}, map[string]string{"about": "writing grants"}
	if _, e := only(t, scoring.ShippedTopics(), goals, about, "goals"); e.Score != 500 || e.Parts[0].Feature != "unknown" {
		t.Errorf("a text alone: %+v", e)
	}
	goals["experience"], about["experience"] = "5", "5"
	_, e := only(t, scoring.ShippedTopics(), goals, about, "goals", "experience")
	if e.Score != 150 || len(e.Parts) != 2 || e.Parts[0].Points != 150 {
		t.Errorf("a text that agrees, beside a gap of 0: %+v", e)
	}
}

// Words agree but for their endings, and phrases of the vocabulary across
// languages.
func TestTextAcrossLanguages(t *testing.T) {
	about := map[string]string{"about": "I ran a food bank for years, managed its budgets and recruited volunteers.", "experience": "1"}
	for _, c := range []struct {
		goals string
		some  bool
	}{
		{"managing a budget", true},
		{"recruiting a volunteer", true},
		{"Quiero abrir un banco de alimentos", true},
		{"elaboración de presupuestos", true},
		{"a bankruptcy", false},
		{"me gusta la música", false},
	} {
		_, e := only(t, scoring.ShippedTopics(), map[string]string{"goals": c.goals, "experience": "1"}, about, "goals", "experience")
		if got := e.Score > 0; got != c.some {
			t.Errorf("%q: %+v", c.goals, e)
		}
	}
}
