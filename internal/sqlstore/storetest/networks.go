package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/introductions"
)

// netTx is the same transaction, as package introductions sees it.
func netTx(tx applications.Tx) introductions.Tx { return tx.(introductions.Tx) }

func exampleNetwork(program, id string) *introductions.Network {
	return &introductions.Network{
		Program: program, ID: id, Title: map[string]string{"en": "A network " + canary}, MinSize: 2, MaxSize: 2,
		AnswerTime: time.Hour, CreateTime: start, UpdateTime: start,
	}
}

func exampleMember(program, network, id string) *introductions.Member {
	return &introductions.Member{
		Program: program, Network: network, ID: id, Code: "NM-" + id, Reference: canary,
		Contact: introductions.Contact{Name: "Invented Person " + canary, Email: "somebody@example.org"},
		Profile: map[string]string{"topics": "in my own words " + canary}, Agreed: true, AgreeTime: start,
		Never: []string{canary}, Refused: []string{canary}, TokenGeneration: 1, CreateTime: start, UpdateTime: start,
	}
}

func exampleRound(program, network, id string) *introductions.Round {
	return &introductions.Round{
		Program: program, Network: network, ID: id, State: introductions.Queued, Seed: "seed " + canary,
		Frozen: []byte(`{"people":"` + canary + `"}`), Record: []byte(canary), CreateTime: start, UpdateTime: start,
	}
}

func exampleIntroduction(program, network, id string, members ...string) *introductions.Introduction {
	i := &introductions.Introduction{
		Program: program, Network: network, ID: id, Round: "round", State: introductions.Proposed, Need: 2,
		CreateTime: start, UpdateTime: start, ExpireTime: start.Add(time.Hour),
	}
	for _, m := range members {
		i.Sides = append(i.Sides, introductions.Side{Member: m, Code: "NM-" + m + canary})
	}
	return i
}

// populateNetworks puts one of everything into a program that exists. Its ids
// begin with those of the network, because they are unique in the program.
func populateNetworks(ctx context.Context, tx introductions.Tx, program string) error {
	link := &introductions.Link{
		Hash: digest("network link", program), Program: program, Network: "net", Member: "m1", Generation: 1, ExpireTime: start.Add(time.Hour),
	}
	for _, err := range []error{
		tx.InsertNetwork(ctx, exampleNetwork(program, "net")),
		tx.InsertMember(ctx, exampleMember(program, "net", "m1"), digest("reference", program, "m1")),
		tx.InsertMember(ctx, exampleMember(program, "net", "m2"), nil),
		tx.InsertMemberLink(ctx, link),
		tx.InsertRound(ctx, exampleRound(program, "net", "round")),
		tx.InsertIntroduction(ctx, exampleIntroduction(program, "net", "intro", "m1", "m2"), []introductions.Standing{{Waited: 3, Skipped: 5}, {IntroduceTime: start}}),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// networksOf makes programs with one of everything.
func networksOf(f *fixture, programs ...string) {
	f.Helper()
	f.programs(programs...)
	f.do(func(tx applications.Tx) error {
		for _, p := range programs {
			if err := populateNetworks(f.ctx, netTx(tx), p); err != nil {
				return err
			}
		}
		return nil
	})
}

// keptNet is kept for what is in a network.
func keptNet[V any](f *fixture, noun string, v *V, revision *int64, insert, update func(introductions.Tx, *V) error, get func(introductions.Tx) (*V, error)) {
	f.Helper()
	*revision = 0
	f.do(func(tx applications.Tx) error { return insert(netTx(tx), v) })
	if *revision != 1 {
		f.Fatalf("revision %d", *revision)
	}
	read := func() *V { return one(f, func(tx applications.Tx) (*V, error) { return get(netTx(tx)) }) }
	equal(f, read(), v)
	f.refused(applications.AlreadyExists, noun+"_EXISTS", func(tx applications.Tx) error { return insert(netTx(tx), v) })
	f.do(func(tx applications.Tx) error { return update(netTx(tx), v) })
	if *revision != 2 {
		f.Fatalf("revision %d after an update", *revision)
	}
	equal(f, read(), v)
	*revision = 1
	f.refused(applications.Aborted, "STALE_REVISION", func(tx applications.Tx) error { return update(netTx(tx), v) })
}

var networkCases = []testCase{
	{"every field survives", func(f *fixture) {
		networksOf(f, "p1")
		n := filled[introductions.Network]()
		n.Program, n.Rounds = "p1", 0
		keptNet(f, "NETWORK", n, &n.Revision,
			func(tx introductions.Tx, v *introductions.Network) error { return tx.InsertNetwork(f.ctx, v) },
			func(tx introductions.Tx, v *introductions.Network) error { return tx.UpdateNetwork(f.ctx, v) },
			func(tx introductions.Tx) (*introductions.Network, error) { return tx.Network(f.ctx, "p1", n.ID) })
		m := filled[introductions.Member]()
		m.Program, m.Network, m.Standing = "p1", "net", introductions.Standing{}
		keptNet(f, "MEMBER", m, &m.Revision,
			func(tx introductions.Tx, v *introductions.Member) error {
				return tx.InsertMember(f.ctx, v, []byte("x"))
			},
			func(tx introductions.Tx, v *introductions.Member) error { return tx.UpdateMember(f.ctx, v) },
			func(tx introductions.Tx) (*introductions.Member, error) { return tx.Member(f.ctx, "p1", "net", m.ID) })
		r := filled[introductions.Round]()
		r.Program, r.Network = "p1", "net"
		keptNet(f, "ROUND", r, &r.Revision,
			func(tx introductions.Tx, v *introductions.Round) error { return tx.InsertRound(f.ctx, v) },
			func(tx introductions.Tx, v *introductions.Round) error { return tx.UpdateRound(f.ctx, v) },
			func(tx introductions.Tx) (*introductions.Round, error) { return tx.Round(f.ctx, "p1", "net", r.ID) })
		i := filled[introductions.Introduction]()
		i.Program, i.Network = "p1", "net"
		keptNet(f, "INTRODUCTION", i, &i.Revision,
			func(tx introductions.Tx, v *introductions.Introduction) error {
				return tx.InsertIntroduction(f.ctx, v, make([]introductions.Standing, len(v.Sides)))
			},
			func(tx introductions.Tx, v *introductions.Introduction) error { return tx.UpdateIntroduction(f.ctx, v) },
			func(tx introductions.Tx) (*introductions.Introduction, error) {
				return tx.Introduction(f.ctx, "p1", "net", i.ID)
			})
	}},
	{"missing, also in another network", func(f *fixture) {
		networksOf(f, "p1")
		f.do(func(tx applications.Tx) error { return netTx(tx).InsertNetwork(f.ctx, exampleNetwork("p1", "other")) })
		for _, in := range [][2]string{{"p9", "net"}, {"p1", "other"}, {"p1", "none"}} {
			program, network := in[0], in[1]
			for reason, fn := range map[string]func(tx introductions.Tx) error{
				"MEMBER_NOT_FOUND": func(tx introductions.Tx) error { _, err := tx.Member(f.ctx, program, network, "m1"); return err },
				"ROUND_NOT_FOUND":  func(tx introductions.Tx) error { _, err := tx.Round(f.ctx, program, network, "round"); return err },
				"INTRODUCTION_NOT_FOUND": func(tx introductions.Tx) error {
					_, err := tx.Introduction(f.ctx, program, network, "intro")
					return err
				},
			} {
				f.missing(reason, func(tx applications.Tx) error { return fn(netTx(tx)) })
			}
			for reason, fn := range map[string]func(tx introductions.Tx) error{
				"MEMBER_NOT_FOUND": func(tx introductions.Tx) error { return tx.UpdateMember(f.ctx, exampleMember(program, network, "m1")) },
				"ROUND_NOT_FOUND":  func(tx introductions.Tx) error { return tx.UpdateRound(f.ctx, exampleRound(program, network, "round")) },
				"INTRODUCTION_NOT_FOUND": func(tx introductions.Tx) error {
					return tx.UpdateIntroduction(f.ctx, exampleIntroduction(program, network, "intro", "m1"))
				},
			} {
				f.refused(applications.NotFound, reason, func(tx applications.Tx) error { return fn(netTx(tx)) })
			}
		}
		f.missing("NETWORK_NOT_FOUND", func(tx applications.Tx) error { _, err := netTx(tx).Network(f.ctx, "p1", "none"); return err })
		f.missing("MEMBER_NOT_FOUND", func(tx applications.Tx) error { _, err := netTx(tx).MemberOf(f.ctx, "p9", "m1"); return err })
		f.refused(applications.NotFound, "NETWORK_NOT_FOUND", func(tx applications.Tx) error {
			_, err := netTx(tx).NextMember(f.ctx, "p1", "none", 1)
			return err
		})
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", func(tx applications.Tx) error {
			return netTx(tx).InsertNetwork(f.ctx, exampleNetwork("p9", "net"))
		})
	}},
	{"numbers, references and links are used once", func(f *fixture) {
		networksOf(f, "p1", "p2")
		f.do(func(tx applications.Tx) error {
			for _, want := range [][2]int{{1, 1}, {5, 2}, {1, 7}} {
				if n, err := netTx(tx).NextMember(f.ctx, "p1", "net", want[0]); err != nil || n != want[1] {
					f.Errorf("%d, %v; want %d", n, err, want[1])
				}
			}
			return nil
		})
		same := exampleMember("p1", "net", "m9")
		f.refused(applications.AlreadyExists, "MEMBER_EXISTS", func(tx applications.Tx) error {
			return netTx(tx).InsertMember(f.ctx, same, digest("reference", "p1", "m1"))
		})
		use := func(hash []byte, now time.Time) func(tx applications.Tx) error {
			return func(tx applications.Tx) error {
				l, err := netTx(tx).UseMemberLink(f.ctx, hash, now)
				if err == nil && (l.Program != "p1" || l.Network != "net" || l.Member != "m1" || l.Generation != 1) {
					f.Errorf("%+v", l)
				}
				return err
			}
		}
		hash := digest("network link", "p1")
		f.refused(applications.NotFound, "LINK_NOT_FOUND", use(hash, start.Add(time.Hour)))
		f.do(use(hash, start))
		f.refused(applications.NotFound, "LINK_NOT_FOUND", use(hash, start))
		// Who is erased gives the reference free, and no link opens them.
		f.do(func(tx applications.Tx) error {
			m, err := netTx(tx).Member(f.ctx, "p1", "net", "m1")
			if err != nil {
				return err
			}
			if err := netTx(tx).EraseMember(f.ctx, m); err != nil {
				return err
			}
			return netTx(tx).InsertMember(f.ctx, same, digest("reference", "p1", "m1"))
		})
	}},
	{"a round counts once, and treats its people", func(f *fixture) {
		networksOf(f, "p1", "p2")
		f.do(func(tx applications.Tx) error { return netTx(tx).CountRound(f.ctx, "p1", "net", 0) })
		f.refused(applications.FailedPrecondition, "ROUND_OVERTAKEN", func(tx applications.Tx) error {
			return netTx(tx).CountRound(f.ctx, "p1", "net", 0)
		})
		before := one(f, func(tx applications.Tx) (map[string]introductions.Standing, error) {
			return netTx(tx).Before(f.ctx, "p1", "net", "intro")
		})
		equal(f, before, map[string]introductions.Standing{"m1": {Waited: 3, Skipped: 5}, "m2": {IntroduceTime: start}})
		at := start.Add(time.Minute)
		f.do(func(tx applications.Tx) error {
			if err := netTx(tx).SkipMember(f.ctx, "p1", "net", "m1", before["m1"]); err != nil {
				return err
			}
			if err := netTx(tx).IntroduceMembers(f.ctx, "p1", "net", "round", at); err != nil {
				return err
			}
			return netTx(tx).SkipMember(f.ctx, "p1", "net", "m2", before["m2"])
		})
		for id, want := range map[string]introductions.Standing{"m1": {Skipped: 1, IntroduceTime: at}, "m2": {Waited: 1, Skipped: 1, IntroduceTime: start}} {
			m := one(f, func(tx applications.Tx) (*introductions.Member, error) {
				return netTx(tx).Member(f.ctx, "p1", "net", id)
			})
			equal(f, m.Standing, want)
			if m.Revision != 1 {
				f.Errorf("counting made revision %d", m.Revision)
			}
		}
		if m := one(f, func(tx applications.Tx) (*introductions.Member, error) { return netTx(tx).MemberOf(f.ctx, "p2", "m1") }); m.Standing != (introductions.Standing{}) {
			f.Errorf("a round of another program: %+v", m.Standing)
		}
	}},
	{"lists, who met, and what is due", func(f *fixture) {
		networksOf(f, "p1", "p2")
		f.do(func(tx applications.Tx) error {
			t := netTx(tx)
			for n := range 4 {
				id := fmt.Sprint("x", n)
				if err := t.InsertMember(f.ctx, exampleMember("p1", "net", id), nil); err != nil {
					return err
				}
				i := exampleIntroduction("p1", "net", fmt.Sprint("i", n), id, "m1")
				if i.ExpireTime = start.Add(time.Duration(4-n) * time.Minute); n%2 == 1 {
					i.State = introductions.Accepted
				}
				if err := t.InsertIntroduction(f.ctx, i, make([]introductions.Standing, 2)); err != nil {
					return err
				}
			}
			return t.InsertNetwork(f.ctx, exampleNetwork("p1", "later"))
		})
		list := func(q introductions.IntroductionQuery) (ids []string) {
			q.Program, q.Network = "p1", "net"
			for _, i := range one(f, func(tx applications.Tx) ([]*introductions.Introduction, error) {
				return netTx(tx).Introductions(f.ctx, q)
			}) {
				ids = append(ids, i.ID)
			}
			return ids
		}
		members := func(q introductions.MemberQuery) (ids []string) {
			q.Program, q.Network = "p1", "net"
			for _, m := range one(f, func(tx applications.Tx) ([]*introductions.Member, error) { return netTx(tx).Members(f.ctx, q) }) {
				ids = append(ids, m.ID)
			}
			return ids
		}
		networks := func(after string, descending bool) (ids []string) {
			for _, n := range one(f, func(tx applications.Tx) ([]*introductions.Network, error) {
				return netTx(tx).Networks(f.ctx, "p1", after, descending, 0)
			}) {
				ids = append(ids, n.ID)
			}
			return ids
		}
		open := []introductions.State{introductions.Proposed}
		for _, c := range []struct{ got, want []string }{
			{list(introductions.IntroductionQuery{}), []string{"i0", "i1", "i2", "i3", "intro"}},
			{list(introductions.IntroductionQuery{Member: "m2"}), []string{"intro"}},
			{list(introductions.IntroductionQuery{Member: "m1", States: open}), []string{"i0", "i2", "intro"}},
			{list(introductions.IntroductionQuery{Member: "m1", Descending: true, AfterID: "i3", Limit: 2}), []string{"i2", "i1"}},
			{list(introductions.IntroductionQuery{Descending: true, Limit: 1}), []string{"intro"}},
			{members(introductions.MemberQuery{AfterID: "m2"}), []string{"x0", "x1", "x2", "x3"}},
			{members(introductions.MemberQuery{Descending: true, AfterID: "x0"}), []string{"m2", "m1"}},
			{networks("", false), []string{"later", "net"}},
			{networks("", true), []string{"net", "later"}},
			{one(f, func(tx applications.Tx) ([]string, error) { return netTx(tx).InOpen(f.ctx, "p1", "net") }), []string{"m1", "m2", "x0", "x2"}},
		} {
			if !slices.Equal(c.got, c.want) {
				f.Errorf("%v, want %v", c.got, c.want)
			}
		}
		met := one(f, func(tx applications.Tx) ([][]string, error) { return netTx(tx).Met(f.ctx, "p1", "net") })
		if diff := cmp.Diff([][]string{{"m1", "x0"}, {"m1", "x1"}, {"m1", "x2"}, {"m1", "x3"}, {"m1", "m2"}}, met); diff != "" {
			f.Error(diff)
		}
		due := one(f, func(tx applications.Tx) ([]introductions.Key, error) {
			return netTx(tx).DueIntroductions(f.ctx, start.Add(5*time.Minute), 0)
		})
		want := []introductions.Key{{Program: "p1", Network: "net", ID: "i2"}, {Program: "p1", Network: "net", ID: "i0"}}
		if !slices.Equal(due, want) {
			f.Errorf("due: %v", due)
		}
		f.do(func(tx applications.Tx) error {
			i, err := netTx(tx).Introduction(f.ctx, "p1", "net", "i1")
			if err != nil {
				return err
			}
			i.State = introductions.Proposed
			f.wantError(netTx(tx).UpdateIntroduction(f.ctx, i), applications.FailedPrecondition, "INTRODUCTION_CLOSED")
			return nil
		})
	}},
	{"a round is claimed by one, renewed by it, and taken over after its lease", func(f *fixture) {
		networksOf(f, "p1")
		claim := func(owner string, now time.Time) (r *introductions.Round) {
			f.do(func(tx applications.Tx) (err error) {
				r, err = netTx(tx).ClaimRound(f.ctx, owner, now, now.Add(time.Minute))
				return err
			})
			return r
		}
		r := claim("a", start)
		if r == nil || r.State != introductions.Solving || r.Attempt != 1 || r.Owner != "a" || string(r.Record) != canary {
			f.Fatalf("%+v", r)
		}
		if other := claim("b", start); other != nil {
			f.Fatalf("claimed twice: %+v", other)
		}
		renew := func(owner string, until time.Time) func(tx applications.Tx) error {
			return func(tx applications.Tx) error {
				_, err := netTx(tx).RenewRound(f.ctx, "p1", "net", "round", owner, until)
				return err
			}
		}
		f.do(renew("a", start.Add(2*time.Minute)))
		f.refused(applications.FailedPrecondition, "LEASE_LOST", renew("b", start.Add(time.Hour)))
		// An update by the owner does not shorten what it renewed.
		f.do(func(tx applications.Tx) error { return netTx(tx).UpdateRound(f.ctx, r) })
		if other := claim("b", start.Add(90*time.Second)); other != nil {
			f.Fatalf("claimed under a lease: %+v", other)
		}
		if r = claim("b", start.Add(3*time.Minute)); r == nil || r.Attempt != 2 {
			f.Fatalf("%+v", r)
		}
		f.refused(applications.FailedPrecondition, "LEASE_LOST", renew("a", start.Add(time.Hour)))
		heads := one(f, func(tx applications.Tx) ([]*introductions.Round, error) {
			return netTx(tx).RoundHeads(f.ctx, "p1", "net", "", 0)
		})
		if len(heads) != 1 || heads[0].Frozen != nil || heads[0].Record != nil || heads[0].Seed != r.Seed {
			f.Errorf("%+v", heads)
		}
	}},
	{"a program that is deleted takes all of it, and nothing else", func(f *fixture) {
		networksOf(f, "p1", "p2")
		f.do(func(tx applications.Tx) error { return tx.DeleteProgram(f.ctx, "p1") })
		for _, program := range []string{"p1", "p2"} {
			for _, get := range []func(tx introductions.Tx) error{
				func(tx introductions.Tx) error { _, err := tx.Network(f.ctx, program, "net"); return err },
				func(tx introductions.Tx) error { _, err := tx.MemberOf(f.ctx, program, "m1"); return err },
				func(tx introductions.Tx) error { _, err := tx.Round(f.ctx, program, "net", "round"); return err },
				func(tx introductions.Tx) error { _, err := tx.Introduction(f.ctx, program, "net", "intro"); return err },
			} {
				err := f.View(f.ctx, func(tx applications.Tx) error { return get(netTx(tx)) })
				if (err == nil) != (program == "p2") || err != nil && applications.CodeOf(err) != applications.NotFound {
					f.Errorf("%s: %v", program, err)
				}
			}
		}
		f.refused(applications.NotFound, "LINK_NOT_FOUND", func(tx applications.Tx) error {
			_, err := netTx(tx).UseMemberLink(f.ctx, digest("network link", "p1"), start)
			return err
		})
	}},
}
