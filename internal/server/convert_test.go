package server

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/presets"
	"github.com/openfairlead/fairlead/introductions"
	"github.com/openfairlead/fairlead/matcher"
	engine "github.com/openfairlead/fairlead/matcher/selection"
	"github.com/openfairlead/fairlead/mentoring"
)

func words[T ~string](list ...T) []string {
	var out []string
	for _, w := range list {
		out = append(out, string(w))
	}
	return out
}

// TestEnums takes every value of every enum both ways: no domain word may be
// lost on the wire, and no value of the wire may be unknown to the domain.
func TestEnums(t *testing.T) {
	for _, c := range []struct {
		enum  enumNames
		words []string
	}{
		{programStates, words(applications.ProgramDraft, applications.ProgramOpen, applications.ProgramClosed, applications.ProgramSelecting, applications.ProgramOffersOut, applications.ProgramFilled, applications.ProgramRunning, applications.ProgramCompleted, applications.ProgramArchived)},
		{applicationStates, words(applications.Draft, applications.Submitted, applications.Screening, applications.Ineligible, applications.InReview, applications.InPool, applications.Selected, applications.Alternate, applications.NotSelected, applications.Withdrawn, applications.Erased)},
		{selectionStates, words(applications.SelectionQueued, applications.SelectionRunning, applications.SelectionSealed, applications.SelectionSucceeded, applications.SelectionFailed, applications.SelectionCanceled, applications.SelectionStale)},
		{offerStates, words(applications.OfferPending, applications.OfferSent, applications.OfferAccepted, applications.OfferDeclined, applications.OfferExpired, applications.OfferRescinded)},
		{kinds, words(applications.Single, applications.Multi, applications.Derived, applications.Entity, applications.FreeText, applications.Number)},
		{sensitivities, words(applications.InternalFact, applications.Personal, applications.Special, applications.SpecialHealth, applications.SpecialSovereign)},
		{purposes, words(applications.ForEligibility, applications.ForScoring, applications.ForBalance, applications.ForMentoring, applications.ForReport, applications.ForLogistics)},
		{provenances, words(applications.Drawn, applications.DrawnWithLocks, applications.Computed, applications.Chosen)},
		{statuses, words(matcher.Optimal, matcher.Feasible, matcher.Infeasible, matcher.Undecided)},
		{roles, words(access.Roles...)},
		{ruleKinds, []string{"QUOTA", "COMPANY", "SPREAD", "CAP"}},
		{linkKinds, []string{"APART", "TOGETHER", "AT_LEAST_ONE"}},
		{lotteries, []string{"NONE", "MAXIMIN", "LEXIMIN"}},
		{seedKinds, words(applications.SeedServer, applications.SeedPublicNumber, applications.SeedCommitReveal)},
		{mentoringRoles, words(mentoring.Mentor, mentoring.Mentee)},
		{enrollmentStates, words(mentoring.Draft, mentoring.Submitted, mentoring.Screened, mentoring.Available, mentoring.Paused, mentoring.Withdrawn, mentoring.Erased)},
		{strengths, []string{"NICE", "IMPORTANT", "REQUIRED"}},
		{consentPurposes, words(mentoring.ForMatching, mentoring.ForContact, mentoring.ForAffinity, mentoring.ForMeasures)},
		{editKinds, words(mentoring.LockPair, mentoring.ForbidPair)},
		{matchingStates, words(mentoring.Queued, mentoring.Solving, mentoring.Solved, mentoring.InReview, mentoring.Published, mentoring.Superseded, mentoring.Failed, mentoring.Canceled)},
		{matchingStatuses, words(matcher.Optimal, matcher.Feasible)},
		{proposalStates, words(mentoring.Staged, mentoring.Sent, mentoring.Accepted, mentoring.Confirmed, mentoring.Declined, mentoring.Expired, mentoring.Recalled)},
		{declineReasons, words(mentoring.DeclineReasons...)},
		{mentorshipStates, words(mentoring.Active, mentoring.OnHold, mentoring.Completed, mentoring.EndedEarly)},
		{endReasons, words(append(slices.Clone(mentoring.EndReasons), mentoring.EndSafeExit, mentoring.EndLeft)...)},
		{meetingStates, words(mentoring.Planned, mentoring.Held, mentoring.Missed)},
		{roundStates, words(introductions.Queued, introductions.Solving, introductions.Solved, introductions.Published, introductions.Failed, introductions.Canceled)},
		{roundStatuses, []string{"OPTIMAL", "FEASIBLE"}},
		{leftReasons, words(introductions.NobodyAllowed, introductions.TooFewOthers, introductions.NotProved, introductions.NoCircle, introductions.Changed)},
		{absentReasons, words(introductions.IsPaused, introductions.NotAgreed, introductions.IsResting, introductions.AnswerOpen)},
		{introductionStates, words(introductions.Proposed, introductions.Accepted, introductions.Declined, introductions.Expired, introductions.Recalled)},
		{introductionDeclines, words(introductions.DeclineReasons...)},
		{goalStates, words(mentoring.GoalOpen, mentoring.GoalReached, mentoring.GoalDropped)},
		{tightnesses, words(engine.Never, engine.Tight, engine.Room, engine.Always, engine.NotDecided)},
	} {
		for _, word := range c.words {
			n := c.enum.number(word)
			if back, err := c.enum.word(n); n == 0 || err != nil || back != word {
				t.Errorf("%s: %s became %d and then %q, %v", c.enum.kind, word, n, back, err)
			}
		}
		for n := range c.enum.name {
			if word, err := c.enum.word(n); n != 0 && (err != nil || !slices.Contains(c.words, word)) {
				t.Errorf("%s: the wire's %s is unknown to the domain", c.enum.kind, word)
			}
		}
		if _, err := c.enum.word(9999); err == nil {
			t.Errorf("%s: 9999 was taken", c.enum.kind)
		}
	}
	for k := matcher.Quota; k <= matcher.Cap; k++ {
		if matcherKinds[k] == 0 {
			t.Errorf("the engine's kind %d has no word", k)
		}
	}
}

// TestRoundTrips sends everything that ships, and something with every field
// set, to the wire and back.
func TestRoundTrips(t *testing.T) {
	all, err := presets.All()
	if err != nil {
		t.Fatal(err)
	}
	empty := cmpopts.EquateEmpty()
	for id, p := range all {
		f, err := formFromWire(formToWire(&p.Form))
		if diff := cmp.Diff(p.Form, *f, empty, cmpopts.IgnoreFields(applications.Form{}, "Program", "Version", "Digest")); err != nil || diff != "" {
			t.Errorf("form of %s: %v\n%s", id, err, diff)
		}
		for name, c := range p.Criteria {
			back, err := criteriaFromWire(c.Program, criteriaToWire(&c))
			if diff := cmp.Diff(c, *back, empty); err != nil || diff != "" {
				t.Errorf("criteria %s of %s: %v\n%s", name, id, err, diff)
			}
		}
		w := presetToWire(p)
		if w.GetProgram().GetName() != "" || w.GetProgram().GetEtag() != "" || len(w.GetCriteria()) != len(p.CriteriaName) {
			t.Errorf("preset %s: %v", id, w.GetProgram())
		}
	}
	n := 3
	form := applications.Form{Attributes: []applications.Attribute{{
		Key: "k", Kind: applications.Multi, Question: applications.Text{"en": "q"}, Hint: applications.Text{"en": "h"}, Why: applications.Text{"en": "w"}, Label: applications.Text{"en": "l"},
		Values: []applications.Value{{
			Code: "c", Label: applications.Text{"en": "v"}, Exclusive: true, WriteIn: true, Health: true, Uncounted: true,
			VisibleWhen: &applications.Condition{Attribute: "a", Values: []string{"b"}}, Benchmark: &applications.Benchmark{Share: .5, Basis: "b", Source: "s"},
			Rollup: &applications.Rollup{Any: []string{"x"}, Only: "y", AtLeast: 2},
		}},
		MaxValues: 2, Qualifier: &applications.Qualifier{Key: "q", Label: applications.Text{"en": "q"}, Values: []applications.Value{{Code: "self"}}},
		DerivedFrom: "d", VisibleWhen: &applications.Condition{Attribute: "a", Values: []string{"b"}}, Required: true, Decline: true,
		Sensitivity: applications.Special, Purposes: []applications.Purpose{applications.ForReport}, Source: "s", MaxLength: 7,
	}}}
	filled(t, form.Attributes[0])
	filled(t, form.Attributes[0].Values[0])
	if f, err := formFromWire(formToWire(&form)); err != nil || cmp.Diff(form, *f, empty) != "" {
		t.Errorf("form: %v\n%s", err, cmp.Diff(form, *f, empty))
	}
	criteria := applications.Criteria{
		Program: "p", Name: "n", Size: 3, MinSize: 2, HardCaps: map[string]int{"org": 1}, Ties: []applications.Tie{{Kind: "at_least_one", IDs: []string{"NS-1"}}},
		Lottery: "MAXIMIN", MaxChance: 900, Allow: map[int]int64{1: 2},
		SeedKind: applications.SeedCommitReveal, SeedSource: "two texts", SeedPeople: []string{"One", "Two"},
		Rules: []applications.CriteriaRule{{
			Kind: "company", Attribute: "a", Values: []string{"v"}, Each: true, All: true, IDs: []string{"NS-2"}, And: []applications.Condition{{Attribute: "b", Values: []string{"c"}}},
			Min: &n, Max: &n, Priority: 1, Weight: 2, MinFlex: &n, MaxFlex: &n, Fixed: true, Note: "note",
		}},
	}
	filled(t, criteria.Rules[0])
	if c, err := criteriaFromWire("p", criteriaToWire(&criteria)); err != nil || cmp.Diff(criteria, *c, empty) != "" {
		t.Errorf("criteria: %v\n%s", err, cmp.Diff(criteria, *c, empty))
	}
	number := int64(-5)
	application := applications.Application{
		Program: "p", ID: "a", Language: "es", Contact: applications.Contact{Name: "n", Goes: "g", Email: "e", Phone: "p"},
		Answers: applications.Answers{"k": {
			Values: []string{"v"}, Qualifiers: map[string][]string{"v": {"self"}}, WriteIns: map[string]string{"v": "w"}, Text: "t", Number: &number, Declined: true,
		}},
		Consents: []applications.Consent{{Key: "c", Language: "es"}}, OnBehalf: &applications.OnBehalf{Reason: "r", ConsentNote: "n"},
	}
	filled(t, application.Contact)
	filled(t, application.Answers["k"])
	if a, err := applicationFromWire("p", applicationToWire(&application)); err != nil || cmp.Diff(application, *a, empty) != "" {
		t.Errorf("application: %v\n%s", err, cmp.Diff(application, *a, empty))
	}
	token := applications.Token{User: "u", Label: "l", Grants: []access.Grant{{Role: access.Auditor}, {Role: access.Reviewer, Program: "p"}}}
	if back, err := tokenFromWire(tokenToWire(&token)); err != nil || cmp.Diff(token, *back, empty) != "" {
		t.Errorf("token: %v\n%s", err, cmp.Diff(token, *back, empty))
	}
}

// filled fails where a new field of the domain is not in the test's example,
// and so perhaps not on the wire.
func filled(t *testing.T, v any) {
	t.Helper()
	r := reflect.ValueOf(v)
	for i := range r.NumField() {
		if r.Field(i).IsZero() {
			t.Errorf("%s.%s is not set in the example", r.Type(), r.Type().Field(i).Name)
		}
	}
}

func TestRevision(t *testing.T) {
	for _, n := range []int64{1, 7, 1 << 40} {
		if got, err := revision(etag(n)); err != nil || got != n {
			t.Errorf("%d became %d, %v", n, got, err)
		}
	}
	if got, err := revision(""); got != 0 || err != nil {
		t.Errorf("no etag: %d, %v", got, err)
	}
	for _, tag := range []string{"r0", "r-1", "7", "r07", "r7 ", "R7", "r99999999999999999999"} {
		if _, err := revision(tag); applications.CodeOf(err) != applications.Aborted {
			t.Errorf("%q: %v", tag, err)
		}
	}
}

func TestRowWriter(t *testing.T) {
	rows := "a,b\n1,\"x\ny\"\n\"say \"\"hi\"\"\n\",2\n"
	for size := 1; size <= len(rows); size++ {
		var sent [][]byte
		w := &rowWriter{send: func(b []byte) error { sent = append(sent, slices.Clone(b)); return nil }}
		for i := 0; i < len(rows); i += size {
			if _, err := w.Write([]byte(rows[i:min(i+size, len(rows))])); err != nil {
				t.Fatal(err)
			}
			if w.rowEnd > 0 { // as if the chunk were full
				if err := w.flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		joined := ""
		for _, b := range sent {
			if quotes := len(slices.DeleteFunc(slices.Clone(b), func(c byte) bool { return c != '"' })); quotes%2 != 0 {
				t.Errorf("writes of %d: a chunk ends inside a cell: %q", size, b)
			}
			joined += string(b) + "\n"
		}
		if joined != rows {
			t.Errorf("writes of %d: %q became %q", size, rows, joined)
		}
	}
}

func TestReadMask(t *testing.T) {
	p := &v1.Program{Name: "programs/p", Seats: 3, Title: map[string]string{"en": "x"}, State: v1.Program_OPEN, Etag: "r1", Preset: "presets/x"}
	for _, c := range []struct {
		mask         []string
		paths, fixed []string
	}{
		{nil, []string{"title", "seats"}, []string{"preset"}},
		{[]string{""}, []string{"title", "seats"}, []string{"preset"}},
		{[]string{"seats", "seats", "min_seats"}, []string{"seats", "minSeats"}, nil},
		{[]string{"window.close_time", "title.es"}, []string{"window.closeTime", "title.es"}, nil},
		{[]string{"seats", "state", "name", "etag", "createTime"}, []string{"seats"}, nil},
	} {
		paths, fixed, err := readMask(&fieldmaskpb.FieldMask{Paths: c.mask}, p)
		if err != nil || !slices.Equal(convert(paths, maskPath.json), c.paths) || !slices.Equal(convert(fixed, maskPath.json), append([]string{}, c.fixed...)) {
			t.Errorf("%v: %v %v, %v", c.mask, convert(paths, maskPath.json), convert(fixed, maskPath.json), err)
		}
	}
	merged, fields := merge(&v1.Program{Seats: 1, MinSeats: 1, Title: map[string]string{"en": "old", "es": "viejo"}}, p, []maskPath{{field: p.ProtoReflect().Descriptor().Fields().ByName("title"), below: []string{"en"}}})
	if want := (&v1.Program{Seats: 1, MinSeats: 1, Title: map[string]string{"en": "x", "es": "viejo"}}); !proto.Equal(merged, want) || !slices.Equal(fields, []string{"title"}) {
		t.Errorf("merged %v %v", merged, fields)
	}
}

// What callers set of mentoring arrives as they set it.
func TestMentoringRoundTrips(t *testing.T) {
	const id = "01a20028-0000-7000-8000-000000000000"
	empty := cmpopts.EquateEmpty()
	p := &mentoring.Plan{
		Program: "p", Open: true, Screening: true, MaxSeats: 4, MaxWanted: 2, MaxNever: 3, MaxWishes: 6, Rules: "version: 1", Objectives: []string{"cover", "total"},
		Floors: &mentoring.Floors{Attribute: "county", Min: map[string]int{"island": 2, "skagit": 0}}, AnswerTime: 36 * time.Hour, Contact: "Somebody",
	}
	if diff := cmp.Diff(p, planFromWire(planToWire(p)), empty); diff != "" {
		t.Errorf("a plan: %s", diff)
	}
	e := &mentoring.Enrollment{
		Program: "p", ID: id, Role: mentoring.Mentor, Contact: mentoring.Contact{Name: "N", Goes: "G", Email: "e@example.org", Phone: "1"}, Language: "es", Seats: 3,
		Profile: map[string]string{"offers": "Budgeting:3"}, Traits: []mentoring.Trait{{Attribute: "a", Value: "v", Matching: true, Explained: true}},
		Wishes: []string{"ME-0001"}, Never: []string{id}, Consents: []mentoring.Consent{{Purpose: mentoring.ForAffinity, Given: true}},
		Origin: mentoring.Origin{Program: "q", Application: id},
	}
	if diff := cmp.Diff(e, mentorFromWire("p", mentorToWire(e)), empty); diff != "" {
		t.Errorf("a mentor: %s", diff)
	}
	e.Role, e.Seats, e.Wanted = mentoring.Mentee, 0, 2
	e.Affinity = []mentoring.AffinityWish{{Attribute: "a", Value: "v", Strength: "REQUIRED"}}
	if diff := cmp.Diff(e, menteeFromWire("p", menteeToWire(e)), empty); diff != "" {
		t.Errorf("a mentee: %s", diff)
	}
}

// What callers set of a network and of members arrives as they set it.
func TestNetworkRoundTrips(t *testing.T) {
	const id = "01a20028-0000-7000-8000-000000000000"
	empty := cmpopts.EquateEmpty()
	n := &introductions.Network{
		Title: map[string]string{"en": "x"}, MinSize: 3, MaxSize: 5, Different: []string{"a"}, Spread: []string{"b"}, Shown: []string{"c"},
		Points: []introductions.Points{{Attribute: "d", Points: 7, Unlike: true}}, AnswerTime: 36 * time.Hour,
	}
	if diff := cmp.Diff(n, networkFromWire(networkToWire(n)), empty); diff != "" {
		t.Errorf("a network: %s", diff)
	}
	m := &introductions.Member{
		Reference: "r", Contact: introductions.Contact{Name: "N", Goes: "G", Email: "e@example.org", Phone: "1"}, Profile: map[string]string{"a": "b"},
		Agreed: true, Paused: true, RestDays: 9, Never: []string{id},
	}
	if diff := cmp.Diff(m, memberFromWire(memberToWire(m)), empty); diff != "" {
		t.Errorf("a member: %s", diff)
	}
}

// Pairs that would both rather have each other are told with their names; results
// of earlier versions did not count them.
func TestUnstablePairsToWire(t *testing.T) {
	w := matchingResultToWire("p", "m", &mentoring.Result{Unstable: &mentoring.Unstable{
		Count: 7, First: []mentoring.Pair{{Mentee: "a", MenteeCode: "ME-0001", Mentor: "b", MentorCode: "MO-0002", Score: 610}},
	}})
	if w.GetUnstablePairCount() != 7 || len(w.GetUnstablePairs()) != 1 || w.GetUnstablePairs()[0].GetMentorCode() != "MO-0002" || w.GetUnstablePairs()[0].GetScore() != 610 {
		t.Errorf("%v", w)
	}
	if w := matchingResultToWire("p", "m", &mentoring.Result{}); w.GetUnstablePairCount() != -1 {
		t.Errorf("%v", w)
	}
}
