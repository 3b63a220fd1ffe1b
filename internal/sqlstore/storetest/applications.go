package storetest

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
)

var applicationCases = []testCase{
	{"every field survives", func(f *fixture) {
		f.programs("p1")
		a := filled[applications.Application]()
		a.Program, a.Revision = "p1", 0
		f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, digest("r")) })
		if a.Revision != 1 {
			f.Fatalf("revision %d", a.Revision)
		}
		equal(f, getApplication(f, "p1", a.ID), a)
	}},
	{"almost nothing survives too", func(f *fixture) {
		f.programs("p1")
		a := &applications.Application{Program: "p1", ID: "a", Code: "NS-1", State: applications.Draft}
		f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, nil) })
		equal(f, getApplication(f, "p1", "a"), a)
	}},
	{"absent and empty answers differ", func(f *fixture) {
		f.programs("p1")
		for i, answers := range []applications.Answers{nil, {}, {"a": {}}, {"a": {Declined: true}}, {"a": {Values: []string{}}}} {
			a := exampleApplication("p1", fmt.Sprint(i), i)
			a.Answers = answers
			f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, nil) })
			equal(f, getApplication(f, "p1", a.ID), a)
		}
	}},
	{"numbers keep every digit", func(f *fixture) {
		f.programs("p1")
		a := exampleApplication("p1", "a", 1)
		for i, n := range []int64{0, -1, math.MaxInt64, math.MinInt64, 1<<53 + 1} {
			a.Answers[fmt.Sprint(i)] = applications.Answer{Number: &n}
		}
		f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, nil) })
		equal(f, getApplication(f, "p1", "a"), a)
	}},
	{"every script and every trick is only text", func(f *fixture) {
		f.programs("p1")
		for i, s := range append(slices.Clone(hostile), "a\x00b") {
			a := exampleApplication("p1", fmt.Sprintf("a%d", i), i)
			a.Contact = applications.Contact{Name: s, Goes: s, Email: s, Phone: s}
			a.Answers = applications.Answers{s: {Text: s, Values: []string{s}, WriteIns: map[string]string{s: s}, Qualifiers: map[string][]string{s: {s}}}}
			a.WithdrawReason, a.OnBehalf.ConsentNote = s, s
			f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, nil) })
			equal(f, getApplication(f, "p1", a.ID), a)
		}
	}},
	{"every script and every trick is only a key", func(f *fixture) {
		for i, s := range hostile {
			f.do(func(tx applications.Tx) error { return tx.InsertProgram(f.ctx, exampleProgram(s)) })
			a := exampleApplication(s, s, i)
			a.Code = s
			f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, nil) })
			equal(f, getApplication(f, s, s), a)
			equal(f, one(f, func(tx applications.Tx) (*applications.Application, error) { return tx.ApplicationByCode(f.ctx, s, s) }), a)
		}
		if got := one(f, func(tx applications.Tx) ([]*applications.Program, error) { return tx.Programs(f.ctx, nil, "", 0) }); len(got) != len(hostile) {
			f.Fatalf("%d programs, want %d", len(got), len(hostile))
		}
	}},
	{"what is not UTF-8 is refused, in a text and in a key", func(f *fixture) {
		f.programs("p1")
		for _, bad := range []string{"\xff", "a\xc3", "\xed\xa0\x80", "\\\xff", `\ufffd` + "\xff"} {
			for _, change := range []func(*applications.Application){
				func(a *applications.Application) { a.Contact.Name = bad },
				func(a *applications.Application) { a.Answers = applications.Answers{bad: {}} },
				func(a *applications.Application) { a.Answers = applications.Answers{"a": {Text: bad}} },
				func(a *applications.Application) { a.ID = bad },
				func(a *applications.Application) { a.Code = bad },
			} {
				a := exampleApplication("p1", "a", 1)
				change(a)
				f.refused(applications.InvalidArgument, "TEXT_INVALID", func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, nil) })
			}
		}
		f.refused(applications.InvalidArgument, "TEXT_INVALID", func(tx applications.Tx) error { _, err := tx.Application(f.ctx, "p1", "a\x00"); return err })
		if n := countAll(f, "p1"); n != 0 {
			f.Fatalf("%d applications were stored", n)
		}
	}},
	{"texts that look like escapes stay what they are", func(f *fixture) {
		f.programs("p1")
		a := exampleApplication("p1", "a", 1)
		a.Contact.Name = `\ufffd \\ufffd � <b>&amp;</b> \u003c` + "\u2028"
		f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, nil) })
		equal(f, getApplication(f, "p1", "a"), a)
	}},
	{"a large application", func(f *fixture) {
		f.programs("p1")
		a := exampleApplication("p1", "a", 1)
		a.Answers["essay"] = applications.Answer{Text: strings.Repeat("dxʷlilap ", 200_000)} // 2 MB
		f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, nil) })
		equal(f, getApplication(f, "p1", "a"), a)
	}},
	{"missing", func(f *fixture) {
		f.programs("p1")
		f.missing("APPLICATION_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Application(f.ctx, "p1", "a"); return err })
		f.missing("APPLICATION_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Application(f.ctx, "p9", "a"); return err })
		f.missing("APPLICATION_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.ApplicationByCode(f.ctx, "p1", "NS-1"); return err })
		f.missing("APPLICATION_NOT_FOUND", func(tx applications.Tx) error {
			_, err := tx.ApplicationByReturnCode(f.ctx, "p1", digest("r"))
			return err
		})
	}},
	{"no hash finds nobody", func(f *fixture) {
		f.programs("p1")
		insertApplications(f, "p1", 2, applications.Draft) // without return codes
		for _, hash := range [][]byte{nil, {}} {
			f.missing("APPLICATION_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.ApplicationByReturnCode(f.ctx, "p1", hash); return err })
		}
	}},
	{"insert into a missing program", func(f *fixture) {
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", func(tx applications.Tx) error {
			return tx.InsertApplication(f.ctx, exampleApplication("p1", "a", 1), nil)
		})
	}},
	{"insert twice: id, code, return code", func(f *fixture) {
		f.programs("p1", "p2")
		insert := func(program, id string, n int, hash []byte) func(tx applications.Tx) error {
			return func(tx applications.Tx) error {
				return tx.InsertApplication(f.ctx, exampleApplication(program, id, n), hash)
			}
		}
		f.do(insert("p1", "a", 1, digest("r")))
		f.refused(applications.AlreadyExists, "APPLICATION_EXISTS", insert("p1", "a", 2, digest("s")))
		f.refused(applications.AlreadyExists, "APPLICATION_CODE_EXISTS", insert("p1", "b", 1, digest("s")))
		f.refused(applications.AlreadyExists, "RETURN_CODE_EXISTS", insert("p1", "b", 2, digest("r")))
		f.do(insert("p2", "a", 1, digest("r"))) // all of it is unique in its program only
		f.do(insert("p1", "b", 2, nil))
		f.do(insert("p1", "c", 3, nil))
		if n := countAll(f, "p1"); n != 3 {
			f.Fatalf("%d applications, want 3", n)
		}
	}},
	{"by code and by return code, in its program only", func(f *fixture) {
		f.programs("p1", "p2")
		for i, program := range []string{"p1", "p2"} {
			f.do(func(tx applications.Tx) error {
				return tx.InsertApplication(f.ctx, exampleApplication(program, "a-of-"+program, 1), digest("r", fmt.Sprint(i)))
			})
		}
		byCode := one(f, func(tx applications.Tx) (*applications.Application, error) {
			return tx.ApplicationByCode(f.ctx, "p2", "NS-0001")
		})
		byHash := one(f, func(tx applications.Tx) (*applications.Application, error) {
			return tx.ApplicationByReturnCode(f.ctx, "p1", digest("r", "0"))
		})
		if byCode.ID != "a-of-p2" || byHash.ID != "a-of-p1" {
			f.Fatalf("found %s and %s", byCode.ID, byHash.ID)
		}
		f.missing("APPLICATION_NOT_FOUND", func(tx applications.Tx) error {
			_, err := tx.ApplicationByReturnCode(f.ctx, "p2", digest("r", "0"))
			return err
		})
		f.missing("APPLICATION_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Application(f.ctx, "p2", "a-of-p1"); return err })
	}},
	{"lists: both directions, every page size", func(f *fixture) {
		f.programs("p1", "p2")
		ids := insertApplications(f, "p1", 7, applications.Submitted)
		insertApplications(f, "p2", 3, applications.Submitted)
		for _, down := range []bool{false, true} {
			want := slices.Clone(ids)
			if down {
				slices.Reverse(want)
			}
			for size := range 9 { // 0: no limit
				var got []string
				after := ""
				for {
					page := listApplications(f, applications.ApplicationQuery{Program: "p1", AfterID: after, Descending: down, Limit: size})
					if size > 0 && len(page) > size {
						f.Fatalf("%d applications on a page of %d", len(page), size)
					}
					if len(page) == 0 {
						break
					}
					got = append(got, page...)
					after = got[len(got)-1]
				}
				if !slices.Equal(got, want) {
					f.Fatalf("down %v, pages of %d: %v, want %v", down, size, got, want)
				}
			}
		}
	}},
	{"lists: by state", func(f *fixture) {
		f.programs("p1")
		states := []applications.ApplicationState{
			applications.Draft, applications.Submitted, applications.Screening, applications.Ineligible, applications.InReview, applications.InPool,
			applications.Selected, applications.Alternate, applications.NotSelected, applications.Withdrawn, applications.Erased,
		}
		for _, s := range states {
			insertApplications(f, "p1", 1, s)
		}
		for n := 1; n <= len(states); n++ {
			for _, down := range []bool{false, true} {
				if got := listApplications(f, applications.ApplicationQuery{Program: "p1", States: states[len(states)-n:], Descending: down}); len(got) != n {
					f.Fatalf("%d states gave %d applications", n, len(got))
				}
			}
			got := one(f, func(tx applications.Tx) ([]applications.ApplicationMark, error) {
				return tx.ApplicationMarks(f.ctx, "p1", states[len(states)-n:])
			})
			var want []applications.ApplicationMark
			for _, id := range listApplications(f, applications.ApplicationQuery{Program: "p1", States: states[len(states)-n:]}) {
				want = append(want, applications.ApplicationMark{ID: id, Revision: 1})
			}
			if !slices.Equal(got, want) {
				f.Fatalf("%d states gave the marks %v, want %v", n, got, want)
			}
		}
		all := one(f, func(tx applications.Tx) ([]*applications.Application, error) {
			return tx.Applications(f.ctx, applications.ApplicationQuery{Program: "p1", States: []applications.ApplicationState{applications.InPool, applications.InPool}})
		})
		if len(all) != 1 || all[0].State != applications.InPool {
			f.Fatalf("asked for one state and got %d applications", len(all))
		}
	}},
	{"lists: whole values, the caller's own", func(f *fixture) {
		f.programs("p1")
		insertApplications(f, "p1", 3, applications.Submitted)
		list := func() []*applications.Application {
			return one(f, func(tx applications.Tx) ([]*applications.Application, error) {
				return tx.Applications(f.ctx, applications.ApplicationQuery{Program: "p1"})
			})
		}
		first := list()
		for i, a := range first {
			want := exampleApplication("p1", a.ID, i+1)
			want.Revision = 1
			equal(f, a, want)
			a.Answers["attribute_0"].Values[0] = "changed"
		}
		if list()[0].Answers["attribute_0"].Values[0] != "value_1" {
			f.Fatal("a change of what was read shows")
		}
	}},
	{"lists: of a missing program", func(f *fixture) {
		if got := listApplications(f, applications.ApplicationQuery{Program: "p1"}); len(got) != 0 {
			f.Fatal(got)
		}
	}},
	{"counts", func(f *fixture) {
		f.programs("p1", "p2")
		insertApplications(f, "p1", 3, applications.Submitted)
		insertApplications(f, "p1", 2, applications.Draft)
		insertApplications(f, "p2", 4, applications.Draft)
		got := one(f, func(tx applications.Tx) (map[applications.ApplicationState]int, error) {
			return tx.CountApplications(f.ctx, "p1")
		})
		if len(got) != 2 || got[applications.Submitted] != 3 || got[applications.Draft] != 2 {
			f.Fatal(got)
		}
		if got := one(f, func(tx applications.Tx) (map[applications.ApplicationState]int, error) {
			return tx.CountApplications(f.ctx, "p3")
		}); len(got) != 0 {
			f.Fatal(got)
		}
	}},
	{"update", func(f *fixture) {
		f.programs("p1")
		f.do(func(tx applications.Tx) error {
			return tx.InsertApplication(f.ctx, exampleApplication("p1", "a", 1), digest("r"))
		})
		a := filled[applications.Application]()
		a.Program, a.ID, a.Code, a.Revision = "p1", "a", "NS-0001", 1
		f.do(func(tx applications.Tx) error { return tx.UpdateApplication(f.ctx, a, nil) })
		if a.Revision != 2 {
			f.Fatalf("revision %d", a.Revision)
		}
		equal(f, getApplication(f, "p1", "a"), a)
		got := one(f, func(tx applications.Tx) (*applications.Application, error) {
			return tx.ApplicationByReturnCode(f.ctx, "p1", digest("r"))
		})
		equal(f, got, a)
	}},
	{"update never changes the code", func(f *fixture) {
		f.programs("p1")
		ids := insertApplications(f, "p1", 2, applications.Draft)
		a := getApplication(f, "p1", ids[0])
		a.Code = "NS-0002"
		f.do(func(tx applications.Tx) error { return tx.UpdateApplication(f.ctx, a, nil) })
		if got := getApplication(f, "p1", ids[0]).Code; got != "NS-0001" {
			f.Fatal(got)
		}
	}},
	{"update with a new return code", func(f *fixture) {
		f.programs("p1")
		a := exampleApplication("p1", "a", 1)
		f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, digest("old")) })
		f.do(func(tx applications.Tx) error { return tx.UpdateApplication(f.ctx, a, digest("new")) })
		f.missing("APPLICATION_NOT_FOUND", func(tx applications.Tx) error {
			_, err := tx.ApplicationByReturnCode(f.ctx, "p1", digest("old"))
			return err
		})
		f.do(func(tx applications.Tx) error { return tx.UpdateApplication(f.ctx, a, digest("new")) }) // its own: no clash
		got := one(f, func(tx applications.Tx) (*applications.Application, error) {
			return tx.ApplicationByReturnCode(f.ctx, "p1", digest("new"))
		})
		if got.Revision != 3 {
			f.Fatalf("revision %d", got.Revision)
		}
	}},
	{"update with somebody else's return code", func(f *fixture) {
		f.programs("p1")
		a, b := exampleApplication("p1", "a", 1), exampleApplication("p1", "b", 2)
		f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, digest("a")) })
		f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, b, digest("b")) })
		b.Language = "es"
		f.refused(applications.AlreadyExists, "RETURN_CODE_EXISTS", func(tx applications.Tx) error { return tx.UpdateApplication(f.ctx, b, digest("a")) })
		if got := getApplication(f, "p1", "b"); got.Revision != 1 || got.Language != "en" || b.Revision != 1 {
			f.Fatalf("a refused update changed something: revision %d, language %s", got.Revision, got.Language)
		}
	}},
	{"update of a stale revision, or of nobody", func(f *fixture) {
		f.programs("p1")
		a := exampleApplication("p1", "a", 1)
		f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, digest("a")) })
		for _, hash := range [][]byte{nil, digest("new")} {
			for _, revision := range []int64{0, 2} {
				b := exampleApplication("p1", "a", 1)
				b.Revision, b.State = revision, applications.Withdrawn
				f.refused(applications.Aborted, "STALE_REVISION", func(tx applications.Tx) error { return tx.UpdateApplication(f.ctx, b, hash) })
			}
			for _, key := range [][2]string{{"p1", "nobody"}, {"p9", "a"}} {
				f.refused(applications.NotFound, "APPLICATION_NOT_FOUND", func(tx applications.Tx) error {
					return tx.UpdateApplication(f.ctx, exampleApplication(key[0], key[1], 1), hash)
				})
			}
		}
		equal(f, getApplication(f, "p1", "a"), a)
	}},
	{"updates of the same revision: one winner", func(f *fixture) {
		f.programs("p1")
		f.do(func(tx applications.Tx) error {
			return tx.InsertApplication(f.ctx, exampleApplication("p1", "a", 1), nil)
		})
		f.oneWinner(race(racers, func(i int) error {
			a := exampleApplication("p1", "a", 1)
			a.Revision, a.WithdrawReason = 1, fmt.Sprint(i)
			return f.Update(f.ctx, func(tx applications.Tx) error { return tx.UpdateApplication(f.ctx, a, nil) })
		}), applications.Aborted, "STALE_REVISION")
		if got := getApplication(f, "p1", "a").Revision; got != 2 {
			f.Fatalf("revision %d", got)
		}
	}},
	{"inserts of the same code: one winner", func(f *fixture) {
		f.programs("p1")
		f.oneWinner(race(racers, func(i int) error {
			return f.Update(f.ctx, func(tx applications.Tx) error {
				return tx.InsertApplication(f.ctx, exampleApplication("p1", fmt.Sprint(i), 1), digest(fmt.Sprint(i)))
			})
		}), applications.AlreadyExists, "APPLICATION_CODE_EXISTS")
	}},
}

// hostile are texts that somebody's software chokes on.
var hostile = []string{
	"dxʷlilap x̌ ƛ̕ ə", "’; DROP TABLE programs; --", "'; DROP TABLE programs; --", `"`, "`", "$1", "${text}", "%s%n", "_%", "../../etc/passwd",
	"=HYPERLINK(1)", "<script>alert(1)</script>", "\u202egnirts", "\ufeffbom", "é", "e\u0301", "\U0001f9d1\u200d\U0001f9bd", "\r\n\t", " ", "NULL", "\u0001",
	strings.Repeat("x", 5000),
}

func getApplication(f *fixture, program, id string) *applications.Application {
	f.Helper()
	return one(f, func(tx applications.Tx) (*applications.Application, error) { return tx.Application(f.ctx, program, id) })
}

func listApplications(f *fixture, q applications.ApplicationQuery) []string {
	f.Helper()
	var ids []string
	for _, a := range one(f, func(tx applications.Tx) ([]*applications.Application, error) { return tx.Applications(f.ctx, q) }) {
		ids = append(ids, a.ID)
	}
	return ids
}

func countAll(f *fixture, program string) (n int) {
	f.Helper()
	for _, k := range one(f, func(tx applications.Tx) (map[applications.ApplicationState]int, error) {
		return tx.CountApplications(f.ctx, program)
	}) {
		n += k
	}
	return n
}

// insertApplications adds n in a state, without return codes, and returns
// their ids, ascending.
func insertApplications(f *fixture, program string, n int, state applications.ApplicationState) []string {
	f.Helper()
	ids := make([]string, n)
	f.do(func(tx applications.Tx) error {
		for i := range ids {
			number, err := tx.NextCode(f.ctx, program)
			if err != nil {
				return err
			}
			ids[i] = newID()
			a := exampleApplication(program, ids[i], number)
			a.State = state
			if err := tx.InsertApplication(f.ctx, a, nil); err != nil {
				return err
			}
		}
		return nil
	})
	slices.Sort(ids)
	return ids
}
