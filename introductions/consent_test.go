package introductions_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/introductions"
)

// change changes one field of somebody's own membership.
func (w *world) change(m introductions.Member, field string) {
	w.Helper()
	m.Program, m.Network = program, network
	_, err := w.UpdateMember(w.ctx, as(m.ID), &m, []string{field}, "", none)
	w.must(err)
}

// backs are the ways in which somebody who accepted has a change of mind.
var backs = map[string]func(w *world, me, other string){
	"agreed": func(w *world, me, other string) { w.change(introductions.Member{ID: me}, "agreed") },
	"never": func(w *world, me, other string) {
		w.change(introductions.Member{ID: me, Never: []string{other}}, "never")
	},
	"staff": func(w *world, me, other string) {
		_, err := w.UpdateMember(w.ctx, w.staff, &introductions.Member{Program: program, Network: network, ID: me}, []string{"agreed"}, "by phone", none)
		w.must(err)
	},
	"the other one's never": func(w *world, me, other string) {
		w.change(introductions.Member{ID: other, Never: []string{me}}, "never")
	},
}

// pair introduces two people, and returns who they are.
func (w *world) pair() (i *introductions.Introduction, a, b string) {
	w.Helper()
	w.join(2, func(int) map[string]string { return map[string]string{"topics": "food"} })
	r, _ := w.solve("s")
	i = w.publish(r.ID)[0]
	return i, i.Sides[0].Member, i.Sides[1].Member
}

// Who accepted and had a change of mind before the other one answered is not
// named to them, and nobody is told who it was.
func TestChangeOfMindBeforeTheLastAnswer(t *testing.T) {
	for _, way := range slices.Sorted(maps.Keys(backs)) {
		w := newWorld(t, introductions.Network{Shown: []string{"topics"}})
		i, a, b := w.pair()
		_, err := w.Accept(w.ctx, as(a), program, network, i.ID, "", "", 0, none)
		w.must(err)
		backs[way](w, a, b)
		_, err = w.Accept(w.ctx, as(b), program, network, i.ID, "", "", 0, none)
		w.must(err)
		for _, id := range []string{a, b} {
			v, err := w.Introduction(w.ctx, as(id), program, network, i.ID)
			w.must(err)
			if v.State != introductions.Recalled || len(v.Contacts) != 0 || len(v.Profiles) != 0 {
				t.Errorf("%s: %s, %v, %v", way, v.State, v.Contacts, v.Profiles)
			}
			if m, err := w.Member(w.ctx, as(id), program, network, id); err != nil || m.Waited != 1 {
				t.Errorf("%s: who met nobody has waited %d, %v", way, m.Waited, err)
			}
		}
	}
}

// A circle that would go on with those who accepted in time ends, if one of them
// had a change of mind, as one that too few answered.
func TestChangeOfMindBeforeTheTimeIsOver(t *testing.T) {
	for _, way := range append(slices.Sorted(maps.Keys(backs)), "") {
		w := newWorld(t, introductions.Network{MinSize: 3, MaxSize: 4, AnswerTime: time.Hour})
		w.join(4, plain)
		r, _ := w.solve("s")
		i := w.publish(r.ID)[0]
		for _, s := range i.Sides[:3] {
			_, err := w.Accept(w.ctx, as(s.Member), program, network, i.ID, "", "", 0, none)
			w.must(err)
		}
		want := introductions.Accepted
		if way != "" {
			backs[way](w, i.Sides[0].Member, i.Sides[1].Member)
			want = introductions.Expired
		}
		w.pass(time.Hour)
		if n, err := w.Expire(w.ctx); err != nil || n != 1 {
			t.Fatalf("%d expired, %v", n, err)
		}
		v, err := w.Introduction(w.ctx, as(i.Sides[1].Member), program, network, i.ID)
		w.must(err)
		if v.State != want || (len(v.Contacts) > 0) != (way == "") {
			t.Errorf("%q: %s, %v", way, v.State, v.Contacts)
		}
	}
}

// Who takes their consent back is seen by nobody from then on.
func TestConsentTakenBackHidesProfileAndContact(t *testing.T) {
	w := newWorld(t, introductions.Network{Shown: []string{"topics"}})
	i, a, b := w.pair()
	see := func(profile string, contacts int) {
		t.Helper()
		v, err := w.Introduction(w.ctx, as(b), program, network, i.ID)
		w.must(err)
		if v.Profiles[a]["topics"] != profile || len(v.Contacts) != contacts {
			t.Errorf("they see %v, %v", v.Profiles, v.Contacts)
		}
	}
	agree := func(yes bool) { w.change(introductions.Member{ID: a, Agreed: yes}, "agreed") }
	see("food", 0)
	agree(false)
	see("", 0)
	agree(true)
	for _, id := range []string{a, b} {
		_, err := w.Accept(w.ctx, as(id), program, network, i.ID, "", "", 0, none)
		w.must(err)
	}
	see("food", 1)
	agree(false)
	see("", 0)
}

// Neither the audit log nor an etag tells a decline for good from another, and a
// change of never is logged as one of something private.
func TestStaffCannotTellADeclineForGood(t *testing.T) {
	revisions := map[bool]int64{}
	for _, never := range []bool{false, true} {
		w := newWorld(t, introductions.Network{})
		i, a, b := w.pair()
		_, err := w.Decline(w.ctx, as(a), program, network, i.ID, introductions.Decline{Reason: introductions.NoTime, Never: never}, "", "", 0, none)
		w.must(err)
		m, err := w.Member(w.ctx, w.staff, program, network, a)
		w.must(err)
		revisions[never] = m.Revision
		w.change(introductions.Member{ID: a, Never: []string{b}}, "never")
		var log bytes.Buffer
		w.must(w.store.View(w.ctx, func(tx applications.Tx) error {
			events, err := tx.Events(w.ctx, 0, 1000)
			for _, e := range events {
				fmt.Fprintln(&log, e.Action, e.Detail)
			}
			return err
		}))
		if !bytes.Contains(log.Bytes(), []byte("member.update fields=[private]")) {
			t.Errorf("the log says\n%s", log.String())
		}
	}
	if revisions[true] != revisions[false] {
		t.Errorf("revisions %v", revisions)
	}
}

// Nobody answers for somebody who was erased: their answer would count among
// those of the others, who could still meet.
func TestNoAnswerForTheErased(t *testing.T) {
	w := newWorld(t, introductions.Network{MinSize: 3, MaxSize: 4})
	w.join(4, plain)
	r, _ := w.solve("s")
	i := w.publish(r.ID)[0]
	_, err := w.EraseMember(w.ctx, w.privacy, program, network, i.Sides[0].Member, "asked by phone", none)
	w.must(err)
	_, err = w.Accept(w.ctx, w.staff, program, network, i.ID, i.Sides[0].Member, "by phone", 0, none)
	w.refused(err, "INTRODUCTION_STATE")
	for _, s := range i.Sides[1:] {
		_, err := w.Accept(w.ctx, as(s.Member), program, network, i.ID, "", "", 0, none)
		w.must(err)
	}
	if v, err := w.Introduction(w.ctx, as(i.Sides[1].Member), program, network, i.ID); err != nil || v.State != introductions.Accepted || len(v.Contacts) != 2 {
		t.Errorf("the three others: %+v, %v", v, err)
	}
}
