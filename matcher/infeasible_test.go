package matcher

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLock(t *testing.T) {
	for _, c := range []struct {
		condition Condition
		word, id  string
		ok        bool
	}{
		{LockCondition(LockInclude, "a b"), "include", "a b", true},
		{LockCondition(LockExclude, "3 of 5"), "exclude", "3 of 5", true},
		{LockCondition(LockInclude, "3 of 5 people"), "include", "3 of 5 people", true},
		{Condition{Bound: "exclude 3 of 5 people"}, "", "", false},
		{Condition{Bound: "include: 12 of the 40 given"}, "", "", false},
		{Condition{Bound: "size at most 15"}, "", "", false},
		{Condition{Row: 2, Bound: BoundMin}, "", "", false},
	} {
		word, id, ok := c.condition.Lock()
		if word != c.word || id != c.id || ok != c.ok {
			t.Errorf("%+v: %q %q %v", c.condition, word, id, ok)
		}
	}
}

// A record with a conflict and ways out comes back as it was, and one that says
// something impossible is refused.
func TestConflictInRecord(t *testing.T) {
	least := int64(3)
	inf := &Infeasibility{
		Conflict: []Condition{{Bound: "include a"}, {Row: 1, Bound: BoundMin}, {Row: 2, Bound: BoundMax}},
		Relaxations: []Relaxation{
			{Cost: 1, Changes: []Change{{Bound: "include a", From: 1}}},
			{Cost: 3, Changes: []Change{{Row: 1, Bound: BoundMin, From: 4, To: 2}, {Row: 2, Bound: BoundMax, From: 0, To: 1}}},
		},
		Cut:                 []string{CutRelaxations},
		LeastTotalDeviation: &least, Closest: []string{},
	}
	good := NewRecord(&Outcome{Status: Infeasible, Complete: true, Infeasibility: inf}, "sha256:00", "e").AppendJSON(nil)
	back, err := ParseRecord(good)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inf, back.Infeasibility); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct{ old, changed, want string }{
		{`"row":2,"bound":"MAX"}]`, `"row":2,"bound":"max"}]`, `infeasibility.conflict[2].bound: unknown word "max"`},
		{`"row":2,"bound":"MAX"}]`, `"row":-2,"bound":"MAX"}]`, `infeasibility.conflict[2].row: -2 is negative`},
		{`{"row":0,"bound":"include a"},`, `{"row":0,"bound":""},`, `infeasibility.conflict[0].bound: is empty`},
		{`"cost":3`, `"cost":2`, `infeasibility.relaxations[1].cost: is 2, the changes cost 3`},
		{`"from":4,"to":2`, `"from":2,"to":4`, `infeasibility.relaxations[1].changes[0]: from 2 to 4 relaxes nothing`},
		{`"from":0,"to":1`, `"from":1,"to":0`, `infeasibility.relaxations[1].changes[1]: from 1 to 0 relaxes nothing`},
		{`"cut":["relaxations"]`, `"cut":["relaxations","relaxations"]`, `infeasibility.cut[1]`},
		{`"cut":["relaxations"]`, `"cut":["time"]`, `infeasibility.cut[0]: unknown or repeated word "time"`},
		{`"cut":["relaxations"]`, `"cut":[]`, `digest`},
	} {
		_, err := ParseRecord(reseal(t, good, c.old, c.changed))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.changed, err, c.want)
		}
	}
}
