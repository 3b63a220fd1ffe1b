package mentoring_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// plan changes the plan of the program.
func (w *world) plan(change func(*mentoring.Plan)) error {
	w.Helper()
	p, err := w.Plan(w.ctx, w.coordinator, program)
	w.must(err)
	change(p)
	_, err = w.SavePlan(w.ctx, w.coordinator, p, none)
	return err
}

// Floors are on no column that staff do not read, and the certificate holds no
// cell but those that the floors name.
func TestFloorsTellNoCells(t *testing.T) {
	w := newWorld(t)
	for _, column := range []string{"conflicts", "managers", "never", "traits"} {
		err := w.plan(func(p *mentoring.Plan) {
			p.Floors = &mentoring.Floors{Attribute: column, Min: map[string]int{"x": 1}}
		})
		w.refused(err, "PLAN_INVALID")
	}
	w.must(w.plan(func(p *mentoring.Plan) {
		p.Floors = &mentoring.Floors{Attribute: "goals", Min: map[string]int{"stieglitz": 1}}
	}))
	ann := w.mentor(2, "Budgeting")
	for _, goals := range []string{"stieglitz", "kanarienvogel"} {
		w.enroll(mentoring.Mentee, 1, map[string]string{"wants": "Budgeting", "languages": "English", "goals": goals}, nil)
	}
	r := w.result(w.match(&mentoring.Matching{}))
	if len(r.Pairs) != 2 || r.Pairs[0].Mentor != ann.ID || !strings.Contains(string(r.Certificate), "stieglitz") {
		t.Fatalf("%+v", r)
	}
	if strings.Contains(string(r.Certificate), "kanarienvogel") {
		t.Error("the certificate tells a cell that no floor names")
	}
}

// Whom somebody never wants is kept apart from them by staff's orders and
// proposals, too, however long the list, and an order that stood before does
// not make a run fail.
func TestNeverStands(t *testing.T) {
	w := newWorld(t)
	lea := w.mentee(2, "Budgeting")
	var mentors []enrolled
	for range 5 {
		mentors = append(mentors, w.mentor(1, "Budgeting"))
	}
	var orders []*mentoring.Directive
	lock := func(mentor enrolled) error {
		d, err := w.CreateDirective(w.ctx, w.coordinator, &mentoring.Directive{Program: program, Kind: mentoring.LockPair, Mentee: lea.ID, Mentor: mentor.ID, Reason: "asked for"}, none)
		orders = append(orders, d)
		return err
	}
	// Both locked, and then she wants one mentor: the second order gives way.
	w.must(lock(mentors[0]))
	w.must(lock(mentors[1]))
	_, err := w.UpdateEnrollment(w.ctx, lea.who, &mentoring.Enrollment{Program: program, ID: lea.ID, Wanted: 1}, []string{"wanted"}, "", none)
	w.must(err)
	m := w.match(&mentoring.Matching{})
	if r := w.result(m); mates(r)[lea.ID] != mentors[0].ID {
		t.Fatalf("%+v", r)
	}
	var never []string
	for _, x := range mentors[:4] {
		never = append(never, x.ID)
	}
	_, err = w.UpdateEnrollment(w.ctx, lea.who, &mentoring.Enrollment{Program: program, ID: lea.ID, Never: never}, []string{"never"}, "", none)
	w.must(err)
	_, err = w.PublishMatching(w.ctx, w.coordinator, program, m.ID, "looked at", 0, none)
	w.refused(err, "PAIRS_GONE")
	if r := w.result(w.match(&mentoring.Matching{})); len(r.Pairs) != 1 || mates(r)[lea.ID] != mentors[4].ID {
		t.Errorf("%+v", r)
	}
	w.refused(lock(mentors[3]), "PAIR_IMPOSSIBLE")
	_, err = w.Propose(w.ctx, w.coordinator, program, lea.ID, mentors[3].ID, "by hand", none)
	w.refused(err, "PAIR_IMPOSSIBLE")
	// A rule that now forbids an ordered pair.
	for _, d := range orders[:2] {
		_, err := w.LiftDirective(w.ctx, w.coordinator, program, d.ID, "never wanted", 0, none)
		w.must(err)
	}
	w.must(lock(mentors[4]))
	_, err = w.UpdateEnrollment(w.ctx, mentors[4].who, &mentoring.Enrollment{
		Program: program, ID: mentors[4].ID, Profile: map[string]string{"offers": "Budgeting", "languages": "English", "conflicts": lea.Code},
	}, []string{"profile"}, "", none)
	w.must(err)
	m = w.match(&mentoring.Matching{})
	if r := w.result(m); m.State != mentoring.Solved || len(r.Pairs) != 0 {
		t.Errorf("%+v %+v", m, r)
	}
}

// Who is erased while a run is solved is in nothing that the run stores: it is
// solved again with what is left.
func TestErasingWhileSolving(t *testing.T) {
	const canary = "kanarienvogel"
	for _, point := range []string{"after frozen", "before stored"} {
		w := newWorld(t)
		w.must(w.plan(func(p *mentoring.Plan) { p.Audited = []string{"goals"} }))
		ann, bob := w.mentor(1, "Budgeting"), w.mentor(1, "Budgeting")
		lea := w.enroll(mentoring.Mentee, 1, map[string]string{"wants": "Budgeting", "goals": canary, "languages": "English"}, nil)
		max := w.mentee(1, "Budgeting")
		for _, pair := range [][2]string{{lea.ID, ann.ID}, {max.ID, bob.ID}} {
			_, err := w.CreateDirective(w.ctx, w.coordinator, &mentoring.Directive{Program: program, Kind: mentoring.LockPair, Mentee: pair[0], Mentor: pair[1], Reason: "asked for"}, none)
			w.must(err)
		}
		done := false
		w.runner.Hook = func(at string) error {
			if at != point || done {
				return nil
			}
			done = true
			_, err := w.EraseEnrollment(w.ctx, w.privacy, program, lea.ID, "asked for", none)
			return err
		}
		made, err := w.CreateMatching(w.ctx, w.coordinator, &mentoring.Matching{Program: program, Seed: "a seed"}, none)
		w.must(err)
		for range 2 {
			_, err := w.runner.RunOne(w.ctx)
			w.must(err)
		}
		m, err := w.Matching(w.ctx, w.coordinator, program, made.ID)
		w.must(err)
		if !done || m.State != mentoring.Solved || m.ErasedCount != 1 {
			t.Fatalf("%s: %+v", point, m)
		}
		r := w.result(m)
		if len(r.Pairs) != 1 || mates(r)[max.ID] != bob.ID {
			t.Errorf("%s: %+v", point, r.Pairs)
		}
		if strings.Contains(w.stored(w.ctx), canary) {
			t.Errorf("%s: stored still", point)
		}
		// Who is erased afterwards is in no table of groups.
		_, err = w.EraseEnrollment(w.ctx, w.privacy, program, max.ID, "asked for", none)
		w.must(err)
		if r = w.result(m); r.Audit != nil || len(r.Certificate) > 0 {
			t.Errorf("%s: %+v", point, r)
		}
	}
}

// Cells that cannot be read, as when the rules changed after they were written,
// count as blank and are counted: they end nobody's run.
func TestUnreadableCells(t *testing.T) {
	w := newWorld(t)
	const item = "version: 1\nstyle:\n  items: [pace]\n"
	ann := w.enroll(mentoring.Mentor, 1, map[string]string{"offers": "Budgeting", "languages": "English", "style_pace": "kanarienvogel"}, nil)
	lea := w.mentee(1, "Budgeting")
	w.must(w.plan(func(p *mentoring.Plan) { p.Rules = item }))
	m := w.match(&mentoring.Matching{})
	if m.State != mentoring.Solved || mates(w.result(m))[lea.ID] != ann.ID {
		t.Fatalf("%+v", m)
	}
	i := slices.IndexFunc(m.Steps, func(s mentoring.Step) bool { return s.Name == mentoring.StepUnreadable })
	if i < 0 || m.Steps[i].Value != 1 || m.CurrentStep != mentoring.StepStored {
		t.Errorf("%+v", m.Steps)
	}
	if strings.Contains(w.log.String()+m.Error, "kanarienvogel") {
		t.Error("a cell is in the log or the run")
	}
}

// That a mentee seeks what a mentor released, even to be named, is told to
// nobody but the mentee; nor which of the rules that stand on private cells
// forbids a pair.
func TestPreferenceIsTheMentees(t *testing.T) {
	w := newWorld(t)
	const value = "distelfink"
	ann := w.enroll(mentoring.Mentor, 1, map[string]string{"offers": "Budgeting", "languages": "English"}, func(e *mentoring.Enrollment) {
		e.Traits = []mentoring.Trait{{Attribute: "bird", Value: value, Matching: true, Explained: true}}
	})
	lea := w.enroll(mentoring.Mentee, 1, map[string]string{"wants": "Budgeting", "languages": "English"}, func(e *mentoring.Enrollment) {
		e.Affinity = []mentoring.AffinityWish{{Attribute: "bird", Value: value, Strength: "REQUIRED"}, {Attribute: "Bird", Value: value, Strength: "IMPORTANT"}}
	})
	bob := w.mentor(1, "Budgeting") // has not what she requires
	w.enroll(mentoring.Mentee, 1, map[string]string{"wants": "Budgeting", "languages": "English", "conflicts": bob.Code}, nil)
	m := w.match(&mentoring.Matching{})
	if r := w.result(m); mates(r)[lea.ID] != ann.ID || len(r.Unmatched) != 1 {
		t.Fatalf("%+v", r)
	}
	w.publish(m)
	for _, who := range []access.Principal{w.coordinator, ann.who} {
		read := everything(w, who)
		for _, secret := range []string{`"affinity"`, `"conflict"`, "matches a preference"} {
			if i := strings.Index(read, secret); i >= 0 {
				t.Errorf("%s reads %q: %s", who.Subject, secret, read[max(0, i-200):i+40])
			}
		}
		for _, p := range w.proposals(who) {
			sum := 0
			for _, part := range p.Parts {
				sum += part.Points
			}
			if sum != p.Score {
				t.Errorf("parts sum to %d, not %d", sum, p.Score)
			}
		}
	}
	if read := everything(w, lea.who); !strings.Contains(read, `"affinity"`) {
		t.Error("the mentee does not see that it was met")
	}
}

// What a mentor lets be named is named to the mentee as long as the mentor lets
// it, and is stored in no run's result and no proposal. Nothing is proposed on a
// consent that was taken back.
func TestConsentTakenBackReachesWhatWasMade(t *testing.T) {
	w := newWorld(t)
	const value = "distelfink"
	trait := mentoring.Trait{Attribute: "bird", Value: value, Matching: true, Explained: true}
	change := func(e enrolled, with mentoring.Enrollment, field string) {
		t.Helper()
		with.Program, with.ID = program, e.ID
		_, err := w.UpdateEnrollment(w.ctx, e.who, &with, []string{field}, "", none)
		w.must(err)
	}
	agree := func(e enrolled, given bool) {
		t.Helper()
		change(e, mentoring.Enrollment{Consents: []mentoring.Consent{{Purpose: mentoring.ForAffinity, Given: given}}}, "consents")
	}
	ann := w.enroll(mentoring.Mentor, 1, map[string]string{"offers": "Budgeting", "languages": "English"}, func(e *mentoring.Enrollment) {
		e.Traits = []mentoring.Trait{trait}
	})
	lea := w.enroll(mentoring.Mentee, 1, map[string]string{"wants": "Budgeting", "languages": "English"}, func(e *mentoring.Enrollment) {
		e.Affinity = []mentoring.AffinityWish{{Attribute: "bird", Value: value, Strength: "IMPORTANT"}}
	})
	m := w.match(&mentoring.Matching{})
	for _, e := range []enrolled{ann, lea} {
		agree(e, false)
		_, err := w.PublishMatching(w.ctx, w.coordinator, program, m.ID, "looked at", 0, none)
		w.refused(err, "PAIRS_GONE")
		agree(e, true)
	}
	w.publish(m)
	w.must(w.Store.View(w.ctx, func(tx mentoring.Tx) error {
		proposals, err := tx.Proposals(w.ctx, mentoring.ProposalQuery{Program: program})
		w.must(err)
		run, err := tx.Matching(w.ctx, program, m.ID)
		w.must(err)
		if strings.Contains(fmt.Sprint(*proposals[0])+string(run.Record), value) {
			t.Error("the value is stored")
		}
		return nil
	}))
	named := func() bool {
		t.Helper()
		p, err := w.Proposal(w.ctx, lea.who, program, w.proposals(lea.who)[0].ID)
		w.must(err)
		a, b := strings.Contains(fmt.Sprint(p.Parts), value), strings.Contains(fmt.Sprint(w.proposals(lea.who)[0].Parts), value)
		if a != b || !strings.Contains(fmt.Sprint(p.Parts), "matches a preference") {
			t.Errorf("one says %t, the list %t: %+v", a, b, p.Parts)
		}
		return a
	}
	if !named() {
		t.Error("what may be named is not")
	}
	agree(ann, false)
	if named() {
		t.Error("named without consent")
	}
	agree(ann, true)
	trait.Explained = false
	change(ann, mentoring.Enrollment{Traits: []mentoring.Trait{trait}}, "traits")
	if named() {
		t.Error("named though it is not released any more")
	}
}

// Until somebody has answered, nothing of a proposal tells whether the other
// one accepted; nor does it afterwards, when the time is over.
func TestFirstAnswerIsHidden(t *testing.T) {
	w := newWorld(t)
	ann, lea := w.mentor(1, "Budgeting"), w.mentee(1, "Budgeting")
	w.publish(w.match(&mentoring.Matching{}))
	before := w.proposals(ann.who)[0]
	w.clock.advance(time.Hour)
	_, err := w.AcceptProposal(w.ctx, lea.who, program, before.ID, "", "", 0, none)
	w.must(err)
	if after := w.proposals(ann.who)[0]; !reflect.DeepEqual(before, after) {
		t.Errorf("%+v is not %+v", after, before)
	}
	if after := w.proposals(lea.who)[0]; after.Revision == 0 || after.State != mentoring.Accepted {
		t.Errorf("%+v", after)
	}
	w.clock.advance(15 * 24 * time.Hour)
	_, err = w.ExpireProposals(w.ctx)
	w.must(err)
	if p := w.proposals(ann.who)[0]; p.State != mentoring.Expired || p.Revision != 0 || p.UpdateTime != p.EndTime {
		t.Errorf("%+v", p)
	}
	// A guess at the number of changes is answered no differently, right or wrong;
	// to staff, who are shown it, it counts.
	w = newWorld(t)
	ann, lea = w.mentor(1, "Budgeting"), w.mentee(1, "Budgeting")
	w.publish(w.match(&mentoring.Matching{}))
	id := w.proposals(ann.who)[0].ID
	_, err = w.AcceptProposal(w.ctx, w.coordinator, program, id, "on the phone", mentoring.Mentor, 9, none)
	w.refused(err, "STALE_REVISION")
	_, err = w.AcceptProposal(w.ctx, ann.who, program, id, "", "", 9, none)
	w.must(err)
	_, err = w.DeclineProposal(w.ctx, ann.who, program, id, mentoring.Decline{Reason: mentoring.NoTime}, "", "", 9, none)
	w.refused(err, "STALE_REVISION")
	_, err = w.AcceptProposal(w.ctx, lea.who, program, id, "", "", 9, none)
	w.must(err)
}

// A decline for now and one for good are refused alike when staff come back to
// the pair, and so is a pair that is or was a mentorship.
func TestDeclinesLookAlike(t *testing.T) {
	var said []string
	for _, never := range []bool{false, true} {
		w := newWorld(t)
		ann, lea := w.mentor(1, "Budgeting"), w.mentee(1, "Budgeting")
		w.publish(w.match(&mentoring.Matching{}))
		_, err := w.DeclineProposal(w.ctx, lea.who, program, w.proposals(lea.who)[0].ID, mentoring.Decline{Reason: mentoring.NoTime, Never: never}, "", "", 0, none)
		w.must(err)
		_, err = w.Propose(w.ctx, w.coordinator, program, lea.ID, ann.ID, "by hand", none)
		w.refused(err, "PAIR_IMPOSSIBLE")
		_, order := w.CreateDirective(w.ctx, w.coordinator, &mentoring.Directive{Program: program, Kind: mentoring.LockPair, Mentee: lea.ID, Mentor: ann.ID, Reason: "asked for"}, none)
		w.refused(order, "PAIR_IMPOSSIBLE")
		said = append(said, err.Error()+order.Error())
	}
	if said[0] != said[1] {
		t.Errorf("told apart: %q", said)
	}
	w := newWorld(t)
	ann, lea := w.mentor(2, "Budgeting"), w.mentee(2, "Budgeting")
	w.publish(w.match(&mentoring.Matching{}))
	for _, side := range []enrolled{ann, lea} {
		_, err := w.AcceptProposal(w.ctx, side.who, program, w.proposals(side.who)[0].ID, "", "", 0, none)
		w.must(err)
	}
	_, err := w.Propose(w.ctx, w.coordinator, program, lea.ID, ann.ID, "twice", none)
	w.refused(err, "PAIR_IMPOSSIBLE")
}
