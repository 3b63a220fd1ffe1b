package mentoring_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/mentoring"
)

// What somebody has lived, prefers or never wants comes from them alone, not from
// a list of the staff's.
func TestStaffGiveNothingPrivate(t *testing.T) {
	w := newWorld(t)
	bob := w.mentor(1, "Grant writing")
	list := func(change func(*mentoring.Enrollment)) []*mentoring.Enrollment {
		fine := &mentoring.Enrollment{Wanted: 1, Language: "en", Consents: agreed, Contact: mentoring.Contact{Name: "Invented Person", Phone: "360-555-0198"}}
		wrong := *fine
		wrong.Contact.Name = "Another Invented Person"
		change(&wrong)
		return []*mentoring.Enrollment{fine, &wrong}
	}
	for field, change := range map[string]func(*mentoring.Enrollment){
		"traits": func(e *mentoring.Enrollment) {
			e.Traits = []mentoring.Trait{{Attribute: "lived", Value: "kanarienvogel", Matching: true}}
		},
		"affinity": func(e *mentoring.Enrollment) {
			e.Affinity = []mentoring.AffinityWish{{Attribute: "lived", Value: "kanarienvogel", Strength: "NICE"}}
		},
		"never": func(e *mentoring.Enrollment) { e.Never = []string{bob.ID} },
		"profile.conflicts": func(e *mentoring.Enrollment) {
			e.Profile = map[string]string{"wants": "Budgeting", "conflicts": bob.Code}
		},
		"profile.affinity_match": func(e *mentoring.Enrollment) {
			e.Profile = map[string]string{"affinity_match": "kanarienvogel"}
		},
		"profile.affinity_name": func(e *mentoring.Enrollment) {
			e.Profile = map[string]string{"affinity_name": "kanarienvogel"}
		},
		"profile.managers": func(e *mentoring.Enrollment) { e.Profile = map[string]string{"managers": "kanarienvogel"} },
	} {
		people := list(change)
		one := *people[1]
		one.Program, one.Role = program, mentoring.Mentee
		_, _, err := w.Enroll(w.ctx, w.coordinator, &one, true, "asked by phone", none)
		w.refused(err, "ENROLLMENT_INVALID")
		if got := fieldsOf(err); !slices.Equal(got, []string{field}) {
			t.Errorf("one with %s: %v", field, got)
		}
		_, err = w.ImportEnrollments(w.ctx, w.coordinator, program, mentoring.Mentee, people, "a list", none)
		w.refused(err, "IMPORT_INVALID")
		if got := fieldsOf(err); !slices.Equal(got, []string{"row 2, " + field}) || strings.Contains(err.Error(), "kanarienvogel") {
			t.Errorf("a list with %s: %v %v", field, got, err)
		}
		check, err := w.CheckImport(w.ctx, w.coordinator, program, mentoring.Mentee, people)
		w.must(err)
		if len(check.Problems) == 0 || check.Problems[0].Row != 1 || check.Problems[0].Field != field {
			t.Errorf("a check of a list with %s: %+v", field, check.Problems)
		}
	}
	if all := w.all(mentoring.Mentee); len(all) != 0 {
		t.Errorf("%d were enrolled", len(all))
	}
	blank := &mentoring.Enrollment{Program: program, Role: mentoring.Mentee, Wanted: 1, Profile: map[string]string{"conflicts": "", "managers": " "}}
	_, _, err := w.Enroll(w.ctx, w.coordinator, blank, false, "a list with empty columns", none)
	w.must(err)
}

func fieldsOf(err error) (fields []string) {
	var ours *problem.Error
	if errors.As(err, &ours) {
		for _, v := range ours.Violations {
			fields = append(fields, v.Field)
		}
	}
	return fields
}

// The log says that something private was changed, and never what.
func TestLogOfPrivateChanges(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.mentee(1, "Budgeting"), w.mentor(1, "Budgeting")
	for fields, want := range map[string]string{
		"never": "fields=[private]", "affinity,traits": "fields=[private]", "language,never": "fields=[language private]", "language": "fields=[language]",
	} {
		e := mentoring.Enrollment{Program: program, ID: ann.ID, Language: "en", Never: []string{bob.ID}}
		_, err := w.UpdateEnrollment(w.ctx, ann.who, &e, strings.Split(fields, ","), "", none)
		w.must(err)
		var last string
		w.must(w.store.View(w.ctx, func(tx applications.Tx) error {
			events, err := tx.Events(w.ctx, 0, 0)
			last = events[len(events)-1].Detail
			return err
		}))
		if last != want {
			t.Errorf("%s: the log says %q, want %q", fields, last, want)
		}
	}
}

// A mentorship tells each side how to reach the other. It begins only while both
// agree to that, whoever accepted first.
func TestBothAgreeToBeReached(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.mentee(1, "Budgeting"), w.mentor(1, "Budgeting")
	w.publish(w.match(&mentoring.Matching{}))
	p := w.proposals(ann.who)[0]
	_, err := w.AcceptProposal(w.ctx, ann.who, program, p.ID, "", "", 0, none)
	w.must(err)
	contact := func(given bool) {
		_, err := w.update(ann.who, ann.ID, mentoring.Enrollment{Consents: []mentoring.Consent{{Purpose: mentoring.ForContact, Given: given}}}, "consents")
		w.must(err)
	}
	contact(false)
	_, err = w.AcceptProposal(w.ctx, bob.who, program, p.ID, "", "", 0, none)
	w.refused(err, "CONSENT_MISSING")
	if list, err := w.Mentorships(w.ctx, w.coordinator, program, mentoring.ListQuery{}); err != nil || len(list.Items) != 0 {
		t.Fatalf("%v %v", list, err)
	}
	contact(true)
	done, err := w.AcceptProposal(w.ctx, bob.who, program, p.ID, "", "", 0, none)
	w.must(err)
	if done.State != mentoring.Confirmed {
		t.Errorf("%s", done.State)
	}
}

// Whoever names the other one among those they never want, after they accepted,
// is not brought together with them: neither side of a mentorship sees how to
// reach the other, and the words are those of a consent that was taken back.
func TestNeverAfterAccepting(t *testing.T) {
	for _, first := range []mentoring.Role{mentoring.Mentee, mentoring.Mentor} {
		w := newWorld(t)
		own, other := w.mentee(1, "Budgeting"), w.mentor(1, "Budgeting")
		if first == mentoring.Mentor {
			own, other = other, own
		}
		w.publish(w.match(&mentoring.Matching{}))
		p := w.proposals(own.who)[0]
		_, err := w.AcceptProposal(w.ctx, own.who, program, p.ID, "", "", 0, none)
		w.must(err)
		_, err = w.update(own.who, own.ID, mentoring.Enrollment{Consents: []mentoring.Consent{{Purpose: mentoring.ForContact}}}, "consents")
		w.must(err)
		_, consent := w.AcceptProposal(w.ctx, other.who, program, p.ID, "", "", 0, none)
		w.refused(consent, "CONSENT_MISSING")
		_, err = w.update(own.who, own.ID, mentoring.Enrollment{Consents: agreed, Never: []string{other.Code}}, "consents", "never")
		w.must(err)
		_, err = w.AcceptProposal(w.ctx, other.who, program, p.ID, "", "", 0, none)
		w.refused(err, "CONSENT_MISSING")
		if err.Error() != consent.Error() {
			t.Errorf("told apart: %q, %q", err, consent)
		}
		if list := w.mentorships(w.coordinator); len(list) != 0 {
			t.Errorf("the %s never wants the other: %+v", first, list)
		}
	}
}

// moody is a store that can be made to fail.
type moody struct {
	mentoring.Store
	scrub, view error
	scrubbed    int
}

func (m *moody) Scrub(context.Context) error {
	m.scrubbed++
	return m.scrub
}

func (m *moody) View(ctx context.Context, fn func(mentoring.Tx) error) error {
	if m.view != nil {
		return m.view
	}
	return m.Store.View(ctx, fn)
}

// What was erased goes out of the database's files also while some run that is
// held cannot be read.
func TestErasuresAreScrubbedWhateverIsHeld(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.mentee(1, "Budgeting"), w.mentor(1, "Budgeting")
	m := w.match(&mentoring.Matching{})
	late := w.mentor(1, "Budgeting") // in no run
	store := &moody{Store: w.Store, scrub: errors.New("the disk is full")}
	w.Store = store
	_, err := w.EraseEnrollment(w.ctx, w.privacy, program, late.ID, "asked for", none)
	w.must(err)
	_, err = w.WhyNot(w.ctx, w.coordinator, program, m.ID, ann.ID, bob.ID)
	w.must(err)
	if w.Held() == 0 || store.scrubbed != 1 {
		t.Fatalf("%d held, %d times scrubbed", w.Held(), store.scrubbed)
	}
	store.view = errors.New("the run cannot be read")
	if err := w.TendErasures(w.ctx); !errors.Is(err, store.scrub) || !errors.Is(err, store.view) {
		t.Errorf("both failed: %v", err)
	}
	store.scrub = nil
	for range 2 { // the second time nothing is left to scrub
		if err := w.TendErasures(w.ctx); !errors.Is(err, store.view) {
			t.Errorf("the run can be read: %v", err)
		}
	}
	if store.scrubbed != 3 {
		t.Errorf("%d times scrubbed, want 3", store.scrubbed)
	}
}

// A replica holds what it solved in memory, profiles included. When another one
// erases somebody, it forgets that run: when it is asked, and by itself.
func TestReplicasForgetWhomOthersErased(t *testing.T) {
	for _, asked := range []bool{true, false} {
		w := newWorld(t)
		ann, bob, eve := w.mentee(1, "Budgeting"), w.mentor(1, "Budgeting"), w.mentor(1, "Budgeting")
		m := w.match(&mentoring.Matching{})
		other := &mentoring.Service{Store: w.store.Mentoring(), Secrets: macs{}, Now: w.clock.now, NewID: w.NewID, Random: w.Random, Engine: "test-engine"}
		_, err := other.WhyNot(w.ctx, w.coordinator, program, m.ID, ann.ID, eve.ID)
		w.must(err)
		w.must(other.TendErasures(w.ctx))
		if other.Held() == 0 {
			t.Fatal("nothing is held, although nobody was erased")
		}
		_, err = w.EraseEnrollment(w.ctx, w.privacy, program, bob.ID, "asked for", none)
		w.must(err)
		if asked {
			_, err = other.WhyNot(w.ctx, w.coordinator, program, m.ID, ann.ID, eve.ID)
			w.refused(err, "MATCHING_ERASED")
		} else {
			w.must(other.TendErasures(w.ctx))
		}
		if n := other.Held(); n != 0 {
			t.Errorf("asked %v: %d runs are held that have somebody who was erased", asked, n)
		}
	}
}

// Why two people are a pair is told without solving the run again, or scoring
// all its pairs, in the same words as with that.
func TestExplainPairHoldsNothing(t *testing.T) {
	w := newWorld(t)
	ann, _ := w.mentee(1, "Budgeting:3"), w.mentee(1, "Grant writing")
	mentors := []enrolled{w.mentor(1, "Budgeting"), w.mentor(1, "Grant writing;Budgeting:1"), w.enroll(mentoring.Mentor, 1, map[string]string{"languages": "Spanish"}, nil)}
	m := w.match(&mentoring.Matching{})
	var before []*mentoring.PairExplanation
	for _, o := range mentors {
		x, err := w.ExplainPair(w.ctx, w.coordinator, program, m.ID, ann.ID, o.ID)
		w.must(err)
		before = append(before, x)
	}
	if n := w.Held(); n != 0 {
		t.Errorf("%d runs are held", n)
	}
	if !before[0].Made || before[1].Made || before[2].Eligible || !slices.Equal(before[2].Blocked, []string{"language"}) {
		t.Errorf("%+v", before)
	}
	for k, o := range mentors {
		y, err := w.WhyNot(w.ctx, w.coordinator, program, m.ID, ann.ID, o.ID)
		w.must(err)
		if diff := cmp.Diff(y.Explanation, before[k]); diff != "" {
			t.Error(diff)
		}
	}
	if w.Held() == 0 {
		t.Error("the run is not held after it was solved again")
	}
}
