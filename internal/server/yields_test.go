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
// does.
func TestCompanyThatGivesWayOnTheWire(t *testing.T) {
	s := &applications.Selection{GaveWay: []engine.Yield{{Rows: []int{2}, Relief: 1, People: []string{"NS-0107"}}, {Rows: []int{5, 6}, Priority: 1, Allow: 3}, {Rows: []int{7}, Priority: 2, Dropped: true}}}
	want := []*v1.RuleYield{{Rows: []int32{2}, Relief: 1}, {Rows: []int32{5, 6}, Priority: 1, Allow: 3}, {Rows: []int32{7}, Priority: 2, Dropped: true}}
	got := selectionToWire(s).GetYields()
	if len(got) != len(want) || !proto.Equal(got[0], want[0]) || !proto.Equal(got[1], want[1]) || !proto.Equal(got[2], want[2]) {
		t.Errorf("%v, want %v", got, want)
	}

	y := engine.Yield{Rows: []int{2}, Relief: 1}
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
