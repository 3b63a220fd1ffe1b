package scoring_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// canary is a value that stands in no text, rule or topic.
const canary = "kestrel-9c41"

// told is everything that a run says of its pairs.
func told(t *testing.T, in scoring.Input) string {
	t.Helper()
	s, warnings, err := scoring.New(in)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	row, masks := make([]int16, len(in.Mentors)), make([]uint64, len(in.Mentors))
	for j := range in.Mentees {
		s.Row(j, row)
		s.Blocked(j, masks)
		fmt.Fprintln(&b, row, masks)
		for i := range in.Mentors {
			e := s.Explain(j, i)
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(text)
			for _, p := range e.Parts {
				fmt.Fprintln(&b, p.Evidence)
			}
		}
	}
	fmt.Fprintln(&b, warnings)
	return b.String()
}

// A trait that is not released changes not one byte of anything: a mentor who
// kept it back is as one who has none.
func TestUnreleasedTraitIsNowhere(t *testing.T) {
	without := newCrowd(8, scoring.DefaultRules()).people(25, 20)
	for j := range without.Mentees {
		for k, strength := range []scoring.Strength{scoring.Nice, scoring.Important, scoring.Required} {
			if j%4 == k {
				without.Mentees[j].Seeks = append(without.Mentees[j].Seeks, scoring.Seek{Attribute: "lived", Value: canary, Strength: strength})
			}
		}
	}
	with := without
	with.Mentors = slices.Clone(without.Mentors)
	for i := range with.Mentors {
		// Named, but not released for matching: an error somewhere else, and no
		// release here.
		kept := scoring.Trait{Attribute: "lived", Value: canary, Explained: i%2 == 0}
		with.Mentors[i].Traits = append(slices.Clone(with.Mentors[i].Traits), kept)
	}
	a, b := told(t, without), told(t, with)
	if a != b {
		t.Error("what a mentor kept back changes what is told")
	}
	if strings.Contains(b, canary) {
		t.Error("what a mentor kept back is told")
	}
	// The test can fail: released, it does.
	for i := range with.Mentors {
		with.Mentors[i].Traits[len(with.Mentors[i].Traits)-1] = scoring.Trait{Attribute: "lived", Value: canary, Matching: true}
	}
	c := told(t, with)
	if c == a {
		t.Error("what was released changes nothing")
	}
	if strings.Contains(c, canary) {
		t.Error("what was released for matching alone is named")
	}
	for i := range with.Mentors {
		with.Mentors[i].Traits[len(with.Mentors[i].Traits)-1].Explained = true
	}
	if !strings.Contains(told(t, with), canary) {
		t.Error("what was released by name is not named")
	}
}

// Affinity is all or nothing, weighs more for whom it is important, and keeps
// away nobody unless the mentee requires it.
func TestAffinity(t *testing.T) {
	trait := func(value string) []scoring.Trait { return []scoring.Trait{{Value: value, Matching: true}} }
	gap := func(n int) *int { return &n }
	for _, c := range []struct {
		seeks  []scoring.Seek
		traits []scoring.Trait
		score  int
		ok     bool
	}{
		{nil, trait("veteran"), 0, true},
		{[]scoring.Seek{{Value: "Veteran", Strength: scoring.Nice}}, trait("veteran"), 333, true},      // 5 of 10 + 5
		{[]scoring.Seek{{Value: "veteran", Strength: scoring.Important}}, trait("veteran"), 600, true}, // 15 of 10 + 15
		{[]scoring.Seek{{Value: "veteran", Strength: scoring.Nice}}, trait("recovery"), 0, true},
		{[]scoring.Seek{{Value: "veteran", Strength: scoring.Nice}, {Value: "recovery", Strength: scoring.Nice}}, trait("recovery"), 333, true},
		{[]scoring.Seek{{Value: "veteran", Strength: scoring.Required}}, trait("recovery"), 0, false},
		{[]scoring.Seek{{Value: "veteran", Strength: scoring.Required}}, trait("veteran"), 0, true},
		{[]scoring.Seek{{Value: "veteran", Strength: scoring.Required}}, nil, 0, false},
		{[]scoring.Seek{{Attribute: "other", Value: "veteran", Strength: scoring.Required}}, trait("veteran"), 0, false},
	} {
		s := newScorer(t, scoring.Input{
			Mentees: []scoring.Mentee{{Person: scoring.Person{ID: "a", Experience: gap(1)}, Seeks: c.seeks}},
			Mentors: []scoring.Mentor{{Person: scoring.Person{ID: "b", Experience: gap(1)}, Traits: c.traits}},
		})
		if e := s.Explain(0, 0); e.Score != c.score || e.Eligible != c.ok {
			t.Errorf("%v with %v: %+v", c.seeks, c.traits, e)
		}
	}
}

func TestAffinityCells(t *testing.T) {
	in := scoring.NewIntake(scoring.DefaultRules(), scoring.ShippedTopics(), scoring.ShippedTravel())
	seeks, err := in.Seeks("foster care: Important; veteran;recovery:required;prefer not to say")
	if got := fmt.Sprint(seeks, err); got != "[{ foster care 2} { veteran 1} { recovery 3}] <nil>" {
		t.Error(got)
	}
	traits, err := in.Traits("foster care;Veteran", "veteran")
	if got := fmt.Sprint(traits, err); got != "[{ foster care true false} { Veteran true true}] <nil>" {
		t.Error(got)
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{second(in.Traits("veteran", canary)), "item 1 is not released for matching"},
		{second(in.Seeks(canary + ":rather")), "item 1: after the colon stands nice, important or required"},
		{second(in.Seeks(canary + ";" + canary)), "item 2 stands there twice"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) || strings.Contains(c.err.Error(), canary) {
			t.Errorf("error %v, want %q", c.err, c.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAffinityLoad(t *testing.T) {
	in := newCrowd(9, scoring.DefaultRules()).people(60, 60)
	s := newScorer(t, in)
	sought := func(i int) bool {
		return slices.ContainsFunc(in.Mentors[i].Traits, func(t scoring.Trait) bool { return t.Matching })
	}
	var pairs [][2]int
	want := scoring.AffinityLoad{}
	for i := range in.Mentors { // every value is sought by somebody of so many
		if sought(i) {
			want.Sought++
		} else {
			want.Others++
		}
		for range i % 3 {
			pairs = append(pairs, [2]int{i, i})
			if sought(i) {
				want.SoughtHave++
			} else {
				want.OthersHave++
			}
		}
	}
	for _, m := range in.Mentees {
		if len(m.Seeks) > 0 {
			want.Seeking++
		}
	}
	if got := s.AffinityLoad(pairs, 11); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := s.AffinityLoad(pairs, 1+min(want.Seeking, want.Sought, want.Others)); got != (scoring.AffinityLoad{Suppressed: true}) {
		t.Errorf("few people are told: %+v", got)
	}
}
