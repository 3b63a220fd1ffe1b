package server

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/matcher"
	engine "github.com/openfairlead/fairlead/matcher/selection"
)

// Which company rules gave way is told of a run, and a check warns of each that
// does, with the first of its rows.
func TestCompanyThatGivesWayOnTheWire(t *testing.T) {
	s := &applications.Selection{GaveWay: []applications.GaveWay{{Rows: []int{2, 5}, Priority: 1, CountsAs: 2, Allow: 3}, {Priority: 9, Allow: applications.TooFew, Dropped: true}}}
	want := []*v1.RuleYield{{Rows: []int32{2, 5}, Priority: 1, RunPriority: 2, Allow: 3}, {Priority: 9, Allow: -1, Dropped: true}}
	got := selectionToWire(s).GetYields()
	if len(got) != len(want) || !proto.Equal(got[0], want[0]) || !proto.Equal(got[1], want[1]) {
		t.Errorf("%v, want %v", got, want)
	}

	y := engine.Yield{Rows: []int{2}, Allow: 1}
	v := &applications.CriteriaVerdict{
		Rules:   []applications.ResultRule{{RuleCount: matcher.RuleCount{Row: 2, Kind: matcher.Company, Priority: matcher.Must}}},
		Details: &engine.Details{Yields: []engine.Yield{y}},
	}
	w := &v1.CheckCriteriaResponse{}
	detailsToWire(w, v)
	if len(w.GetWarnings()) != 1 || w.GetWarnings()[0].GetRow() != 2 || w.GetWarnings()[0].GetMessage() != y.Message() {
		t.Errorf("warnings %v", w.GetWarnings())
	}
}
