package introductions_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/introductions"
)

// A runner that dies at any step is followed by another, to the same bytes.
func TestRoundSurvivesItsRunner(t *testing.T) {
	var want []byte
	for _, step := range []string{"", introductions.StepClaimed, introductions.StepFrozen, introductions.StepStored} {
		for _, when := range []string{"before ", "after "} {
			if when+step == "before " || when+step == "before "+introductions.StepClaimed {
				continue
			}
			w := newWorld(t, introductions.Network{Different: []string{"organization"}, Points: []introductions.Points{{Attribute: "topics", Points: 10}}})
			w.join(21, func(i int) map[string]string {
				return map[string]string{"organization": fmt.Sprint(i % 5), "topics": fmt.Sprintf("%d; %d", i%3, i%4)}
			})
			r, err := w.CreateRound(w.ctx, w.staff, &introductions.Round{Program: program, Network: network, Seed: "s"}, none)
			w.must(err)
			if step != "" {
				w.runner.Hook = func(point string) error {
					if point == when+step {
						return errors.New("dead")
					}
					return nil
				}
				if _, err := w.runner.RunOne(w.ctx); err == nil {
					t.Fatalf("%s%s: it did not die", when, step)
				}
				if worked, err := introductions.NewRunner(w.Service, "other").RunOne(w.ctx); step != introductions.StepStored && (worked || err != nil) {
					t.Fatalf("taken over under a lease: %v", err)
				}
				w.pass(time.Minute)
			}
			if _, err := introductions.NewRunner(w.Service, "another").RunOne(w.ctx); err != nil {
				t.Fatal(err)
			}
			got := w.whole(r.ID)
			if got.State != introductions.Solved {
				t.Fatalf("%s%s: %s %s", when, step, got.State, got.Error)
			}
			if want == nil {
				want = got.Record
			}
			if !bytes.Equal(got.Record, want) {
				t.Errorf("%s%s: another result:\n%s\n%s", when, step, got.Record, want)
			}
		}
	}
}

// Round after round until everybody met everybody: nobody meets anybody twice, and
// whoever was left goes first.
func TestRoundsUntilAllMet(t *testing.T) {
	w := newWorld(t, introductions.Network{AnswerTime: time.Hour})
	people := w.join(7, plain)
	met, left := map[[2]string]bool{}, map[string]int{}
	for round := 1; ; round++ {
		r, result := w.solve(fmt.Sprint(round))
		placed := 0
		for _, g := range result.Groups {
			placed += len(g.Members)
			for i, a := range g.Members {
				for _, b := range g.Members[i+1:] {
					if met[[2]string{a, b}] {
						t.Fatalf("round %d: %s and %s meet again", round, a, b)
					}
					met[[2]string{a, b}] = true
				}
			}
		}
		if placed+len(result.Left) != len(people) {
			t.Fatalf("round %d: %d placed, %d left of %d", round, placed, len(result.Left), len(people))
		}
		for _, l := range result.Left {
			if l.Skipped != left[l.Member] || l.Reason == "" {
				t.Errorf("round %d: %+v was left %d times before", round, l, left[l.Member])
			}
			left[l.Member]++
		}
		for _, i := range w.publish(r.ID) {
			for _, s := range i.Sides {
				_, err := w.Accept(w.ctx, as(s.Member), program, network, i.ID, "", "", 0, none)
				w.must(err)
			}
		}
		if len(result.Groups) == 0 {
			if len(met) != 21 {
				t.Errorf("ended with %d of 21 pairs met", len(met))
			}
			return
		}
		if round > 30 {
			t.Fatal("no end")
		}
	}
}

// Whom somebody never wants to meet shows in nothing, and holds in circles too.
func TestNeverIsKeptAndToldNobody(t *testing.T) {
	for _, size := range []int{2, 4} {
		w := newWorld(t, introductions.Network{MinSize: size, MaxSize: size, Different: []string{"organization"}})
		ids := w.join(8, func(i int) map[string]string { return map[string]string{"organization": fmt.Sprint(i)} })
		for _, other := range ids[1:5] {
			me := ids[0]
			m, err := w.Member(w.ctx, as(me), program, network, me)
			w.must(err)
			m.Never = append(m.Never, other)
			_, err = w.UpdateMember(w.ctx, as(me), m, []string{"never"}, "", none)
			w.must(err)
		}
		r, result := w.solve("s")
		for _, g := range result.Groups {
			for _, other := range ids[1:5] {
				if slices.Contains(g.Members, ids[0]) && slices.Contains(g.Members, other) {
					t.Errorf("size %d: together in %v", size, g.Codes)
				}
			}
			if g.Clashes != 0 || g.Repeats != 0 {
				t.Errorf("a wish is counted: %+v", g)
			}
		}
		m, err := w.Member(w.ctx, w.staff, program, network, ids[0])
		w.must(err)
		if len(m.Never) != 0 {
			t.Error("staff see it")
		}
		_, err = w.UpdateMember(w.ctx, w.staff, &introductions.Member{Program: program, Network: network, ID: ids[0]}, []string{"never"}, "by phone", none)
		w.refused(err, "OWNER_ONLY")
		// What changed after the round was solved holds when it is published.
		if len(result.Groups) == 0 {
			t.Fatal("no groups")
		}
		g := result.Groups[len(result.Groups)-1]
		a, b := g.Members[0], g.Members[1]
		_, err = w.UpdateMember(w.ctx, as(a), &introductions.Member{Program: program, Network: network, ID: a, Never: []string{b}}, []string{"never"}, "", none)
		w.must(err)
		for _, i := range w.publish(r.ID) {
			in := func(id string) bool {
				return slices.ContainsFunc(i.Sides, func(s introductions.Side) bool { return s.Member == id })
			}
			if in(a) && in(b) {
				t.Error("published against a wish")
			}
		}
		after, err := w.RoundResult(w.ctx, w.staff, program, network, r.ID)
		w.must(err)
		if !slices.ContainsFunc(after.Left, func(l introductions.Left) bool { return l.Member == a && l.Reason == introductions.Changed }) {
			t.Errorf("nobody says that they were left: %+v", after.Left)
		}
	}
}

// Of two rounds with one base, one is published; a program's own circles have
// bounds that hold; who rests, pauses or has something to answer is counted.
func TestRoundOvertakenAndAbsent(t *testing.T) {
	w := newWorld(t, introductions.Network{MinSize: 3, MaxSize: 4, Spread: []string{"county"}})
	ids := w.join(11, func(i int) map[string]string { return map[string]string{"county": fmt.Sprint(i % 2)} })
	one, result := w.solve("one")
	two, _ := w.solve("two")
	people := 0
	for _, g := range result.Groups {
		if people += len(g.Members); len(g.Members) < 3 || len(g.Members) > 4 {
			t.Errorf("a circle of %d", len(g.Members))
		}
	}
	if people != 11 {
		t.Errorf("%d of 11 in circles", people)
	}
	list := w.publish(one.ID)
	_, err := w.PublishRound(w.ctx, w.staff, program, network, two.ID, "looked at", 0, none)
	w.refused(err, "ROUND_OVERTAKEN")
	_, err = w.PublishRound(w.ctx, w.staff, program, network, one.ID, "looked at", 0, none)
	w.refused(err, "ROUND_STATE")
	// All accept but in the last one; some rest then.
	for _, i := range list[:len(list)-1] {
		for _, s := range i.Sides {
			_, err := w.Accept(w.ctx, as(s.Member), program, network, i.ID, "", "", 0, none)
			w.must(err)
		}
	}
	resting := list[0].Sides[0].Member
	_, err = w.UpdateMember(w.ctx, as(resting), &introductions.Member{Program: program, Network: network, ID: resting, RestDays: 30}, []string{"rest_days"}, "", none)
	w.must(err)
	r, err := w.CreateRound(w.ctx, w.staff, &introductions.Round{Program: program, Network: network, Seed: "three"}, none)
	w.must(err)
	_, err = w.runner.RunOne(w.ctx)
	w.must(err)
	got := w.whole(r.ID)
	open := len(list[len(list)-1].Sides)
	if got.Absent != open+1 || got.Members != len(ids)-open-1 {
		t.Errorf("%d absent, %d take part; %d have an introduction to answer", got.Absent, got.Members, open)
	}
	w.pass(31 * 24 * time.Hour)
	if n, err := w.Expire(w.ctx); err != nil || n != 1 {
		t.Errorf("%d expired, %v", n, err)
	}
	if r, _ := w.solve("four"); r.Absent != 0 || r.Members != len(ids) {
		t.Errorf("a month later %d are absent", r.Absent)
	}
}

// Nothing of who was erased is left in what members, staff or the store hold.
func TestEraseMember(t *testing.T) {
	w := newWorld(t, introductions.Network{Shown: []string{"topics"}, Points: []introductions.Points{{Attribute: "topics", Points: 10}}})
	ids := w.join(4, func(i int) map[string]string {
		return map[string]string{"topics": []string{"zq7canary", "food"}[min(i, 1)]}
	})
	me := ids[0]
	key := introductions.Idempotency{RequestID: "0d5b9e1c-1111-4222-8333-000000000001", Hash: []byte("h")}
	_, err := w.UpdateMember(w.ctx, as(me), &introductions.Member{
		Program: program, Network: network, ID: me, Contact: introductions.Contact{Name: "zq7canary", Phone: "360-555-0100"},
	}, []string{"contact"}, "", key)
	w.must(err)
	code, _, err := w.IssueLink(w.ctx, w.staff, program, network, me, "by phone", 0, false)
	w.must(err)
	_, token, err := w.OpenLink(w.ctx, program, network, code)
	w.must(err)
	if who, err := w.Authenticate(w.ctx, token); err != nil || who.Member != me {
		t.Fatalf("%+v, %v", who, err)
	}
	r, _ := w.solve("s")
	list := w.publish(r.ID)
	m, err := w.EraseMember(w.ctx, w.privacy, program, network, me, "asked by phone", none)
	w.must(err)
	if !m.Erased || m.Contact.Name != "" || len(m.Profile) != 0 {
		t.Errorf("%+v", m)
	}
	_, err = w.Authenticate(w.ctx, token)
	w.refused(err, "TOKEN_INVALID")
	_, err = w.UpdateMember(w.ctx, as(me), &introductions.Member{Program: program, Network: network, ID: me}, []string{"contact"}, "", key)
	if err == nil {
		t.Error("the first answer is still there")
	}
	if got := w.whole(r.ID); bytes.Contains(got.Frozen, []byte("zq7canary")) || got.InputDigest != "" || got.ErasedCount != 1 {
		t.Error("the frozen input holds them")
	}
	for _, i := range list {
		for _, s := range i.Sides {
			if s.Member == me || !slices.ContainsFunc(i.Sides, func(x introductions.Side) bool { return x.Member == me }) {
				continue
			}
			v, err := w.Introduction(w.ctx, as(s.Member), program, network, i.ID)
			w.must(err)
			if v.State != introductions.Recalled || strings.Contains(fmt.Sprintf("%+v", v), "zq7canary") {
				t.Errorf("the partner sees %+v", v)
			}
			if p, err := w.Member(w.ctx, as(s.Member), program, network, s.Member); err != nil || p.Waited != 1 {
				t.Errorf("whose partner was erased has waited %d, %v", p.Waited, err)
			}
		}
	}
	again, err := w.EraseMember(w.ctx, w.privacy, program, network, me, "asked again", none)
	w.must(err)
	if again.Revision != m.Revision {
		t.Error("erasing twice changes something")
	}
	// A restored backup is erased again by the list.
	w.must(w.Store.Update(w.ctx, func(tx introductions.Tx) error {
		did, err := w.Replay(w.ctx, tx, program, ids[1])
		if !did {
			t.Error("the list erased nobody")
		}
		return err
	}))
	if strings.Contains(w.log.String(), "zq7canary") {
		t.Error("the log holds it")
	}
}

// A list with a mistake is refused whole, and each mistake is told with its row.
func TestImportRefuses(t *testing.T) {
	w := newWorld(t, introductions.Network{})
	w.join(1, plain)
	contact := introductions.Contact{Name: "Invented", Email: "x@example.org"}
	bad := []*introductions.Member{
		{Reference: "A", Agreed: true, Contact: contact},
		{Reference: "A", Agreed: true, Contact: contact},
		{Reference: "M0", Agreed: true, Contact: contact},
		{Reference: "B", Agreed: true},
		{Reference: "C", Profile: map[string]string{"topics": "food; prefer not to say", "Email": "x@example.org"}},
		{Reference: "D", RestDays: 400},
		{Reference: "E", Never: []string{"somebody"}},
	}
	_, err := w.ImportMembers(w.ctx, w.staff, program, network, bad, "asked", none)
	var e *introductions.Error
	if !errors.As(err, &e) || e.Reason != "IMPORT_INVALID" {
		t.Fatal(err)
	}
	var fields []string
	for _, v := range e.Violations {
		fields = append(fields, v.Field)
	}
	want := []string{
		"row 2, reference", "row 3, reference", "row 4, contact.name", "row 4, contact.email", "row 5, profile.Email", "row 5, profile.topics",
		"row 6, rest_days", "row 7, never",
	}
	if !slices.Equal(fields, want) {
		t.Errorf("%q\nwant %q", fields, want)
	}
	if page, err := w.Members(w.ctx, w.staff, program, network, introductions.ListQuery{}); err != nil || len(page.Items) != 1 {
		t.Errorf("something was imported: %v", err)
	}
	_, err = w.CreateRound(w.ctx, w.staff, &introductions.Round{Program: program, Network: network}, none)
	w.must(err)
	_, err = w.runner.RunOne(w.ctx)
	w.must(err)
	if page, err := w.Rounds(w.ctx, w.staff, program, network, introductions.ListQuery{}); err != nil || page.Items[0].ErrorReason != "TOO_FEW_MEMBERS" {
		t.Errorf("a round of one: %+v, %v", page, err)
	}
}

// One round of a large network, from the queue to the introductions.
func TestLargeRound(t *testing.T) {
	people := 1000
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		people = 13_000
	}
	w := newWorld(t, introductions.Network{
		Different: []string{"organization"}, Points: []introductions.Points{{Attribute: "topics", Points: 10}, {Attribute: "county", Points: 3}},
	})
	begin := time.Now()
	for done := 0; done < people; done += 1000 {
		var list []*introductions.Member
		for i := done; i < done+1000; i++ {
			list = append(list, &introductions.Member{
				Reference: fmt.Sprint("M", i), Agreed: true, Contact: introductions.Contact{Name: fmt.Sprint("Invented Person ", i), Email: fmt.Sprintf("p%d@example.org", i)},
				Profile: map[string]string{
					"organization": fmt.Sprint(i * 7919 % 410 * (i * 31 % 410) / 410), "county": fmt.Sprint(i * 13 % 5),
					"topics": fmt.Sprintf("t%d;t%d;t%d", i*5%12, i*11%12, (i*i+3)%12),
				},
			})
		}
		_, err := w.ImportMembers(w.ctx, w.staff, program, network, list, "asked on a form", none)
		w.must(err)
	}
	imported := time.Since(begin)
	for round := range 2 {
		begin = time.Now()
		r, result := w.solve("s")
		solved := time.Since(begin)
		begin = time.Now()
		list := w.publish(r.ID)
		published := time.Since(begin)
		placed := 0
		for _, g := range result.Groups {
			placed += len(g.Members)
		}
		if placed+len(result.Left) != people || len(list) != len(result.Groups) || result.Status != "OPTIMAL" {
			t.Errorf("%s: %d placed, %d left, %d introductions", result.Status, placed, len(result.Left), len(list))
		}
		t.Logf("figure: network of %d, round %d over the service: imported in %v, frozen, solved, checked and stored in %v, published as %d introductions in %v; %d left",
			people, round+1, imported.Round(time.Millisecond), solved.Round(time.Millisecond), len(list), published.Round(time.Millisecond), len(result.Left))
		w.pass(15 * 24 * time.Hour)
		if round == 0 {
			begin = time.Now()
			n, err := w.Expire(w.ctx)
			w.must(err)
			t.Logf("figure: %d introductions that nobody answered ended in %v", n, time.Since(begin).Round(time.Millisecond))
		}
	}
}
