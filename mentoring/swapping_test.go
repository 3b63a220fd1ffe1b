package mentoring_test

import (
	"reflect"
	"testing"

	"github.com/openfairlead/fairlead/mentoring"
)

// Two mentees change their mentors in one write, with one cost, and it is taken
// back as one.
func TestSwap(t *testing.T) {
	w := newWorld(t)
	ann, bob, lea, max := straight(w)
	m := w.match(&mentoring.Matching{})
	before := w.result(m)
	a, b := mentoring.Pair{Mentee: lea.ID, Mentor: ann.ID}, mentoring.Pair{Mentee: max.ID, Mentor: bob.ID}
	cost, err := w.TrySwap(w.ctx, w.coordinator, program, m.ID, a, b)
	w.must(err)
	if len(cost.Removed) != 2 || len(cost.Added) != 2 || !reflect.DeepEqual(w.result(m), before) {
		t.Errorf("%+v", cost)
	}
	_, err = w.SwapMentors(w.ctx, w.coordinator, program, m.ID, a, b, " ", m.Revision, none)
	w.refused(err, "REASON_MISSING")
	made, err := w.SwapMentors(w.ctx, w.coordinator, program, m.ID, a, b, "they asked for it", m.Revision, none)
	w.must(err)
	if len(made.Edits) != 2 || made.Edits[0].Joined || !made.Edits[1].Joined || !reflect.DeepEqual(made.Edits[0].Cost, *cost) {
		t.Errorf("%+v", made.Edits)
	}
	if got := mates(w.result(m)); got[lea.ID] != bob.ID || got[max.ID] != ann.ID {
		t.Errorf("%v", got)
	}
	_, err = w.SwapMentors(w.ctx, w.coordinator, program, m.ID, a, b, "again", m.Revision, none)
	w.refused(err, "STALE_REVISION")
	_, err = w.SwapMentors(w.ctx, w.coordinator, program, m.ID, a, b, "again", 0, none)
	w.refused(err, "PAIR_NOT_MADE")
	_, err = w.TrySwap(w.ctx, w.coordinator, program, m.ID, mentoring.Pair{Mentee: lea.ID, Mentor: bob.ID}, mentoring.Pair{Mentee: lea.ID, Mentor: bob.ID})
	w.refused(err, "SWAP_EMPTY")
	undone, err := w.UndoEdit(w.ctx, w.coordinator, program, m.ID, 0, none)
	w.must(err)
	if len(undone.Edits) != 0 || !reflect.DeepEqual(w.result(m), before) {
		t.Errorf("taken back: %+v", undone.Edits)
	}
}
