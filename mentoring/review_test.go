package mentoring_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher/verify"
	"github.com/openfairlead/fairlead/mentoring"
)

// Two mentors and two mentees who all could be paired; the best pairs are
// straight.
func straight(w *world) (ann, bob, lea, max enrolled) {
	w.Helper()
	ann, bob = w.mentor(1, "Grant writing:3; Budgeting:1"), w.mentor(1, "Budgeting:3; Grant writing:1")
	lea, max = w.mentee(1, "Grant writing:3; Budgeting:1"), w.mentee(1, "Budgeting:3; Grant writing:1")
	return ann, bob, lea, max
}

func mates(r *mentoring.Result) map[string]string {
	m := map[string]string{}
	for _, p := range r.Pairs {
		m[p.Mentee] = p.Mentor
	}
	return m
}

// Each edit shows what it costs the whole before and after it is made, can be
// taken back, and is counted when the run is published.
func TestReview(t *testing.T) {
	w := newWorld(t)
	ann, bob, lea, max := straight(w)
	m := w.match(&mentoring.Matching{})
	before := w.result(m)
	if !reflect.DeepEqual(mates(before), map[string]string{lea.ID: ann.ID, max.ID: bob.ID}) {
		t.Fatalf("%+v", before.Pairs)
	}
	edit := mentoring.Edit{Kind: mentoring.LockPair, Mentee: lea.ID, Mentor: bob.ID, Reason: "they work on the same grant"}
	cost, err := w.TryEdit(w.ctx, w.coordinator, program, m.ID, edit)
	w.must(err)
	if len(cost.Removed) != 2 || len(cost.Added) != 2 {
		t.Errorf("%+v", cost)
	}
	total := func(c *mentoring.Cost) mentoring.TermChange {
		i := slices.IndexFunc(c.Terms, func(x mentoring.TermChange) bool { return x.Term == "total" })
		return c.Terms[i]
	}
	if x := total(cost); x.Before != before.Total || x.After >= x.Before {
		t.Errorf("%+v", cost.Terms)
	}
	if u := before.Unstable; u == nil || u.Count != 0 || len(u.First) != 0 {
		t.Errorf("the best pairs leave nothing better, and not %+v", u)
	}
	if again := w.result(m); !reflect.DeepEqual(again, before) {
		t.Error("trying an edit changed the result")
	}
	edited, err := w.EditMatching(w.ctx, w.coordinator, program, m.ID, edit, m.Revision, none)
	w.must(err)
	if edited.State != mentoring.InReview || len(edited.Edits) != 1 || total(&edited.Edits[0].Cost) != total(cost) {
		t.Errorf("%+v", edited)
	}
	r := w.result(m)
	if mates(r)[lea.ID] != bob.ID || r.Total != total(cost).After || !r.Pairs[0].Locked {
		t.Errorf("%+v", r)
	}
	// Against the lock, each would rather have who fits them.
	if u := r.Unstable; u.Count != 2 || len(u.First) != 2 || u.First[0].MenteeCode != lea.Code || u.First[0].MentorCode != ann.Code || u.First[0].Score != before.Pairs[0].Score {
		t.Errorf("%+v", u)
	}
	_, err = w.EditMatching(w.ctx, w.coordinator, program, m.ID, edit, m.Revision, none)
	w.refused(err, "STALE_REVISION")
	_, err = w.UndoEdit(w.ctx, w.coordinator, program, m.ID, 0, none)
	w.must(err)
	if again := w.result(m); !reflect.DeepEqual(again, before) {
		t.Errorf("taken back, it is not as before: %+v", again)
	}
	forbid := edit
	forbid.Kind = mentoring.ForbidPair
	forbid.Mentor = ann.ID
	_, err = w.EditMatching(w.ctx, w.coordinator, program, m.ID, forbid, 0, none)
	w.must(err)
	forbid.Mentor = bob.ID
	_, err = w.EditMatching(w.ctx, w.coordinator, program, m.ID, forbid, 0, none)
	w.must(err)
	r = w.result(m)
	if r.Covered != 1 || len(r.Unmatched) != 1 || r.Unmatched[0].Mentee != lea.ID {
		t.Errorf("%+v", r)
	}
	w.publish(m)
	if x, err := w.Measures(w.ctx, w.coordinator, program); err != nil || x.Overridden != 1 || x.OverridesPer100 != 100 {
		t.Errorf("%+v, %v", x, err)
	}
	_, err = w.EditMatching(w.ctx, w.coordinator, program, m.ID, edit, 0, none)
	w.refused(err, "MATCHING_STATE")
}

// Of the pairs of a published run those count as changed by people that differ
// from what was found without them: none for a lock of a pair that was there, two
// for a swap, none for what was changed back.
func TestOverridesAreCountedByPair(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(w *world, m *mentoring.Matching, lea, max mentoring.Pair)
		want int
	}{
		{"a lock of what was there", func(w *world, m *mentoring.Matching, lea, _ mentoring.Pair) {
			w.edit(m, mentoring.LockPair, lea.Mentee, lea.Mentor)
		}, 0},
		{"a swap", func(w *world, m *mentoring.Matching, lea, max mentoring.Pair) {
			_, err := w.SwapMentors(w.ctx, w.coordinator, program, m.ID, lea, max, "they asked for it", 0, none)
			w.must(err)
		}, 2},
		{"a swap by two locks", func(w *world, m *mentoring.Matching, lea, max mentoring.Pair) {
			w.edit(m, mentoring.LockPair, lea.Mentee, max.Mentor)
			w.edit(m, mentoring.LockPair, max.Mentee, lea.Mentor)
		}, 2},
		{"one pair forbidden away, the other there and back", func(w *world, m *mentoring.Matching, lea, max mentoring.Pair) {
			w.edit(m, mentoring.ForbidPair, lea.Mentee, lea.Mentor)
			w.edit(m, mentoring.ForbidPair, lea.Mentee, max.Mentor)
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			ann, bob, lea, max := straight(w)
			m := w.match(&mentoring.Matching{})
			c.edit(w, m, mentoring.Pair{Mentee: lea.ID, Mentor: ann.ID}, mentoring.Pair{Mentee: max.ID, Mentor: bob.ID})
			w.publish(m)
			if x, err := w.Measures(w.ctx, w.coordinator, program); err != nil || x.Overridden != c.want {
				t.Errorf("%d pairs count as changed, not %d; %v", x.Overridden, c.want, err)
			}
		})
	}
}

func (w *world) edit(m *mentoring.Matching, kind mentoring.DirectiveKind, mentee, mentor string) {
	w.Helper()
	_, err := w.EditMatching(w.ctx, w.coordinator, program, m.ID, mentoring.Edit{Kind: kind, Mentee: mentee, Mentor: mentor, Reason: "as an example"}, 0, none)
	w.must(err)
}

// What a run says is a record that the independent checker takes, and the same
// input gives the same bytes; its digest can be compared with no guess.
func TestResultIsProvedAndTheSame(t *testing.T) {
	w := newWorld(t)
	ann, _, lea, max := straight(w)
	a, b := w.match(&mentoring.Matching{}), w.match(&mentoring.Matching{})
	ra, rb := w.result(a), w.result(b)
	if !reflect.DeepEqual(ra, rb) {
		t.Error("the same input gave two results")
	}
	if a.InputDigest == b.InputDigest {
		t.Error("the digest of an input can be guessed against")
	}
	if len(ra.Certificate) == 0 {
		t.Fatal("no certificate")
	}
	report, err := verify.File(ra.Certificate, verify.Options{})
	if err != nil || !report.Accepted {
		t.Errorf("%+v, %v", report, err)
	}
	x, err := w.ExplainPair(w.ctx, w.coordinator, program, a.ID, lea.ID, ann.ID)
	if err != nil || !x.Made || !x.Eligible || x.Pair.Score != ra.Pairs[0].Score || !reflect.DeepEqual(x.Pair.Parts, ra.Pairs[0].Parts) {
		t.Errorf("%+v, %v", x, err)
	}
	y, err := w.WhyNot(w.ctx, w.coordinator, program, a.ID, max.ID, ann.ID)
	if err != nil || y.Explanation.Made || y.Cost == nil || len(y.Cost.Added) != 2 {
		t.Errorf("%+v, %v", y, err)
	}
	others, err := w.OtherMentors(w.ctx, w.coordinator, program, a.ID, max.ID, 5)
	if err != nil || len(others) != 1 || others[0].Pair.Mentor != ann.ID || !reflect.DeepEqual(&others[0].Cost, y.Cost) {
		t.Errorf("%+v, %v", others, err)
	}
}

// Directives hold in every run, and a lock against what somebody declined is
// refused without telling who.
func TestDirectives(t *testing.T) {
	w := newWorld(t)
	ann, bob, lea, max := straight(w)
	forbid, err := w.CreateDirective(w.ctx, w.coordinator, &mentoring.Directive{Program: program, Kind: mentoring.ForbidPair, Mentee: lea.ID, Mentor: ann.ID, Reason: "neighbors"}, none)
	w.must(err)
	_, err = w.CreateDirective(w.ctx, w.coordinator, &mentoring.Directive{Program: program, Kind: mentoring.LockPair, Mentee: lea.ID, Mentor: ann.ID, Reason: "again"}, none)
	w.refused(err, "DIRECTIVE_IN_FORCE")
	if r := w.result(w.match(&mentoring.Matching{})); mates(r)[lea.ID] != bob.ID {
		t.Errorf("%+v", r.Pairs)
	}
	_, err = w.LiftDirective(w.ctx, w.coordinator, program, forbid.ID, "they moved", 0, none)
	w.must(err)
	_, err = w.CreateDirective(w.ctx, w.coordinator, &mentoring.Directive{Program: program, Kind: mentoring.LockPair, Mentee: max.ID, Mentor: ann.ID, Reason: "asked for"}, none)
	w.must(err)
	m := w.match(&mentoring.Matching{})
	if r := w.result(m); mates(r)[max.ID] != ann.ID || mates(r)[lea.ID] != bob.ID {
		t.Errorf("%+v", r.Pairs)
	}
	w.publish(m)
	p := w.proposals(max.who)[0]
	_, err = w.DeclineProposal(w.ctx, max.who, program, p.ID, mentoring.Decline{Reason: mentoring.TooClose, Never: true}, "", "", 0, none)
	w.must(err)
	_, err = w.Propose(w.ctx, w.coordinator, program, max.ID, ann.ID, "try again", none)
	w.refused(err, "PAIR_IMPOSSIBLE")
	for _, who := range []string{"mentee", "Mentee", max.Code, max.ID} {
		if strings.Contains(err.Error(), who) {
			t.Errorf("the refusal tells who declined: %v", err)
		}
	}
}

// A run that is left at any durable point goes on to the same result.
func TestRunnerResumes(t *testing.T) {
	w := newWorld(t)
	straight(w)
	want := w.result(w.match(&mentoring.Matching{}))
	for _, point := range []string{"after claimed", "before frozen", "after frozen", "before stored"} {
		made, err := w.CreateMatching(w.ctx, w.coordinator, &mentoring.Matching{Program: program, Seed: "a seed"}, none)
		w.must(err)
		died := errors.New("died")
		dying := mentoring.NewRunner(w.Service, "dying")
		dying.Hook = func(at string) error {
			if at == point {
				return died
			}
			return nil
		}
		if _, err := dying.RunOne(w.ctx); !errors.Is(err, died) {
			t.Fatalf("%s: %v", point, err)
		}
		if did, _ := w.runner.RunOne(w.ctx); did {
			t.Fatalf("%s: taken over under its lease", point)
		}
		w.clock.advance(time.Minute)
		m := w.run(made)
		if m.State != mentoring.Solved || m.Attempt != 2 || !reflect.DeepEqual(w.result(m), want) {
			t.Errorf("%s: %+v", point, m)
		}
	}
	// One that somebody cancels while it is worked on stops at the next step.
	made, err := w.CreateMatching(w.ctx, w.coordinator, &mentoring.Matching{Program: program}, none)
	w.must(err)
	w.runner.Hook = func(at string) error {
		if at == "after frozen" {
			_, err := w.CancelMatching(w.ctx, w.coordinator, program, made.ID, none)
			return err
		}
		return nil
	}
	if m := w.run(made); m.State != mentoring.Canceled || m.Record != nil {
		t.Errorf("%+v", m)
	}
}

// Who comes too late with a run that another one overtook is told so, and
// nothing of it is sent.
func TestPublishingOvertaken(t *testing.T) {
	w := newWorld(t)
	straight(w)
	a, b := w.match(&mentoring.Matching{}), w.match(&mentoring.Matching{})
	token := access.Principal{Subject: "tokens/x", Grants: w.coordinator.Grants}
	_, err := w.PublishMatching(w.ctx, token, program, a.ID, "by a program", 0, none)
	w.refused(err, "PERSON_NEEDED")
	w.publish(a)
	_, err = w.PublishMatching(w.ctx, w.coordinator, program, b.ID, "too late", 0, none)
	w.refused(err, "MATCHING_OVERTAKEN")
	_, err = w.PublishMatching(w.ctx, w.coordinator, program, a.ID, "twice", 0, none)
	w.refused(err, "MATCHING_STATE")
	if n := len(w.proposals(w.coordinator)); n != 2 {
		t.Errorf("%d proposals", n)
	}
}

// What other mentors and single pairs cost, as the network tells it, is what an
// edit costs that solves everything again.
func TestOtherMentorsCost(t *testing.T) {
	w := newWorld(t)
	skills := []string{"Grant writing", "Budgeting", "Public speaking", "Strategic planning"}
	var mentees, mentors []enrolled
	for k := range 9 {
		wants := fmt.Sprintf("%s:%d; %s:%d", skills[k%4], 1+k%3, skills[(k+1+k/4)%4], 1+(k+1)%3)
		mentees = append(mentees, w.mentee(1+k/7, wants))
		if k < 6 {
			mentors = append(mentors, w.mentor(1+k%2, wants))
		}
	}
	m := w.match(&mentoring.Matching{})
	compared, free, bounded := 0, 0, 0
	for _, e := range mentees {
		others, err := w.OtherMentors(w.ctx, w.coordinator, program, m.ID, e.ID, 20)
		w.must(err)
		for _, o := range others {
			cost, err := w.TryEdit(w.ctx, w.coordinator, program, m.ID, mentoring.Edit{Kind: mentoring.LockPair, Mentee: e.ID, Mentor: o.Pair.Mentor})
			w.must(err)
			if !reflect.DeepEqual(&o.Cost, cost) {
				t.Fatalf("%s with %s costs %+v, and as an edit %+v", o.Pair.MenteeCode, o.Pair.MentorCode, o.Cost, cost)
			}
			why, err := w.WhyNot(w.ctx, w.coordinator, program, m.ID, e.ID, o.Pair.Mentor)
			if w.must(err); !reflect.DeepEqual(why.Cost, cost) {
				t.Fatalf("%s with %s costs %+v, and as an edit %+v", o.Pair.MenteeCode, o.Pair.MentorCode, why.Cost, cost)
			}
			compared++
			if x := cost.Terms[0]; x.Before == x.After {
				free++
			}
			// What is said at once, with nothing solved, is never above it.
			w.Forget()
			quick, err := w.ExplainPair(w.ctx, w.coordinator, program, m.ID, e.ID, o.Pair.Mentor)
			w.must(err)
			if least := quick.AtLeast; len(least) == 0 || !reflect.DeepEqual(least, why.Explanation.AtLeast) || w.Held() != 0 {
				t.Fatalf("at once %+v, exactly %+v", least, why.Explanation.AtLeast)
			}
			for k, x := range cost.Terms[:len(quick.AtLeast)] {
				least, lost := quick.AtLeast[k], x.Before-x.After
				if least.Name == "below" { // of which the cost has the worst pair
					bounded++
					break
				}
				if least.Name != x.Term || least.Value > lost {
					t.Fatalf("%s with %s costs %+v, at the least %+v", o.Pair.MenteeCode, o.Pair.MentorCode, cost, quick.AtLeast)
				}
				if least.Value > 0 {
					bounded++
				}
				if least.Value < lost {
					break
				}
			}
		}
	}
	if bounded == 0 {
		t.Error("no bound says anything")
	}
	if compared < len(mentors) || free == 0 {
		t.Errorf("only %d pairs were compared, %d of which leave as many covered", compared, free)
	}
}
