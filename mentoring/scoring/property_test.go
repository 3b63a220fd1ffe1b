package scoring_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// What should help a pair never lowers its score, and what is said of one person
// changes nothing for the others.
func TestChangesGoTheRightWay(t *testing.T) {
	for seed := range uint64(12) {
		c := newCrowd(100+seed, scoring.DefaultRules())
		in := c.people(30, 25)
		n := len(in.Mentors)
		before, err := newScorer(t, in).Matrix(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		j, i := c.IntN(len(in.Mentees)), c.IntN(n)
		// try makes a change; mayFall and mayDiffer say of which pairs the score may
		// fall, and may be another one at all.
		try := func(what string, change func(mentees []scoring.Mentee, mentors []scoring.Mentor), mayFall, mayDiffer func(a, b int) bool) {
			t.Helper()
			other := in
			other.Mentees, other.Mentors = slices.Clone(in.Mentees), slices.Clone(in.Mentors)
			change(other.Mentees, other.Mentors)
			after, err := newScorer(t, other).Matrix(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			for a := range in.Mentees {
				for b := range n {
					was, is := before[a*n+b], after[a*n+b]
					if is < was && !mayFall(a, b) || is != was && !mayDiffer(a, b) {
						t.Errorf("seed %d: %s: %s with %s goes from %d to %d", seed, what, in.Mentees[a].ID, in.Mentors[b].ID, was, is)
					}
				}
			}
		}
		never := func(int, int) bool { return false }
		ofMentor := func(_, b int) bool { return b == i }
		ofMentee := func(a, _ int) bool { return a == j }
		pair := func(a, b int) bool { return a == j && b == i }

		try("a mentor knows a topic better", func(_ []scoring.Mentee, mentors []scoring.Mentor) {
			mentors[i].Offers = slices.Clone(mentors[i].Offers)
			for k := range mentors[i].Offers {
				mentors[i].Offers[k].Level = 3
			}
		}, never, ofMentor)
		if len(in.Mentees[j].Wishes) == 0 {
			try("a first wish", func(mentees []scoring.Mentee, _ []scoring.Mentor) {
				mentees[j].Wishes = []string{in.Mentors[i].ID}
			}, func(a, b int) bool { return a == j && b != i }, ofMentee)
		}
		if len(in.Mentees[j].Never) == 0 {
			try("a hard never", func(mentees []scoring.Mentee, _ []scoring.Mentor) {
				mentees[j].Never = []string{in.Mentors[i].ID}
			}, pair, pair)
		}
		try("a conflict that a mentor declares", func(_ []scoring.Mentee, mentors []scoring.Mentor) {
			mentors[i].Conflicts = append(slices.Clone(mentors[i].Conflicts), in.Mentees[j].ID)
		}, pair, pair)
		try("messages are fine for everybody", func(mentees []scoring.Mentee, mentors []scoring.Mentor) {
			for k := range mentees {
				mentees[k].Asynchronous = scoring.Yes
			}
			for k := range mentors {
				mentors[k].Asynchronous = scoring.Yes
			}
		}, never, func(int, int) bool { return true })
		try("a mentor releases a trait", func(_ []scoring.Mentee, mentors []scoring.Mentor) {
			for _, value := range lived {
				mentors[i].Traits = append(slices.Clone(mentors[i].Traits), scoring.Trait{Attribute: "lived", Value: value, Matching: true})
			}
		}, never, ofMentor)
		try("a unit that nobody else is of", func(mentees []scoring.Mentee, _ []scoring.Mentor) {
			mentees[j].Units = append(slices.Clone(mentees[j].Units), fmt.Sprint("unit of ", seed))
		}, never, never)
	}
}
