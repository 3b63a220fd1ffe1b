package storetest

import (
	"bytes"
	"fmt"

	"github.com/openfairlead/fairlead/applications"
)

var requestCases = []testCase{
	{"every field survives", func(f *fixture) {
		f.programs("p1")
		r := filled[applications.Request]()
		for _, program := range []string{"p1", ""} {
			r.Program = program
			f.do(func(tx applications.Tx) error { return tx.SaveRequest(f.ctx, r) })
			equal(f, getRequest(f, program, r.Method, r.ID), r)
		}
	}},
	{"no answer and an empty one", func(f *fixture) {
		f.programs("p1")
		for i, answer := range [][]byte{nil, {}} {
			r := exampleRequest("p1", "M", fmt.Sprint(i))
			r.Answer = answer
			f.do(func(tx applications.Tx) error { return tx.SaveRequest(f.ctx, r) })
			got := getRequest(f, "p1", "M", r.ID).Answer
			if !bytes.Equal(got, answer) || (got == nil) != (answer == nil) {
				f.Fatalf("answer %#v, want %#v", got, answer)
			}
		}
	}},
	{"missing", func(f *fixture) {
		f.programs("p1")
		f.missing("REQUEST_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Request(f.ctx, "p1", "M", "r"); return err })
		f.missing("REQUEST_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Request(f.ctx, "p9", "M", "r"); return err })
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", func(tx applications.Tx) error { return tx.SaveRequest(f.ctx, exampleRequest("p9", "M", "r")) })
	}},
	{"one for each program, method and id", func(f *fixture) {
		f.programs("p1", "p2")
		for _, key := range [][3]string{{"p1", "M", "r"}, {"p2", "M", "r"}, {"", "M", "r"}, {"p1", "N", "r"}, {"p1", "M", "s"}} {
			f.do(func(tx applications.Tx) error { return tx.SaveRequest(f.ctx, exampleRequest(key[0], key[1], key[2])) })
			again := exampleRequest(key[0], key[1], key[2])
			again.Resource = "another"
			f.refused(applications.AlreadyExists, "REQUEST_EXISTS", func(tx applications.Tx) error { return tx.SaveRequest(f.ctx, again) })
			if got := getRequest(f, key[0], key[1], key[2]).Resource; got != "a1" {
				f.Fatalf("the first answer was replaced: %s", got)
			}
		}
	}},
	{"an id that exists leaves the transaction able to read the first answer", func(f *fixture) {
		f.programs("p1")
		f.do(func(tx applications.Tx) error { return tx.SaveRequest(f.ctx, exampleRequest("p1", "M", "r")) })
		f.do(func(tx applications.Tx) error {
			f.wantError(tx.SaveRequest(f.ctx, exampleRequest("p1", "M", "r")), applications.AlreadyExists, "REQUEST_EXISTS")
			r, err := tx.Request(f.ctx, "p1", "M", "r")
			if err == nil {
				equal(f, r, exampleRequest("p1", "M", "r"))
			}
			return err
		})
	}},
	{"the same id at the same time: one winner, who alone has an effect", func(f *fixture) {
		f.programs("p1")
		f.oneWinner(race(racers, func(i int) error {
			return f.Update(f.ctx, func(tx applications.Tx) error {
				n, err := tx.NextCode(f.ctx, "p1")
				if err != nil {
					return err
				}
				if err := tx.InsertApplication(f.ctx, exampleApplication("p1", fmt.Sprint(i), n), nil); err != nil {
					return err
				}
				return tx.SaveRequest(f.ctx, exampleRequest("p1", "CreateApplication", "r"))
			})
		}), applications.AlreadyExists, "REQUEST_EXISTS")
		if n := countAll(f, "p1"); n != 1 {
			f.Fatalf("%d applications, want 1", n)
		}
	}},
}

func getRequest(f *fixture, program, method, id string) *applications.Request {
	f.Helper()
	return one(f, func(tx applications.Tx) (*applications.Request, error) { return tx.Request(f.ctx, program, method, id) })
}
