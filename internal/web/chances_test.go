package web

import (
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher"
)

// A reason is said once, with everybody whom it keeps out, in the order in
// which the reasons come.
func TestReasonsForNoChanceAreSaidOnce(t *testing.T) {
	sum := &applications.ChanceSummary{Method: matcher.LotteryLeximin, Exclusions: []applications.ExclusionSummary{
		{People: 1, Reason: "priority 3"}, {People: 2, Reason: "must"}, {People: 1, Reason: "priority 3"}, {People: 1, Reason: "priority 1"},
	}}
	got := newChancesView("en", sum, nil).Reasons
	l := tongue("en")
	want := []missLine{
		{What: l.said("2 people"), Text: l.say("excluded.priority", "n", "3")},
		{What: l.said("2 people"), Text: l.say("excluded.must")},
		{What: l.said("1 person"), Text: l.say("excluded.priority", "n", "1")},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: %+v, want %+v", i, got[i], want[i])
		}
	}
}
