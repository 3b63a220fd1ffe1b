package applications_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// reading counts how often a pool is read and decrypted.
type reading struct {
	applications.Store
	pools int
}

type readingTx struct {
	applications.Tx
	of *reading
}

func (r *reading) View(ctx context.Context, do func(applications.Tx) error) error {
	return r.Store.View(ctx, func(tx applications.Tx) error { return do(readingTx{tx, r}) })
}

func (t readingTx) Applications(ctx context.Context, q applications.ApplicationQuery) ([]*applications.Application, error) {
	t.of.pools++
	return t.Tx.Applications(ctx, q)
}

// A check after a check decrypts nobody anew, and still sees every change at
// once: who comes, who changes an answer, who withdraws, who is erased.
func TestChecksRecallThePool(t *testing.T) {
	w := newWorld(t)
	w.open()
	store := &reading{Store: w.Store}
	w.Store = store
	in := func(county string) *applications.CreatedApplication {
		return w.apply(func(a *applications.Application) {
			a.Answers["county"] = applications.Answer{Values: []string{county}}
			a.Answers["organization"] = applications.Answer{Text: fmt.Sprintf("%s %d", county, w.clock.now().UnixMicro())}
		})
	}
	check := func(what string, reads int, size, island int) {
		t.Helper()
		before := store.pools
		v, err := w.CheckCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Size: 1, MinSize: 1, Rules: []applications.CriteriaRule{
			rule("quota", "county", func(r *applications.CriteriaRule) { r.Values, r.Min = []string{"island"}, ptr(0) }),
		}})
		if err != nil {
			t.Fatal(what, explained(err))
		}
		if v.PoolSize != size || v.Rules[0].Pool != island || store.pools-before != reads {
			t.Errorf("%s: %d in the pool, %d of them in the county, read %d times; want %d, %d, %d", what, v.PoolSize, v.Rules[0].Pool, store.pools-before, size, island, reads)
		}
	}
	var people []*applications.CreatedApplication
	for _, county := range []string{"island", "island", "skagit", "skagit"} {
		people = append(people, in(county))
	}
	check("the first", 1, 4, 2)
	check("the next", 0, 4, 2)
	in("island")
	check("somebody came", 1, 5, 3)
	check("the next", 0, 5, 3)
	if _, err := w.EraseApplication(w.ctx, access.Principal{Subject: "tokens/officer", Grants: []access.Grant{{Role: access.PrivacyOfficer}}}, "leaders", people[0].Application.ID, "asked for it", once); err != nil {
		t.Fatal(explained(err))
	}
	if left := w.Recalled("leaders"); left != nil {
		t.Errorf("after an erasure %d people are remembered", len(left))
	}
	check("somebody was erased", 1, 4, 2)
	check("the next", 0, 4, 2)
	err := w.Store.Update(w.ctx, func(tx applications.Tx) error {
		a, err := tx.Application(w.ctx, "leaders", people[2].Application.ID)
		if err != nil {
			return err
		}
		a.Answers["county"] = applications.Answer{Values: []string{"island"}}
		return tx.UpdateApplication(w.ctx, a, nil)
	})
	if err != nil {
		t.Fatal(explained(err))
	}
	check("an answer was changed", 1, 4, 3)
	for _, a := range w.Recalled("leaders") {
		if a.Contact != (applications.Contact{}) || a.ID != "" || a.Language != "" || a.Consents != nil || a.Salt != nil {
			t.Errorf("more than answers is remembered: %+v", a)
		}
	}
}

// What is remembered is bounded, holds no words but the organization's name, and
// goes by itself.
func TestRecallingIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &applications.Service{}
		form := applications.FormForTests()
		answers := applications.Answers{
			"organization": {Text: "Invented Clinic"},
			"sector":       {Values: []string{"other"}, WriteIns: map[string]string{"other": "my own words"}},
			"staff":        {Number: new(int64)},
		}
		for i := range form.Attributes {
			if a := &form.Attributes[i]; a.Kind == applications.FreeText {
				answers[a.Key] = applications.Answer{Text: "my own words"}
			}
		}
		pool := []*applications.Application{{ID: "1", Code: "NS-1", Answers: answers, Contact: applications.Contact{Name: "Invented"}}}
		s.Recall("p", form, pool)
		if text := fmt.Sprintf("%+v", *s.Recalled("p")[0]); strings.Contains(text, "words") || !strings.Contains(text, "Invented Clinic") || strings.Contains(text, "Name:Invented") {
			t.Error(text)
		}
		if _, ok := s.Recalled("p")[0].Answers["staff"]; ok {
			t.Error("a number that no rule counts is remembered")
		}
		time.Sleep(applications.RecallFor - time.Second)
		if s.Recalled("p") == nil {
			t.Error("it went too soon")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s.Recalled("p") != nil {
			t.Error("it is still there")
		}
		s.Recall("large", form, slices.Repeat(pool, applications.MaxRecalled+1))
		if s.Recalled("large") != nil {
			t.Error("a large pool is remembered")
		}
		for i := range applications.MaxRecalledPools + 1 {
			s.Recall(fmt.Sprint(i), form, pool)
		}
		if s.Recalled("0") == nil || s.Recalled(fmt.Sprint(applications.MaxRecalledPools)) != nil {
			t.Error("the number of pools is not bounded")
		}
		time.Sleep(applications.RecallFor + time.Second)
		synctest.Wait()
	})
}
