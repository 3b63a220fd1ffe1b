package mentoring_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/erasures"
	"github.com/openfairlead/fairlead/internal/logbook"
	"github.com/openfairlead/fairlead/mentoring"
)

// everything is all that anybody but one person can read of a program, as JSON.
func everything(w *world, whos ...access.Principal) string {
	w.Helper()
	var b strings.Builder
	put := func(v any, err error) {
		if err != nil {
			fmt.Fprintln(&b, err)
			return
		}
		text, err := json.Marshal(v)
		w.must(err)
		b.Write(text)
		b.WriteByte('\n')
	}
	for _, who := range whos {
		for _, role := range []mentoring.Role{mentoring.Mentor, mentoring.Mentee} {
			page, err := w.Enrollments(w.ctx, who, program, role, mentoring.ListQuery{})
			put(page, err)
			if err == nil {
				for _, e := range page.Items {
					put(w.Enrollment(w.ctx, who, program, e.ID))
				}
			}
		}
		put(w.Plan(w.ctx, who, program))
		put(w.Directives(w.ctx, who, program, mentoring.ListQuery{}))
		proposals, err := w.Proposals(w.ctx, who, program, mentoring.ListQuery{})
		put(proposals, err)
		if err == nil {
			for _, p := range proposals.Items {
				put(w.Proposal(w.ctx, who, program, p.ID))
			}
		}
		list, err := w.Mentorships(w.ctx, who, program, mentoring.ListQuery{})
		put(list, err)
		if err == nil {
			for _, m := range list.Items {
				put(w.Mentorship(w.ctx, who, program, m.ID))
				put(w.Partner(w.ctx, who, program, m.ID))
			}
		}
		put(w.Measures(w.ctx, who, program))
		runs, err := w.Matchings(w.ctx, who, program, mentoring.ListQuery{})
		put(runs, err)
		if err != nil {
			continue
		}
		for _, m := range runs.Items {
			put(w.Matching(w.ctx, who, program, m.ID))
			r, err := w.MatchingResult(w.ctx, who, program, m.ID)
			put(r, err)
			if err != nil {
				continue
			}
			b.Write(r.Certificate)
			for _, mentee := range w.all(mentoring.Mentee) {
				put(w.OtherMentors(w.ctx, who, program, m.ID, mentee, 5))
				for _, mentor := range w.all(mentoring.Mentor) {
					put(w.ExplainPair(w.ctx, who, program, m.ID, mentee, mentor))
					put(w.WhyNot(w.ctx, who, program, m.ID, mentee, mentor))
				}
			}
		}
	}
	must := w.store.View(w.ctx, func(tx applications.Tx) error {
		events, err := tx.Events(w.ctx, 0, 0)
		put(events, err)
		return nil
	})
	w.must(must)
	return b.String() + w.log.String()
}

func (w *world) all(role mentoring.Role) (ids []string) {
	w.must(w.Store.View(w.ctx, func(tx mentoring.Tx) error {
		ids = nil
		list, err := tx.Enrollments(w.ctx, mentoring.EnrollmentQuery{Program: program, Role: role})
		for _, e := range list {
			ids = append(ids, e.ID)
		}
		return err
	}))
	return ids
}

// What a mentor did not release is in no answer to anybody else, no
// explanation, event or log, whatever a mentee prefers; nor is whom somebody
// never wants, or what a mentee prefers.
func TestUnreleasedIsNowhere(t *testing.T) {
	w := newWorld(t)
	const hidden, matching, named, wish, value = "kanarienvogel", "zeisig", "stieglitz", "dompfaff", "sperling"
	ann := w.enroll(mentoring.Mentor, 2, map[string]string{"offers": "Grant writing:3", "languages": "English", "conflicts": "rotkehlchen"}, func(e *mentoring.Enrollment) {
		e.Traits = []mentoring.Trait{
			{Attribute: hidden, Value: value},
			{Attribute: matching, Value: value, Matching: true},
			{Attribute: named, Value: "distelfink", Matching: true, Explained: true},
		}
	})
	bob := w.mentor(1, "Grant writing:2")
	seek := func(attribute, strength string) enrolled {
		return w.enroll(mentoring.Mentee, 1, map[string]string{"wants": "Grant writing:3", "languages": "English"}, func(e *mentoring.Enrollment) {
			e.Affinity = []mentoring.AffinityWish{{Attribute: attribute, Value: value, Strength: strength}, {Attribute: wish, Value: value, Strength: "NICE"}}
		})
	}
	a, b := seek(hidden, "IMPORTANT"), seek(matching, "REQUIRED")
	_, err := w.UpdateEnrollment(w.ctx, bob.who, &mentoring.Enrollment{Program: program, ID: bob.ID, Never: []string{a.ID}}, []string{"never"}, "", none)
	w.must(err)
	m := w.match(&mentoring.Matching{})
	r := w.result(m)
	if mates(r)[b.ID] != ann.ID {
		t.Fatalf("the released trait was not used: %+v", r)
	}
	w.publish(m)
	p := w.proposals(a.who)[0]
	_, err = w.DeclineProposal(w.ctx, a.who, program, p.ID, mentoring.Decline{Reason: mentoring.NotThisOne, Note: "goldammer", Never: true}, "", "", 0, none)
	w.must(err)
	for _, side := range []enrolled{b, ann} {
		_, err := w.AcceptProposal(w.ctx, side.who, program, w.proposals(b.who)[0].ID, "", "", 0, none)
		w.must(err)
	}
	reader := access.Principal{Subject: "users/reader", Grants: []access.Grant{{Role: access.Auditor}, {Role: access.Facilitator}}}
	staff := everything(w, w.coordinator, reader, access.Principal{})
	for _, secret := range []string{hidden, matching, wish, value, "rotkehlchen", "\"Never\":[\"", "\"Refused\":[\""} {
		if i := strings.Index(staff, secret); i >= 0 {
			t.Errorf("staff read %q: %s", secret, staff[max(0, i-100):i+40])
		}
	}
	if frozen := w.stored(w.ctx); strings.Contains(frozen[strings.Index(frozen, "\"InputDigest\""):], hidden+`\",\"Value\":\"`+value+`\",\"Matching\"`) {
		t.Error("a run froze what was not released")
	}
	list, err := w.Proposals(w.ctx, w.coordinator, program, mentoring.ListQuery{})
	w.must(err)
	for _, p := range list.Items {
		if p.DeclineNote != "" {
			t.Error("a list shows the note of a decline")
		}
	}
	x, err := w.ExplainPair(w.ctx, w.coordinator, program, m.ID, a.ID, bob.ID)
	if err != nil || x.Eligible || len(x.Blocked) != 1 || x.Blocked[0] != "private" {
		t.Errorf("%+v, %v", x, err)
	}
	if !strings.Contains(staff, named) {
		t.Error("what was released to be named is not: the search would prove nothing")
	}
	for _, c := range []struct {
		who     enrolled
		secrets []string
	}{
		{a, []string{hidden + `","Value":"` + value + `","Matching"`, matching, named, "rotkehlchen"}},
		{b, []string{hidden, named + `x`, "rotkehlchen", "goldammer"}},
		{bob, []string{hidden, matching, named, wish, value, "rotkehlchen", "goldammer"}},
		{ann, []string{wish, "goldammer", "IMPORTANT", "REQUIRED"}},
	} {
		read := everything(w, c.who.who)
		own, err := w.Enrollment(w.ctx, c.who.who, program, c.who.ID)
		if err != nil || own.Contact.Name == "" {
			t.Fatal(err)
		}
		for _, secret := range c.secrets {
			if i := strings.Index(read, secret); i >= 0 {
				t.Errorf("%s reads %q: %s", c.who.Code, secret, read[max(0, i-100):i+40])
			}
		}
	}
}

// Erasing takes a person out of everything: what is left is that there was
// somebody with this code. Erasing the application that somebody came from does
// the same, and the list of erasures does it again after a restore.
func TestErasing(t *testing.T) {
	const canary = "kanarienvogel"
	for _, how := range []string{"the enrollment", "its application", "from the list"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			w.must(w.store.Update(w.ctx, func(tx applications.Tx) error {
				a := &applications.Application{Program: program, ID: "a1", Code: "NS-0001", State: applications.Selected, CreateTime: noon, UpdateTime: noon}
				for _, err := range []error{
					tx.InsertApplication(w.ctx, a, nil), tx.OpenSeats(w.ctx, program, 1), tx.OfferSeats(w.ctx, program, 1, false), tx.TakeSeat(w.ctx, program),
				} {
					if err != nil {
						return err
					}
				}
				return tx.InsertOffer(w.ctx, &applications.Offer{Program: program, ID: "o1", Application: "a1", State: applications.OfferAccepted, CreateTime: noon, UpdateTime: noon})
			}))
			ann := w.mentor(2, "Grant writing:3")
			member := access.Principal{Subject: "applications/a1", Program: program, Application: "a1"}
			e, token, err := w.Enroll(w.ctx, member, &mentoring.Enrollment{
				Program: program, Role: mentoring.Mentee, Wanted: 1, Consents: agreed,
				Contact: mentoring.Contact{Name: canary, Phone: "360-555-0100"},
				Profile: map[string]string{"wants": "Grant writing:3", "languages": "English", "goals": canary},
			}, true, "", none)
			w.must(err)
			if e.Origin != (mentoring.Origin{Program: program, Application: "a1"}) {
				t.Fatalf("%+v", e.Origin)
			}
			_, _, err = w.Enroll(w.ctx, member, &mentoring.Enrollment{Program: program, Role: mentoring.Mentee, Wanted: 1, Consents: agreed}, false, "", none)
			w.refused(err, "ORIGIN_ENROLLED")
			_, _, err = w.Enroll(w.ctx, access.Principal{Subject: "applications/a2", Program: program, Application: "a2"}, &mentoring.Enrollment{Program: program, Role: mentoring.Mentee, Wanted: 1}, false, "", none)
			w.refused(err, "NOT_A_MEMBER")
			who, err := w.Authenticate(w.ctx, token)
			w.must(err)
			code, err := w.SignInLink(w.ctx, who, program, e.ID, "", 0)
			w.must(err)
			w.publish(w.match(&mentoring.Matching{}))
			p := w.proposals(who)[0]
			for _, side := range []access.Principal{who, ann.who} {
				_, err = w.AcceptProposal(w.ctx, side, program, p.ID, "", "", 0, none)
				w.must(err)
			}
			ms := w.mentorships(who)[0]
			_, err = w.SaveGoal(w.ctx, who, program, ms.ID, mentoring.Goal{Words: canary}, 0, none)
			w.must(err)
			_, err = w.SafeExit(w.ctx, who, program, ms.ID, canary, none)
			w.must(err)

			apps := &applications.Service{Store: w.store, Secrets: macs{}, Now: w.clock.now, NewID: w.NewID, Elsewhere: erasures.Elsewhere(w.Service, nil)}
			switch how {
			case "the enrollment":
				_, err = w.EraseEnrollment(w.ctx, w.coordinator, program, e.ID, "asked for", none)
				w.refused(err, "PERMISSION_MISSING")
				_, err = w.EraseEnrollment(w.ctx, w.privacy, program, e.ID, "asked for", none)
			case "its application":
				_, err = apps.EraseApplication(w.ctx, w.privacy, program, "a1", "asked for", none)
			case "from the list":
				var n int
				if n, err = apps.ReplayErasures(w.ctx, []logbook.Erasure{{Program: program, Application: e.ID, Time: noon}}); n != 1 {
					t.Errorf("%d erased", n)
				}
				if n, _ := apps.ReplayErasures(w.ctx, []logbook.Erasure{{Program: program, Application: e.ID, Time: noon}}); n != 0 {
					t.Errorf("%d erased again", n)
				}
			}
			w.must(err)
			left, err := w.Enrollment(w.ctx, w.coordinator, program, e.ID)
			if err != nil || left.State != mentoring.Erased || left.Code != e.Code || left.Origin != (mentoring.Origin{}) || left.Contact != (mentoring.Contact{}) {
				t.Errorf("%+v, %v", left, err)
			}
			if _, err := w.Authenticate(w.ctx, token); err == nil {
				t.Error("the token opens still")
			}
			if _, _, err := w.UseSignInLink(w.ctx, code); err == nil {
				t.Error("the link opens still")
			}
			stored := w.stored(w.ctx)
			if i := strings.Index(stored, canary); i >= 0 {
				t.Errorf("stored still: %s", stored[max(0, i-200):i+40])
			}
			if got := w.places(ann); got != (mentoring.Places{Total: 2}) {
				t.Errorf("%+v", got)
			}
			var list []logbook.Erasure
			w.must(w.store.View(w.ctx, func(tx applications.Tx) (err error) {
				list, err = tx.Erasures(w.ctx, noon)
				return err
			}))
			found := false
			for _, x := range list {
				found = found || x.Application == e.ID
			}
			if !found {
				t.Errorf("not on the list: %+v", list)
			}
		})
	}
}

// stored is all that the store holds of a program, decrypted.
func (w *world) stored(ctx context.Context) string {
	w.Helper()
	var all []any
	w.must(w.Store.View(ctx, func(tx mentoring.Tx) error {
		all = nil
		enrollments, err := tx.Enrollments(ctx, mentoring.EnrollmentQuery{Program: program})
		if err != nil {
			return err
		}
		proposals, err := tx.Proposals(ctx, mentoring.ProposalQuery{Program: program})
		if err != nil {
			return err
		}
		mentorships, err := tx.Mentorships(ctx, mentoring.MentorshipQuery{Program: program})
		if err != nil {
			return err
		}
		heads, err := tx.MatchingHeads(ctx, program, "", 0)
		if err != nil {
			return err
		}
		all = append(all, enrollments, proposals, mentorships)
		for _, h := range heads {
			m, err := tx.Matching(ctx, program, h.ID)
			if err != nil {
				return err
			}
			all = append(all, m, string(m.Frozen), string(m.Record))
		}
		return nil
	}))
	text, err := json.Marshal(all)
	w.must(err)
	return string(text)
}

func (w *world) mentorships(who access.Principal) []*mentoring.Mentorship {
	w.Helper()
	page, err := w.Mentorships(w.ctx, who, program, mentoring.ListQuery{})
	w.must(err)
	return page.Items
}
