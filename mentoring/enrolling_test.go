package mentoring_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/mentoring"
)

// update changes the named fields of somebody; staff say why.
func (w *world) update(who access.Principal, id string, change mentoring.Enrollment, fields ...string) (*mentoring.Enrollment, error) {
	change.Program, change.ID = program, id
	reason := ""
	if who.Enrollment == "" {
		reason = "told on the phone"
	}
	return w.UpdateEnrollment(w.ctx, who, &change, fields, reason, none)
}

// Staff who change a profile do not see some of its cells: they neither lose nor
// set them.
func TestStaffKeepPrivateCells(t *testing.T) {
	w := newWorld(t)
	ann := w.mentor(1, "Budgeting")
	lea := w.enroll(mentoring.Mentee, 1, map[string]string{"wants": "Budgeting", "conflicts": ann.Code, "managers": "MO-0099"}, nil)
	seen, err := w.Enrollment(w.ctx, w.coordinator, program, lea.ID)
	w.must(err)
	seen.Profile["wants"] = "Grant writing"
	shown, err := w.update(w.coordinator, lea.ID, *seen, "profile")
	w.must(err)
	if len(shown.Profile) != 1 {
		t.Errorf("staff see %v", shown.Profile)
	}
	own, err := w.Enrollment(w.ctx, lea.who, program, lea.ID)
	w.must(err)
	if p := own.Profile; p["wants"] != "Grant writing" || p["conflicts"] != ann.Code || p["managers"] != "MO-0099" {
		t.Errorf("after staff changed the profile: %v", p)
	}
	for _, column := range []string{"conflicts", "managers"} {
		for _, cell := range []string{"", "MO-0002"} {
			_, err = w.update(w.coordinator, lea.ID, mentoring.Enrollment{Profile: map[string]string{column: cell}}, "profile")
			w.refused(err, "OWNER_ONLY")
		}
	}
	own, err = w.update(lea.who, lea.ID, mentoring.Enrollment{Profile: map[string]string{"wants": "Budgeting"}}, "profile")
	w.must(err)
	if len(own.Profile) != 1 {
		t.Errorf("the owner took them out, and has %v", own.Profile)
	}
}

// Cells are read under the code that a run reads them under: who names
// themselves hears so at once, and no run fails of it.
func TestCellsAreReadUnderTheCode(t *testing.T) {
	w := newWorld(t)
	const own = "ME-0001"
	e := &mentoring.Enrollment{
		Program: program, Role: mentoring.Mentee, Wanted: 1, Consents: agreed, Profile: map[string]string{"wants": "Budgeting", "conflicts": own},
		Contact: mentoring.Contact{Name: "Invented Person", Phone: "360-555-0199"},
	}
	of := func(err error) string {
		var ours *problem.Error
		if !errors.As(err, &ours) || len(ours.Violations) == 0 {
			return ""
		}
		return ours.Violations[0].Field
	}
	_, _, err := w.Enroll(w.ctx, access.Principal{}, e, true, "", none)
	if w.refused(err, "ENROLLMENT_INVALID"); of(err) != "profile.conflicts" {
		t.Errorf("%v: %s", err, of(err))
	}
	// The code of who was refused is given to the next one.
	lea := w.mentee(1, "Budgeting")
	if lea.Code != own {
		t.Fatalf("code %s", lea.Code)
	}
	_, err = w.update(lea.who, lea.ID, mentoring.Enrollment{Profile: map[string]string{"wants": "Budgeting", "managers": own}}, "profile")
	if w.refused(err, "ENROLLMENT_INVALID"); of(err) != "profile.managers" {
		t.Errorf("%v: %s", err, of(err))
	}
	w.mentor(1, "Budgeting")
	if m := w.match(&mentoring.Matching{}); m.State != mentoring.Solved {
		t.Errorf("%+v", m)
	}
}

// What somebody agrees to is their own word: staff take it back, and do not give
// it. It can be taken back after leaving too.
func TestConsentsAreTheirOwners(t *testing.T) {
	w := newWorld(t)
	lea := w.enroll(mentoring.Mentee, 1, map[string]string{"wants": "Budgeting"}, func(e *mentoring.Enrollment) { e.Consents = agreed[:1] })
	consent := func(purpose mentoring.Purpose, given bool) mentoring.Enrollment {
		return mentoring.Enrollment{Consents: []mentoring.Consent{{Purpose: purpose, Given: given}}}
	}
	given := func(e *mentoring.Enrollment, purpose mentoring.Purpose) bool {
		for _, c := range e.Consents {
			if c.Purpose == purpose {
				return c.Given
			}
		}
		return false
	}
	for _, purpose := range []mentoring.Purpose{mentoring.ForContact, mentoring.ForAffinity, mentoring.ForMeasures} {
		_, err := w.update(w.coordinator, lea.ID, consent(purpose, true), "consents")
		w.refused(err, "OWNER_ONLY")
	}
	// Repeating what was given, as who sends all back that they read, is no news.
	_, err := w.update(w.coordinator, lea.ID, mentoring.Enrollment{Consents: lea.Consents}, "consents")
	w.must(err)
	_, err = w.update(lea.who, lea.ID, consent(mentoring.ForContact, true), "consents")
	w.must(err)
	e, err := w.update(w.coordinator, lea.ID, consent(mentoring.ForContact, false), "consents")
	w.must(err)
	if given(e, mentoring.ForContact) || !given(e, mentoring.ForMatching) {
		t.Errorf("%+v", e.Consents)
	}
	_, err = w.update(w.coordinator, lea.ID, consent(mentoring.ForContact, true), "consents")
	w.refused(err, "OWNER_ONLY")

	_, err = w.WithdrawEnrollment(w.ctx, lea.who, program, lea.ID, "", 0, none)
	w.must(err)
	e, err = w.update(lea.who, lea.ID, consent(mentoring.ForMatching, false), "consents")
	w.must(err)
	if given(e, mentoring.ForMatching) || e.State != mentoring.Withdrawn {
		t.Errorf("%+v", e)
	}
	_, err = w.update(lea.who, lea.ID, mentoring.Enrollment{Language: "es"}, "consents", "language")
	w.refused(err, "ENROLLMENT_STATE")
}

// Staff end somebody's token; the new one is for its owner alone.
func TestStaffGetNoTokenOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	made, token, err := w.Enroll(w.ctx, access.Principal{}, &mentoring.Enrollment{Program: program, Role: mentoring.Mentor, Seats: 1, Consents: agreed}, false, "", none)
	w.must(err)
	lives := func(token string) bool {
		_, err := w.Authenticate(w.ctx, token)
		return err == nil
	}
	who, err := w.Authenticate(w.ctx, token)
	w.must(err)
	renewed, err := w.RenewToken(w.ctx, who, program, made.ID, "")
	w.must(err)
	if lives(token) || !lives(renewed) {
		t.Error("the owner renewed their token")
	}
	got, err := w.RenewToken(w.ctx, w.coordinator, program, made.ID, "lost their phone")
	w.must(err)
	if got != "" || lives(renewed) {
		t.Error("staff renewed the token: they have it, or the old one opens still")
	}
	code, err := w.SignInLink(w.ctx, w.coordinator, program, made.ID, "lost their phone", time.Hour)
	w.must(err)
	if who, _, err := w.UseSignInLink(w.ctx, code); err != nil || !who.Enrolled(program, made.ID) {
		t.Errorf("the link after it: %+v, %v", who, err)
	}
	if log := w.log.String(); strings.Contains(log, token) || strings.Contains(log, renewed) || strings.Contains(log, code) {
		t.Error("the log has a token")
	}
}

// A link that ends what somebody lost is made with that end, or neither is.
func TestLinkThatEndsOthers(t *testing.T) {
	w := newWorld(t)
	made, token, err := w.Enroll(w.ctx, access.Principal{}, &mentoring.Enrollment{Program: program, Role: mentoring.Mentor, Seats: 1, Consents: agreed}, false, "", none)
	w.must(err)
	before, err := w.SignInLink(w.ctx, w.coordinator, program, made.ID, "asked by telephone", 0)
	w.must(err)
	for _, wrong := range []time.Duration{-time.Second, 30 * time.Second, 20 * 24 * time.Hour} {
		_, err := w.OnlySignInLink(w.ctx, w.coordinator, program, made.ID, "lost their phone", wrong)
		w.refused(err, "LINK_INVALID")
		if _, err := w.Authenticate(w.ctx, token); err != nil {
			t.Fatalf("a link for %v was refused, and ended the token: %v", wrong, err)
		}
	}
	_, err = w.OnlySignInLink(w.ctx, w.coordinator, program, made.ID, "", 0)
	w.refused(err, "REASON_MISSING")
	_, err = w.OnlySignInLink(w.ctx, w.reader, program, made.ID, "lost their phone", 0)
	w.refused(err, "PERMISSION_MISSING")
	code, err := w.OnlySignInLink(w.ctx, w.coordinator, program, made.ID, "lost their phone", 0)
	w.must(err)
	if _, err := w.Authenticate(w.ctx, token); err == nil {
		t.Error("the token opens still")
	}
	_, _, err = w.UseSignInLink(w.ctx, before)
	w.refused(err, "LINK_NOT_FOUND")
	if who, _, err := w.UseSignInLink(w.ctx, code); err != nil || !who.Enrolled(program, made.ID) {
		t.Errorf("the new link: %+v, %v", who, err)
	}
}
