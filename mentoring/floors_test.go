package mentoring_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/mentoring"
)

func (w *world) from(place string) enrolled {
	w.Helper()
	return w.enroll(mentoring.Mentee, 1, map[string]string{"wants": "Budgeting", "languages": "English", "places": place}, nil)
}

func (w *world) floors(attribute string, least map[string]int) {
	w.Helper()
	w.must(w.plan(func(p *mentoring.Plan) { p.Floors = &mentoring.Floors{Attribute: attribute, Min: least} }))
}

// counted is what a run noted under a name, 0 without.
func counted(m *mentoring.Matching, name string) int64 {
	if i := slices.IndexFunc(m.Steps, func(s mentoring.Step) bool { return s.Name == name }); i >= 0 {
		return m.Steps[i].Value
	}
	return 0
}

func solvedRun(t *testing.T, m *mentoring.Matching) {
	t.Helper()
	if m.State != mentoring.Solved || m.CurrentStep != mentoring.StepStored {
		t.Fatalf("%s at %s: %s %s", m.State, m.CurrentStep, m.ErrorReason, m.Error)
	}
}

// A floor counts who has a mentor already, so that a decline can be mended when
// everybody of the group had one, and when those who are left are fewer than the
// floor.
func TestFloorsInLaterRuns(t *testing.T) {
	for _, mentors := range []int{2, 3} {
		w := newWorld(t)
		w.floors("places", map[string]int{"Skagit": 2})
		for range mentors {
			w.mentor(1, "Budgeting")
		}
		lea := w.from("Skagit")
		w.from("Skagit")
		first := w.match(&mentoring.Matching{})
		solvedRun(t, first)
		w.publish(first)
		p := w.proposals(lea.who)[0]
		_, err := w.DeclineProposal(w.ctx, lea.who, program, p.ID, mentoring.Decline{Reason: mentoring.NoTime}, "", "", 0, none)
		w.must(err)
		made, err := w.Rematch(w.ctx, w.coordinator, program, p.ID, none)
		w.must(err)
		again := w.run(made)
		solvedRun(t, again)
		r := w.result(again)
		if found := mates(r)[lea.ID]; (found != "") != (mentors == 3) || found == p.Mentor {
			t.Errorf("%d mentors: %+v", mentors, r.Pairs)
		}
		// The last one of the group is sought in the floor, and cannot be served.
		if short := counted(again, mentoring.StepFloorsShort); short != int64(3-mentors) {
			t.Errorf("%d mentors: short of the floors by %d", mentors, short)
		}
	}
}

// Floors are kept as far as there are mentors and people, which the run notes, and
// what is kept so is proved. An edit does not cost them.
func TestFloorsAsFarAsPossible(t *testing.T) {
	w := newWorld(t)
	w.floors("places", map[string]int{"Skagit": 5, "Island": 1, "Whatcom": 1})
	ann, bob := w.mentor(1, "Budgeting"), w.mentor(1, "Budgeting")
	w.from("Island")
	var skagit, whatcom []enrolled
	for range 3 {
		skagit = append(skagit, w.from("Skagit"))
		whatcom = append(whatcom, w.from("Snohomish"))
	}
	m := w.match(&mentoring.Matching{})
	solvedRun(t, m)
	r := w.result(m)
	if r.Status != "OPTIMAL" || len(r.Certificate) == 0 || len(r.Pairs) != 2 {
		t.Fatalf("%+v", r)
	}
	// 3 of Skagit and 1 of Island are 4, for 2 mentors; of Whatcom is nobody.
	if short, unheld := counted(m, mentoring.StepFloorsShort), counted(m, mentoring.StepFloorsUnheld); short != 2 || unheld != 1 {
		t.Errorf("short %d, unheld %d: %+v", short, unheld, m.Steps)
	}
	for _, e := range whatcom {
		if mates(r)[e.ID] != "" {
			t.Error("somebody without a floor came before those with one")
		}
		_, err := w.TryEdit(w.ctx, w.coordinator, program, m.ID, mentoring.Edit{Kind: mentoring.LockPair, Mentee: e.ID, Mentor: ann.ID, Reason: "asked for"})
		w.refused(err, "FLOORS_IMPOSSIBLE")
	}
	// Another pair that keeps them can be locked, also when the run is read anew.
	served := skagit[slices.IndexFunc(skagit, func(e enrolled) bool { return mates(r)[e.ID] != "" })]
	other := map[string]string{ann.ID: bob.ID, bob.ID: ann.ID}[mates(r)[served.ID]]
	w.Forget()
	_, err := w.EditMatching(w.ctx, w.coordinator, program, m.ID, mentoring.Edit{Kind: mentoring.LockPair, Mentee: served.ID, Mentor: other, Reason: "asked for"}, 0, none)
	w.must(err)
	if r := w.result(m); mates(r)[served.ID] != other || r.Status != "OPTIMAL" {
		t.Errorf("%+v", r)
	}
}

// A place is one group however it is spelled: by the page, by the travel table, in
// a file. So is a language, and a value of any other column in any case.
func TestGroupsBySpelling(t *testing.T) {
	w := newWorld(t)
	spellings := []string{"Skagit County", "skagit", "Skagit"}
	w.must(w.plan(func(p *mentoring.Plan) { p.Audited = []string{"places", "languages", "harbor"} }))
	w.floors("places", map[string]int{"Skagit": 5})
	w.mentor(3, "Budgeting")
	w.mentor(2, "Budgeting")
	for n := range 12 {
		w.enroll(mentoring.Mentee, 1, map[string]string{
			"wants": "Budgeting", "places": spellings[n%3] + "; Island", "languages": []string{"English", "en", "EN-US"}[n%3], "harbor": []string{"Old  Dock", "old dock"}[n%2],
		}, nil)
	}
	m := w.match(&mentoring.Matching{})
	solvedRun(t, m)
	r := w.result(m)
	var groups []string
	for _, a := range r.Audit.Attributes {
		for _, g := range a.Groups {
			groups = append(groups, fmt.Sprint(g.Name, " ", g.Mentees))
		}
	}
	want := "Island County 12,Skagit County 12,English 12,Old Dock 12"
	if got := strings.Join(groups, ","); got != want {
		t.Errorf("groups %q, not %q", got, want)
	}
	if r.Terms[0].Name != "floors" || r.Terms[0].Value != 5 {
		t.Errorf("%+v", r.Terms)
	}
	// One floor for a place.
	err := w.plan(func(p *mentoring.Plan) {
		p.Floors = &mentoring.Floors{Attribute: "places", Min: map[string]int{"Skagit": 1, "skagit county": 2}}
	})
	w.refused(err, "PLAN_INVALID")
}

// Who had a proposal when the run began, and has lost it when the run is published,
// was left with nobody: they wait like the others.
func TestLostInReviewWaits(t *testing.T) {
	w := newWorld(t)
	lea := w.mentee(2, "Budgeting")
	w.mentor(1, "Budgeting")
	w.publish(w.match(&mentoring.Matching{}))
	m := w.match(&mentoring.Matching{})
	solvedRun(t, m)
	if r := w.result(m); len(r.Kept) != 1 || len(r.Unmatched) != 0 {
		t.Fatalf("%+v", r)
	}
	_, err := w.DeclineProposal(w.ctx, lea.who, program, w.proposals(lea.who)[0].ID, mentoring.Decline{Reason: mentoring.NoTime}, "", "", 0, none)
	w.must(err)
	w.publish(m)
	e, err := w.Enrollment(w.ctx, w.coordinator, program, lea.ID)
	w.must(err)
	if e.WaitRounds != 1 || e.WaitSince.IsZero() {
		t.Errorf("waited %d rounds, since %v", e.WaitRounds, e.WaitSince)
	}
}

// Who has a mentor and asked for another one is covered: they take no seat from
// somebody without one, however well they fit, and are not among the unmatched; the
// record proves it.
func TestSecondMentorComesLater(t *testing.T) {
	w := newWorld(t)
	w.must(w.plan(func(p *mentoring.Plan) { p.Audited = []string{"places"} }))
	profile := func(wants string) map[string]string {
		return map[string]string{"wants": wants, "languages": "English", "places": "Skagit"}
	}
	lea := w.enroll(mentoring.Mentee, 2, profile("Budgeting"), nil)
	first := w.match(&mentoring.Matching{})
	w.publish(first) // nobody for her: she waits
	w.mentor(1, "Budgeting")
	w.publish(w.match(&mentoring.Matching{}))
	p := w.proposals(lea.who)
	if len(p) != 1 {
		t.Fatalf("%+v", p)
	}
	// One seat for two: max fits it less.
	ann := w.enroll(mentoring.Mentor, 1, map[string]string{"offers": "Budgeting", "languages": "English"}, nil)
	max := w.enroll(mentoring.Mentee, 1, profile("Grant writing"), nil)
	m := w.match(&mentoring.Matching{})
	solvedRun(t, m)
	r := w.result(m)
	if len(r.Pairs) != 1 || mates(r)[max.ID] != ann.ID {
		t.Fatalf("%+v", r.Pairs)
	}
	if len(r.Unmatched) != 0 || r.Covered != 2 || m.Covered != 2 || r.Status != "OPTIMAL" || !strings.Contains(string(r.Certificate), `"has":1`) {
		t.Errorf("unmatched %+v, covered %d: %s", r.Unmatched, r.Covered, r.Certificate)
	}
	if len(r.Kept) != 1 || r.Kept[0].Mentee != lea.ID {
		t.Errorf("kept %+v", r.Kept)
	}
	for _, term := range r.Terms {
		if term.Name == "waiting" {
			t.Error("who has a mentor counts as waiting")
		}
		if term.Name == "worst" && term.Value != int64(r.Pairs[0].Score) {
			t.Errorf("the worst is %d", term.Value)
		}
	}
	why, err := w.WhyNot(w.ctx, w.coordinator, program, m.ID, lea.ID, ann.ID)
	w.must(err)
	if why.Cost == nil || why.Cost.Terms[0].Term != "cover" || why.Cost.Terms[0].Before != 2 || why.Cost.Terms[0].After != 1 {
		t.Errorf("%+v", why.Cost)
	}
	w.publish(m)
	for who, rounds := range map[string]int{lea.ID: 1, max.ID: 0} {
		e, err := w.Enrollment(w.ctx, w.coordinator, program, who)
		w.must(err)
		if e.WaitRounds != rounds {
			t.Errorf("waited %d rounds, not %d", e.WaitRounds, rounds)
		}
	}
}
