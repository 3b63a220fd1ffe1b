package storetest

import (
	"fmt"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

var peopleCases = []testCase{
	{"user: every field survives", func(f *fixture) {
		u := filled[applications.User]()
		u.Revision = 0
		f.do(func(tx applications.Tx) error { return tx.InsertUser(f.ctx, u) })
		if u.Revision != 1 {
			f.Fatalf("revision %d", u.Revision)
		}
		equal(f, getUser(f, u.ID), u)
	}},
	{"user: missing", func(f *fixture) {
		f.missing("USER_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.User(f.ctx, "u"); return err })
		f.refused(applications.NotFound, "USER_NOT_FOUND", func(tx applications.Tx) error { return tx.UpdateUser(f.ctx, exampleUser("u")) })
	}},
	{"user: insert twice", func(f *fixture) {
		f.do(func(tx applications.Tx) error { return tx.InsertUser(f.ctx, exampleUser("u")) })
		f.refused(applications.AlreadyExists, "USER_EXISTS", func(tx applications.Tx) error { return tx.InsertUser(f.ctx, exampleUser("u")) })
	}},
	{"user: list page by page", func(f *fixture) {
		f.do(func(tx applications.Tx) error {
			for _, id := range []string{"d", "a", "c", "b"} {
				if err := tx.InsertUser(f.ctx, exampleUser(id)); err != nil {
					return err
				}
			}
			return nil
		})
		for _, size := range []int{0, 1, 2, 3, 4, 9} {
			got := ""
			for after := ""; ; {
				page := one(f, func(tx applications.Tx) ([]*applications.User, error) { return tx.Users(f.ctx, after, size) })
				if len(page) == 0 {
					break
				}
				for _, u := range page {
					got += u.ID
				}
				after = page[len(page)-1].ID
			}
			if got != "abcd" {
				f.Fatalf("pages of %d gave %s", size, got)
			}
		}
	}},
	{"user: update", func(f *fixture) {
		u := exampleUser("u")
		f.do(func(tx applications.Tx) error { return tx.InsertUser(f.ctx, u) })
		u.Disabled, u.Name = true, "ƛ̕ə"
		f.do(func(tx applications.Tx) error { return tx.UpdateUser(f.ctx, u) })
		equal(f, getUser(f, "u"), u)
		u.Revision = 1
		f.refused(applications.Aborted, "STALE_REVISION", func(tx applications.Tx) error { return tx.UpdateUser(f.ctx, u) })
	}},

	{"token: every field survives, by id and by hash", func(f *fixture) {
		k := filled[applications.Token]()
		f.do(func(tx applications.Tx) error { return tx.InsertToken(f.ctx, k, false) })
		equal(f, getToken(f, k.ID), k)
		equal(f, one(f, func(tx applications.Tx) (*applications.Token, error) { return tx.TokenByHash(f.ctx, k.Hash) }), k)
	}},
	{"token: one that does not expire", func(f *fixture) {
		k := exampleToken("k")
		k.ExpireTime = time.Time{}
		f.do(func(tx applications.Tx) error { return tx.InsertToken(f.ctx, k, false) })
		if got := getToken(f, "k"); !got.ExpireTime.IsZero() || !got.RevokeTime.IsZero() {
			f.Fatalf("expires %v, revoked %v", got.ExpireTime, got.RevokeTime)
		}
	}},
	{"token: missing", func(f *fixture) {
		f.missing("TOKEN_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Token(f.ctx, "k"); return err })
		f.missing("TOKEN_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.TokenByHash(f.ctx, digest("k")); return err })
		f.missing("TOKEN_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.TokenByHash(f.ctx, nil); return err })
		f.refused(applications.NotFound, "TOKEN_NOT_FOUND", func(tx applications.Tx) error { return tx.RevokeToken(f.ctx, "k", start) })
	}},
	{"token: same id or same hash", func(f *fixture) {
		f.do(func(tx applications.Tx) error { return tx.InsertToken(f.ctx, exampleToken("k"), false) })
		sameID, sameHash := exampleToken("k"), exampleToken("l")
		sameID.Hash, sameHash.Hash = digest("another"), exampleToken("k").Hash
		for _, k := range []*applications.Token{sameID, sameHash} {
			f.refused(applications.AlreadyExists, "TOKEN_EXISTS", func(tx applications.Tx) error { return tx.InsertToken(f.ctx, k, false) })
		}
	}},
	{"token: the first, and no first after it", func(f *fixture) {
		f.do(func(tx applications.Tx) error { return tx.InsertToken(f.ctx, exampleToken("a"), true) })
		f.refused(applications.AlreadyExists, "FIRST_TOKEN_EXISTS", func(tx applications.Tx) error { return tx.InsertToken(f.ctx, exampleToken("b"), true) })
		f.do(func(tx applications.Tx) error { return tx.InsertToken(f.ctx, exampleToken("b"), false) })
	}},
	{"token: no first after any, even a revoked one", func(f *fixture) {
		f.do(func(tx applications.Tx) error { return tx.InsertToken(f.ctx, exampleToken("a"), false) })
		f.do(func(tx applications.Tx) error { return tx.RevokeToken(f.ctx, "a", start) })
		f.refused(applications.AlreadyExists, "FIRST_TOKEN_EXISTS", func(tx applications.Tx) error { return tx.InsertToken(f.ctx, exampleToken("b"), true) })
	}},
	{"token: many servers make the first: one winner", func(f *fixture) {
		f.oneWinner(race(racers, func(i int) error {
			return f.Update(f.ctx, func(tx applications.Tx) error { return tx.InsertToken(f.ctx, exampleToken(fmt.Sprint(i)), true) })
		}), applications.AlreadyExists, "FIRST_TOKEN_EXISTS")
		if n := len(one(f, func(tx applications.Tx) ([]*applications.Token, error) { return tx.Tokens(f.ctx, "", 0) })); n != 1 {
			f.Fatalf("%d tokens", n)
		}
	}},
	{"token: list page by page", func(f *fixture) {
		f.do(func(tx applications.Tx) error {
			for _, id := range []string{"c", "a", "b"} {
				if err := tx.InsertToken(f.ctx, exampleToken(id), false); err != nil {
					return err
				}
			}
			return nil
		})
		first := one(f, func(tx applications.Tx) ([]*applications.Token, error) { return tx.Tokens(f.ctx, "", 2) })
		rest := one(f, func(tx applications.Tx) ([]*applications.Token, error) { return tx.Tokens(f.ctx, "b", 2) })
		if len(first) != 2 || first[0].ID != "a" || first[1].ID != "b" || len(rest) != 1 || rest[0].ID != "c" {
			f.Fatalf("pages of %d and %d tokens", len(first), len(rest))
		}
		equal(f, rest[0], exampleToken("c"))
	}},
	{"token: revoke, once", func(f *fixture) {
		k := exampleToken("k")
		f.do(func(tx applications.Tx) error { return tx.InsertToken(f.ctx, k, false) })
		f.do(func(tx applications.Tx) error { return tx.RevokeToken(f.ctx, "k", start.Add(time.Hour)) })
		f.do(func(tx applications.Tx) error { return tx.RevokeToken(f.ctx, "k", start.Add(2*time.Hour)) })
		k.RevokeTime = start.Add(time.Hour)
		equal(f, getToken(f, "k"), k)
	}},

	{"link: every field survives, and peeking does not use it", func(f *fixture) {
		l := filled[applications.Link]()
		l.UseTime = time.Time{}
		f.do(func(tx applications.Tx) error { return tx.InsertLink(f.ctx, l) })
		for range 2 {
			equal(f, one(f, func(tx applications.Tx) (*applications.Link, error) { return tx.PeekLink(f.ctx, l.Hash, start) }), l)
		}
	}},
	{"link: used once", func(f *fixture) {
		l := exampleLink(1)
		f.do(func(tx applications.Tx) error { return tx.InsertLink(f.ctx, l) })
		f.do(func(tx applications.Tx) error {
			got, err := tx.UseLink(f.ctx, l.Hash, start)
			if err == nil {
				l.UseTime = start
				equal(f, got, l)
			}
			return err
		})
		f.refused(applications.NotFound, "LINK_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.UseLink(f.ctx, l.Hash, start); return err })
		f.missing("LINK_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.PeekLink(f.ctx, l.Hash, start); return err })
	}},
	{"link: unknown and expired are the same", func(f *fixture) {
		l := exampleLink(1)
		f.do(func(tx applications.Tx) error { return tx.InsertLink(f.ctx, l) })
		var words []string
		for _, c := range []struct {
			hash []byte
			now  time.Time
		}{
			{digest("unknown"), start}, {nil, start}, {l.Hash, l.ExpireTime}, {l.Hash, l.ExpireTime.Add(time.Hour)},
		} {
			f.do(func(tx applications.Tx) error {
				_, err := tx.UseLink(f.ctx, c.hash, c.now)
				f.wantError(err, applications.NotFound, "LINK_NOT_FOUND")
				_, err2 := tx.PeekLink(f.ctx, c.hash, c.now)
				f.wantError(err2, applications.NotFound, "LINK_NOT_FOUND")
				words = append(words, err.Error(), err2.Error())
				return nil
			})
		}
		for _, w := range words {
			if w != words[0] {
				f.Fatalf("%q and %q tell them apart", w, words[0])
			}
		}
		f.do(func(tx applications.Tx) error { // a microsecond before the end it is good
			_, err := tx.UseLink(f.ctx, l.Hash, l.ExpireTime.Add(-time.Microsecond))
			return err
		})
	}},
	{"link: used by many at the same time: one winner", func(f *fixture) {
		l := exampleLink(1)
		f.do(func(tx applications.Tx) error { return tx.InsertLink(f.ctx, l) })
		f.oneWinner(race(racers, func(int) error {
			return f.Update(f.ctx, func(tx applications.Tx) error { _, err := tx.UseLink(f.ctx, l.Hash, start); return err })
		}), applications.NotFound, "LINK_NOT_FOUND")
	}},
	{"link: a use that is rolled back", func(f *fixture) {
		l := exampleLink(1)
		f.do(func(tx applications.Tx) error { return tx.InsertLink(f.ctx, l) })
		if err := f.Update(f.ctx, func(tx applications.Tx) error {
			if _, err := tx.UseLink(f.ctx, l.Hash, start); err != nil {
				return err
			}
			return errOnPurpose
		}); err != errOnPurpose {
			f.Fatal(err)
		}
		f.do(func(tx applications.Tx) error { _, err := tx.UseLink(f.ctx, l.Hash, start); return err })
	}},
	{"link: insert twice", func(f *fixture) {
		f.do(func(tx applications.Tx) error { return tx.InsertLink(f.ctx, exampleLink(1)) })
		f.refused(applications.AlreadyExists, "LINK_EXISTS", func(tx applications.Tx) error { return tx.InsertLink(f.ctx, exampleLink(1)) })
	}},
}

func getUser(f *fixture, id string) *applications.User {
	f.Helper()
	return one(f, func(tx applications.Tx) (*applications.User, error) { return tx.User(f.ctx, id) })
}

func getToken(f *fixture, id string) *applications.Token {
	f.Helper()
	return one(f, func(tx applications.Tx) (*applications.Token, error) { return tx.Token(f.ctx, id) })
}
