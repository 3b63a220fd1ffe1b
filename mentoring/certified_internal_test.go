package mentoring

import (
	"testing"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// A record is kept if it proves the pairs over the scores of the run, in whatever
// order people are, and not if it is of other scores or proves too little.
func TestCertified(t *testing.T) {
	v := &solved{
		mentee: map[string]int{"ME-2": 0, "ME-1": 1}, mentor: map[string]int{"MO-2": 0, "MO-1": 1},
		scores: pairing.Dense{10, 20, 30, pairing.NotEligible}, input: &frozen{Mentors: make([]frozenPerson, 2)},
	}
	p := &pairing.Problem{
		Mentees: []pairing.Mentee{{ID: "ME-2", Demand: 1}, {ID: "ME-1", Demand: 1}},
		Mentors: []pairing.Mentor{{ID: "MO-2", Seats: 1}, {ID: "MO-1", Seats: 1}}, Scores: v.scores,
	}
	r, err := pairing.Solve(t.Context(), p, pairing.Options{})
	if err != nil {
		t.Fatal(err)
	}
	record, err := r.Record(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.certified(record.AppendJSON(nil)); err != nil {
		t.Error(err)
	}
	v.scores = pairing.Dense{10, 20, 31, pairing.NotEligible}
	if v.certified(record.AppendJSON(nil)) == nil {
		t.Error("a record of other scores was kept")
	}
	v.scores = pairing.Dense{10, 20, 30, pairing.NotEligible}
	record.Certificate.Best.Mentors[0][0]++
	record.Seal()
	if v.certified(record.AppendJSON(nil)) == nil {
		t.Error("a record was kept whose prices prove nothing")
	}
}
