package storetest

import (
	"fmt"

	"github.com/openfairlead/fairlead/applications"
)

var versionCases = []testCase{
	{"form: every field survives", func(f *fixture) {
		f.programs("p1")
		form := filled[applications.Form]()
		form.Program, form.Version = "p1", 1
		f.do(func(tx applications.Tx) error { return tx.InsertForm(f.ctx, form) })
		for range 2 { // the second time perhaps from a cache
			equal(f, getForm(f, "p1", 1), form)
		}
	}},
	{"form: missing", func(f *fixture) {
		f.programs("p1")
		for _, version := range []int{0, -1, 1, 2} {
			f.missing("FORM_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Form(f.ctx, "p1", version); return err })
		}
		f.missing("FORM_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Form(f.ctx, "p2", 1); return err })
	}},
	{"form: versions without gap", func(f *fixture) {
		f.programs("p1", "p2")
		insert := func(program string, version int) func(tx applications.Tx) error {
			return func(tx applications.Tx) error { return tx.InsertForm(f.ctx, exampleForm(program, version)) }
		}
		f.refused(applications.FailedPrecondition, "VERSION_GAP", insert("p1", 2))
		f.refused(applications.FailedPrecondition, "VERSION_GAP", insert("p1", 0))
		f.refused(applications.FailedPrecondition, "VERSION_GAP", insert("p1", -1))
		f.do(insert("p1", 1))
		f.do(insert("p1", 2))
		f.refused(applications.AlreadyExists, "FORM_EXISTS", insert("p1", 1))
		f.refused(applications.FailedPrecondition, "VERSION_GAP", insert("p1", 4))
		f.do(insert("p2", 1))
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", insert("p3", 1))
	}},
	{"form: values are the caller's own", func(f *fixture) {
		f.programs("p1")
		form := exampleForm("p1", 1)
		f.do(func(tx applications.Tx) error { return tx.InsertForm(f.ctx, form) })
		form.Attributes[0].Question["en"] = "changed"
		for range 3 {
			got := getForm(f, "p1", 1)
			equal(f, got, exampleForm("p1", 1))
			got.Attributes[0].Question["en"] = "changed"
			got.Attributes[3].Values[2].Benchmark.Share = 1
			got.Attributes[0].Values = got.Attributes[0].Values[:1]
			got.Eligibility[0].Values[0] = "changed"
		}
	}},
	{"form: a version that was rolled back is not remembered", func(f *fixture) {
		f.programs("p1")
		first, second := exampleForm("p1", 1), exampleForm("p1", 1)
		first.Digest, second.Digest = "sha256:first", "sha256:second"
		if err := f.Update(f.ctx, func(tx applications.Tx) error {
			if err := tx.InsertForm(f.ctx, first); err != nil {
				return err
			}
			if _, err := tx.Form(f.ctx, "p1", 1); err != nil {
				return err
			}
			return errOnPurpose
		}); err != errOnPurpose {
			f.Fatal(err)
		}
		f.missing("FORM_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Form(f.ctx, "p1", 1); return err })
		f.do(func(tx applications.Tx) error { return tx.InsertForm(f.ctx, second) })
		equal(f, getForm(f, "p1", 1), second)
	}},
	{"form: more programs than a cache holds", func(f *fixture) {
		const n = 70
		f.do(func(tx applications.Tx) error {
			for i := range n {
				id := fmt.Sprintf("p%d", i)
				if err := tx.InsertProgram(f.ctx, &applications.Program{ID: id}); err != nil {
					return err
				}
				if err := tx.InsertForm(f.ctx, &applications.Form{Program: id, Version: 1, Digest: id}); err != nil {
					return err
				}
			}
			return nil
		})
		for range 2 {
			for i := range n {
				id := fmt.Sprintf("p%d", i)
				if got := getForm(f, id, 1); got.Digest != id {
					f.Fatalf("form of %s has digest %s", id, got.Digest)
				}
			}
		}
	}},

	{"criteria: every field survives", func(f *fixture) {
		f.programs("p1")
		for _, registered := range []bool{false, true} {
			c := filled[applications.Criteria]()
			c.Program, c.Registered = "p1", registered
			c.Version = 1 + len(one(f, func(tx applications.Tx) ([]*applications.Criteria, error) { return tx.CriteriaVersions(f.ctx, "p1") }))
			f.do(func(tx applications.Tx) error { return tx.InsertCriteria(f.ctx, c) })
			equal(f, getCriteria(f, "p1", c.Version), c)
		}
	}},
	{"criteria: no bound is not a bound of zero", func(f *fixture) {
		f.programs("p1")
		c := exampleCriteria("p1", 1)
		zero := 0
		c.Rules[0].Min, c.Rules[0].Max, c.Rules[1].Min = &zero, nil, nil
		f.do(func(tx applications.Tx) error { return tx.InsertCriteria(f.ctx, c) })
		equal(f, getCriteria(f, "p1", 1), c)
	}},
	{"criteria: missing", func(f *fixture) {
		f.programs("p1")
		f.missing("CRITERIA_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Criteria(f.ctx, "p1", 1); return err })
		f.missing("CRITERIA_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Criteria(f.ctx, "p2", 1); return err })
		if got := one(f, func(tx applications.Tx) ([]*applications.Criteria, error) { return tx.CriteriaVersions(f.ctx, "p2") }); len(got) != 0 {
			f.Fatalf("a program that does not exist has %d criteria", len(got))
		}
	}},
	{"criteria: versions without gap, listed in order", func(f *fixture) {
		f.programs("p1", "p2")
		insert := func(program string, version int) func(tx applications.Tx) error {
			return func(tx applications.Tx) error { return tx.InsertCriteria(f.ctx, exampleCriteria(program, version)) }
		}
		f.refused(applications.FailedPrecondition, "VERSION_GAP", insert("p1", 2))
		for v := 1; v <= 11; v++ {
			f.do(insert("p1", v))
		}
		f.do(insert("p2", 1))
		f.refused(applications.AlreadyExists, "CRITERIA_EXISTS", insert("p1", 11))
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", insert("p3", 1))
		list := one(f, func(tx applications.Tx) ([]*applications.Criteria, error) { return tx.CriteriaVersions(f.ctx, "p1") })
		for i, c := range list {
			equal(f, c, exampleCriteria("p1", i+1))
		}
		if len(list) != 11 {
			f.Fatalf("%d versions, want 11", len(list))
		}
	}},
	{"criteria: two inserts of the same version: one winner", func(f *fixture) {
		f.programs("p1")
		f.oneWinner(race(racers, func(int) error {
			return f.Update(f.ctx, func(tx applications.Tx) error { return tx.InsertCriteria(f.ctx, exampleCriteria("p1", 1)) })
		}), applications.AlreadyExists, "CRITERIA_EXISTS")
	}},
	{"criteria: register stores the registration and nothing else", func(f *fixture) {
		f.programs("p1")
		c := exampleCriteria("p1", 1)
		f.do(func(tx applications.Tx) error { return tx.InsertCriteria(f.ctx, c) })
		r := registration("p1", 1)
		r.Size, r.Rules, r.Name, r.Digest = 99, nil, "other", "sha256:now"
		f.do(func(tx applications.Tx) error { return tx.RegisterCriteria(f.ctx, r) })
		c.Registered, c.RegisterTime, c.RegisteredBy, c.Reason, c.SecondBy, c.Policies = true, r.RegisterTime, r.RegisteredBy, r.Reason, r.SecondBy, r.Policies
		c.Digest = "sha256:now"
		equal(f, getCriteria(f, "p1", 1), c)
	}},
	{"criteria: register keeps the digest that was stored", func(f *fixture) {
		f.programs("p1")
		c := exampleCriteria("p1", 1)
		c.Digest = "sha256:then"
		f.do(func(tx applications.Tx) error { return tx.InsertCriteria(f.ctx, c) })
		r := registration("p1", 1)
		r.Digest = "sha256:now"
		f.do(func(tx applications.Tx) error { return tx.RegisterCriteria(f.ctx, r) })
		if got := getCriteria(f, "p1", 1).Digest; got != "sha256:then" {
			f.Fatal(got)
		}
	}},
	{"criteria: register twice", func(f *fixture) {
		f.programs("p1")
		f.do(func(tx applications.Tx) error { return tx.InsertCriteria(f.ctx, exampleCriteria("p1", 1)) })
		f.do(func(tx applications.Tx) error { return tx.RegisterCriteria(f.ctx, registration("p1", 1)) })
		again := registration("p1", 1)
		again.Reason = "another"
		f.refused(applications.FailedPrecondition, "CRITERIA_REGISTERED", func(tx applications.Tx) error { return tx.RegisterCriteria(f.ctx, again) })
		if got := getCriteria(f, "p1", 1).Reason; got != registration("p1", 1).Reason {
			f.Fatalf("a refused registration changed the reason to %q", got)
		}
	}},
	{"criteria: register a missing version", func(f *fixture) {
		f.programs("p1")
		f.refused(applications.NotFound, "CRITERIA_NOT_FOUND", func(tx applications.Tx) error { return tx.RegisterCriteria(f.ctx, registration("p1", 1)) })
	}},
	{"criteria: registered at the same time: one winner", func(f *fixture) {
		f.programs("p1")
		f.do(func(tx applications.Tx) error { return tx.InsertCriteria(f.ctx, exampleCriteria("p1", 1)) })
		f.oneWinner(race(racers, func(i int) error {
			r := registration("p1", 1)
			r.RegisteredBy = fmt.Sprintf("users/%d", i)
			return f.Update(f.ctx, func(tx applications.Tx) error { return tx.RegisterCriteria(f.ctx, r) })
		}), applications.FailedPrecondition, "CRITERIA_REGISTERED")
	}},

	{"policy: every field survives", func(f *fixture) {
		f.programs("p1")
		p := filled[applications.Policy]()
		p.Program, p.Revision = "p1", 0
		f.do(func(tx applications.Tx) error { return tx.InsertPolicy(f.ctx, p) })
		if p.Revision != 1 {
			f.Fatalf("revision %d", p.Revision)
		}
		equal(f, getPolicy(f, "p1", p.ID), p)
	}},
	{"policy: missing", func(f *fixture) {
		f.programs("p1")
		f.missing("POLICY_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Policy(f.ctx, "p1", "a"); return err })
		f.refused(applications.NotFound, "POLICY_NOT_FOUND", func(tx applications.Tx) error { return tx.UpdatePolicy(f.ctx, examplePolicy("p1", "a")) })
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", func(tx applications.Tx) error { return tx.InsertPolicy(f.ctx, examplePolicy("p9", "a")) })
	}},
	{"policy: insert twice", func(f *fixture) {
		f.programs("p1", "p2")
		f.do(func(tx applications.Tx) error { return tx.InsertPolicy(f.ctx, examplePolicy("p1", "a")) })
		f.refused(applications.AlreadyExists, "POLICY_EXISTS", func(tx applications.Tx) error { return tx.InsertPolicy(f.ctx, examplePolicy("p1", "a")) })
		f.do(func(tx applications.Tx) error { return tx.InsertPolicy(f.ctx, examplePolicy("p2", "a")) })
	}},
	{"policy: listed by id, of one program", func(f *fixture) {
		f.programs("p1", "p2")
		f.do(func(tx applications.Tx) error {
			for _, id := range []string{"c", "a", "b"} {
				if err := tx.InsertPolicy(f.ctx, examplePolicy("p1", id)); err != nil {
					return err
				}
			}
			return tx.InsertPolicy(f.ctx, examplePolicy("p2", "d"))
		})
		got := ""
		for _, p := range one(f, func(tx applications.Tx) ([]*applications.Policy, error) { return tx.Policies(f.ctx, "p1") }) {
			got += p.ID
		}
		if got != "abc" {
			f.Fatal(got)
		}
	}},
	{"policy: revoke", func(f *fixture) {
		f.programs("p1")
		p := examplePolicy("p1", "a")
		f.do(func(tx applications.Tx) error { return tx.InsertPolicy(f.ctx, p) })
		p.RevokeTime = start.AddDate(0, 0, 3)
		f.do(func(tx applications.Tx) error { return tx.UpdatePolicy(f.ctx, p) })
		if p.Revision != 2 {
			f.Fatalf("revision %d", p.Revision)
		}
		equal(f, getPolicy(f, "p1", "a"), p)
		p.Revision = 1
		f.refused(applications.Aborted, "STALE_REVISION", func(tx applications.Tx) error { return tx.UpdatePolicy(f.ctx, p) })
	}},
}

func getForm(f *fixture, program string, version int) *applications.Form {
	f.Helper()
	return one(f, func(tx applications.Tx) (*applications.Form, error) { return tx.Form(f.ctx, program, version) })
}

func getCriteria(f *fixture, program string, version int) *applications.Criteria {
	f.Helper()
	return one(f, func(tx applications.Tx) (*applications.Criteria, error) { return tx.Criteria(f.ctx, program, version) })
}

func getPolicy(f *fixture, program, id string) *applications.Policy {
	f.Helper()
	return one(f, func(tx applications.Tx) (*applications.Policy, error) { return tx.Policy(f.ctx, program, id) })
}

func registration(program string, version int) *applications.Criteria {
	return &applications.Criteria{
		Program: program, Version: version, RegisterTime: start.Add(7), RegisteredBy: "users/1",
		Reason: "the board asked " + canary, SecondBy: "users/2", Policies: []string{"policy"},
	}
}
