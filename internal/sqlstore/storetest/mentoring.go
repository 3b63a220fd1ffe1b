package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/mentoring"
)

// pairTx is the same transaction, as package mentoring sees it.
func pairTx(tx applications.Tx) mentoring.Tx { return tx.(mentoring.Tx) }

func examplePlan(program string) *mentoring.Plan {
	return &mentoring.Plan{
		Program: program, Open: true, MaxSeats: 3, MaxWanted: 3, MaxNever: 10, MaxWishes: 5, AnswerTime: time.Hour,
		Contact: "somebody " + canary, CreateTime: start, UpdateTime: start,
	}
}

func exampleEnrollment(program, id string, role mentoring.Role) *mentoring.Enrollment {
	e := &mentoring.Enrollment{
		Program: program, ID: id, Code: "NS-0001-" + id, Role: role, State: mentoring.Available,
		Contact: mentoring.Contact{Name: "Invented Person " + canary, Email: "somebody@example.org"},
		Profile: map[string]string{"goals": "in my own words " + canary},
		Traits:  []mentoring.Trait{{Attribute: "attribute_1 " + canary, Value: "value_7"}},
		Never:   []string{canary}, Refused: []string{canary},
		Consents: []mentoring.Consent{{Purpose: mentoring.ForMatching, Given: true, Time: start}}, TokenGeneration: 1,
		CreateTime: start, UpdateTime: start,
	}
	if e.Seats = 2; role == mentoring.Mentee {
		e.Seats, e.Wanted = 0, 1
	}
	return e
}

func exampleProposal(program, id, mentee, mentor string) *mentoring.Proposal {
	return &mentoring.Proposal{
		Program: program, ID: id, Mentee: mentee, Mentor: mentor, State: mentoring.Sent, Reason: "a reason " + canary, DeclineNote: "in my own words " + canary,
		Parts: []mentoring.Part{{Feature: "skills", Points: 3, Most: 7, Evidence: []string{canary}}}, CreateTime: start, UpdateTime: start, SendTime: start, ExpireTime: start.Add(time.Hour),
	}
}

func exampleMentorship(program, id, mentee, mentor string) *mentoring.Mentorship {
	return &mentoring.Mentorship{
		Program: program, ID: id, Mentee: mentee, Mentor: mentor, State: mentoring.Active, SafeExit: "in my own words " + canary,
		Goals: []mentoring.Goal{{ID: "goal", Words: canary, State: mentoring.GoalOpen, Time: start}}, CreateTime: start, UpdateTime: start,
	}
}

func exampleMatching(program, id string) *mentoring.Matching {
	return &mentoring.Matching{
		Program: program, ID: id, State: mentoring.Queued, Seed: "seed " + canary, Frozen: []byte(`{"people":"` + canary + `"}`), Record: []byte(canary),
		CreateTime: start, UpdateTime: start,
	}
}

func exampleDirective(program, id, mentee, mentor string) *mentoring.Directive {
	return &mentoring.Directive{Program: program, ID: id, Kind: mentoring.ForbidPair, Mentee: mentee, Mentor: mentor, Reason: "the board asked " + canary, CreateTime: start}
}

// populateMentoring puts one of everything into a program that exists.
func populateMentoring(ctx context.Context, tx mentoring.Tx, program string) error {
	link := &mentoring.Link{Hash: digest("enrollment link", program), Program: program, Enrollment: "mentee", Generation: 1, ExpireTime: start.Add(time.Hour)}
	for _, err := range []error{
		tx.InsertPlan(ctx, examplePlan(program)),
		tx.InsertEnrollment(ctx, exampleEnrollment(program, "mentee", mentoring.Mentee)),
		tx.InsertEnrollment(ctx, exampleEnrollment(program, "mentor", mentoring.Mentor)),
		tx.InsertEnrollmentLink(ctx, link),
		tx.InsertDirective(ctx, exampleDirective(program, "directive", "mentee", "mentor")),
		tx.InsertMatching(ctx, exampleMatching(program, "matching")),
		tx.InsertProposal(ctx, exampleProposal(program, "proposal", "mentee", "mentor")),
		tx.InsertMentorship(ctx, exampleMentorship(program, "mentorship", "mentee", "mentor")),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// mentoringOf makes programs with one of everything.
func mentoringOf(f *fixture, programs ...string) {
	f.Helper()
	f.programs(programs...)
	f.do(func(tx applications.Tx) error {
		for _, p := range programs {
			if err := populateMentoring(f.ctx, pairTx(tx), p); err != nil {
				return err
			}
		}
		return nil
	})
}

// kept stores a value with every field filled, reads it again, and checks that
// a change is refused with another revision, and of what is not there.
func kept[V any](f *fixture, noun string, v *V, revision *int64, insert, update func(mentoring.Tx, *V) error, get func(mentoring.Tx) (*V, error)) {
	f.Helper()
	*revision = 0
	f.do(func(tx applications.Tx) error { return insert(pairTx(tx), v) })
	if *revision != 1 {
		f.Fatalf("revision %d", *revision)
	}
	read := func() *V {
		return one(f, func(tx applications.Tx) (*V, error) { return get(pairTx(tx)) })
	}
	equal(f, read(), v)
	f.refused(applications.AlreadyExists, noun+"_EXISTS", func(tx applications.Tx) error { return insert(pairTx(tx), v) })
	f.do(func(tx applications.Tx) error { return update(pairTx(tx), v) })
	if *revision != 2 {
		f.Fatalf("revision %d after an update", *revision)
	}
	equal(f, read(), v)
	*revision = 1
	f.refused(applications.Aborted, "STALE_REVISION", func(tx applications.Tx) error { return update(pairTx(tx), v) })
}

var mentoringCases = []testCase{
	{"every field survives", func(f *fixture) {
		mentoringOf(f, "p1")
		f.programs("p2")
		plan := filled[mentoring.Plan]()
		plan.Program = "p2"
		kept(f, "PLAN", plan, &plan.Revision,
			func(tx mentoring.Tx, v *mentoring.Plan) error { return tx.InsertPlan(f.ctx, v) },
			func(tx mentoring.Tx, v *mentoring.Plan) error { return tx.UpdatePlan(f.ctx, v) },
			func(tx mentoring.Tx) (*mentoring.Plan, error) { return tx.Plan(f.ctx, "p2") })
		e := filled[mentoring.Enrollment]()
		e.Program = "p1"
		kept(f, "ENROLLMENT", e, &e.Revision,
			func(tx mentoring.Tx, v *mentoring.Enrollment) error {
				if v.Revision > 0 { // a second time, and without its origin, which is refused first
					c := *v
					c.Origin = mentoring.Origin{}
					v = &c
				}
				return tx.InsertEnrollment(f.ctx, v)
			},
			func(tx mentoring.Tx, v *mentoring.Enrollment) error { return tx.UpdateEnrollment(f.ctx, v) },
			func(tx mentoring.Tx) (*mentoring.Enrollment, error) { return tx.Enrollment(f.ctx, "p1", e.ID) })
		d := filled[mentoring.Directive]()
		d.Program = "p1"
		kept(f, "DIRECTIVE", d, &d.Revision,
			func(tx mentoring.Tx, v *mentoring.Directive) error { return tx.InsertDirective(f.ctx, v) },
			func(tx mentoring.Tx, v *mentoring.Directive) error { return tx.UpdateDirective(f.ctx, v) },
			func(tx mentoring.Tx) (*mentoring.Directive, error) { return tx.Directive(f.ctx, "p1", d.ID) })
		m := filled[mentoring.Matching]()
		m.Program = "p1"
		kept(f, "MATCHING", m, &m.Revision,
			func(tx mentoring.Tx, v *mentoring.Matching) error { return tx.InsertMatching(f.ctx, v) },
			func(tx mentoring.Tx, v *mentoring.Matching) error { return tx.UpdateMatching(f.ctx, v) },
			func(tx mentoring.Tx) (*mentoring.Matching, error) { return tx.Matching(f.ctx, "p1", m.ID) })
		p := filled[mentoring.Proposal]()
		p.Program = "p1"
		kept(f, "PROPOSAL", p, &p.Revision,
			func(tx mentoring.Tx, v *mentoring.Proposal) error { return tx.InsertProposal(f.ctx, v) },
			func(tx mentoring.Tx, v *mentoring.Proposal) error { return tx.UpdateProposal(f.ctx, v) },
			func(tx mentoring.Tx) (*mentoring.Proposal, error) { return tx.Proposal(f.ctx, "p1", p.ID) })
		r := filled[mentoring.Mentorship]()
		r.Program = "p1"
		kept(f, "MENTORSHIP", r, &r.Revision,
			func(tx mentoring.Tx, v *mentoring.Mentorship) error { return tx.InsertMentorship(f.ctx, v) },
			func(tx mentoring.Tx, v *mentoring.Mentorship) error { return tx.UpdateMentorship(f.ctx, v) },
			func(tx mentoring.Tx) (*mentoring.Mentorship, error) { return tx.Mentorship(f.ctx, "p1", r.ID) })
	}},
	{"missing", func(f *fixture) {
		mentoringOf(f, "p1")
		for reason, fn := range map[string]func(tx mentoring.Tx) error{
			"PROGRAM_NOT_FOUND":    func(tx mentoring.Tx) error { return tx.HasProgram(f.ctx, "p9") },
			"PLAN_NOT_FOUND":       func(tx mentoring.Tx) error { _, err := tx.Plan(f.ctx, "p9"); return err },
			"ENROLLMENT_NOT_FOUND": func(tx mentoring.Tx) error { _, err := tx.Enrollment(f.ctx, "p1", "x"); return err },
			"DIRECTIVE_NOT_FOUND":  func(tx mentoring.Tx) error { _, err := tx.Directive(f.ctx, "p9", "directive"); return err },
			"MATCHING_NOT_FOUND":   func(tx mentoring.Tx) error { _, err := tx.Matching(f.ctx, "p9", "matching"); return err },
			"PROPOSAL_NOT_FOUND":   func(tx mentoring.Tx) error { _, err := tx.Proposal(f.ctx, "p1", "x"); return err },
			"MENTORSHIP_NOT_FOUND": func(tx mentoring.Tx) error { _, err := tx.Mentorship(f.ctx, "p1", "x"); return err },
		} {
			f.missing(reason, func(tx applications.Tx) error { return fn(pairTx(tx)) })
		}
		for reason, fn := range map[string]func(tx mentoring.Tx) error{
			"PLAN_NOT_FOUND": func(tx mentoring.Tx) error { return tx.UpdatePlan(f.ctx, examplePlan("p9")) },
			"ENROLLMENT_NOT_FOUND": func(tx mentoring.Tx) error {
				return tx.UpdateEnrollment(f.ctx, exampleEnrollment("p1", "x", mentoring.Mentor))
			},
			"DIRECTIVE_NOT_FOUND": func(tx mentoring.Tx) error {
				return tx.UpdateDirective(f.ctx, exampleDirective("p1", "x", "mentee", "mentor"))
			},
			"MATCHING_NOT_FOUND": func(tx mentoring.Tx) error { return tx.UpdateMatching(f.ctx, exampleMatching("p9", "matching")) },
			"PROPOSAL_NOT_FOUND": func(tx mentoring.Tx) error {
				return tx.UpdateProposal(f.ctx, exampleProposal("p1", "x", "mentee", "mentor"))
			},
			"MENTORSHIP_NOT_FOUND": func(tx mentoring.Tx) error {
				return tx.UpdateMentorship(f.ctx, exampleMentorship("p1", "x", "mentee", "mentor"))
			},
			"PROGRAM_NOT_FOUND": func(tx mentoring.Tx) error {
				return tx.InsertEnrollment(f.ctx, exampleEnrollment("p9", "x", mentoring.Mentor))
			},
			"LINK_NOT_FOUND": func(tx mentoring.Tx) error {
				_, err := tx.UseEnrollmentLink(f.ctx, digest("no link"), start)
				return err
			},
		} {
			f.refused(applications.NotFound, reason, func(tx applications.Tx) error { return fn(pairTx(tx)) })
		}
	}},
	{"numbers of mentors and mentees, and an application enrolls once in a role", func(f *fixture) {
		mentoringOf(f, "p1", "p2")
		f.do(func(tx applications.Tx) error {
			for _, want := range []struct {
				role mentoring.Role
				n    int
			}{{mentoring.Mentor, 1}, {mentoring.Mentor, 2}, {mentoring.Mentee, 1}} {
				if n, err := pairTx(tx).NextEnrollment(f.ctx, "p1", want.role); err != nil || n != want.n {
					f.Errorf("%s: %d, %v", want.role, n, err)
				}
			}
			return nil
		})
		from := func(program, id string, role mentoring.Role) *mentoring.Enrollment {
			e := exampleEnrollment(program, id, role)
			e.Origin = mentoring.Origin{Program: "p7", Application: "a1"}
			return e
		}
		f.do(func(tx applications.Tx) error {
			for _, e := range []*mentoring.Enrollment{from("p1", "one", mentoring.Mentee), from("p1", "two", mentoring.Mentor), from("p2", "one", mentoring.Mentee)} {
				if err := pairTx(tx).InsertEnrollment(f.ctx, e); err != nil {
					return err
				}
			}
			return nil
		})
		f.refused(applications.AlreadyExists, "ORIGIN_ENROLLED", func(tx applications.Tx) error {
			return pairTx(tx).InsertEnrollment(f.ctx, from("p1", "three", mentoring.Mentee))
		})
		if e := one(f, func(tx applications.Tx) (*mentoring.Enrollment, error) {
			return pairTx(tx).EnrollmentByCode(f.ctx, "p1", "NS-0001-two")
		}); e.ID != "two" || e.Program != "p1" || e.Role != mentoring.Mentor {
			f.Errorf("by code: %s of %s, %s", e.ID, e.Program, e.Role)
		}
		f.missing("ENROLLMENT_NOT_FOUND", func(tx applications.Tx) error {
			_, err := pairTx(tx).EnrollmentByCode(f.ctx, "p2", "NS-0001-two")
			return err
		})
		list := one(f, func(tx applications.Tx) ([]*mentoring.Enrollment, error) {
			return pairTx(tx).EnrollmentsFrom(f.ctx, mentoring.Origin{Program: "p7", Application: "a1"})
		})
		if len(list) != 3 {
			f.Errorf("%d enrollments come from it", len(list))
		}
		if none := one(f, func(tx applications.Tx) ([]*mentoring.Enrollment, error) {
			return pairTx(tx).EnrollmentsFrom(f.ctx, mentoring.Origin{})
		}); len(none) != 0 {
			f.Errorf("%d come from nowhere", len(none))
		}
		// What is left of one has no origin, and no link.
		left := &mentoring.Enrollment{Program: "p1", ID: "one", Code: list[0].Code, Role: mentoring.Mentee, State: mentoring.Erased, Revision: 1, CreateTime: start}
		f.do(func(tx applications.Tx) error { return pairTx(tx).EraseEnrollment(f.ctx, left) })
		f.do(func(tx applications.Tx) error {
			return pairTx(tx).InsertEnrollment(f.ctx, from("p1", "three", mentoring.Mentee))
		})
	}},
	{"places are counted by condition", func(f *fixture) {
		mentoringOf(f, "p1")
		places := func() mentoring.Places {
			return one(f, func(tx applications.Tx) (mentoring.Places, error) { return pairTx(tx).Places(f.ctx, "p1", "mentor") })
		}
		do := func(fn func(tx mentoring.Tx) error) {
			f.Helper()
			f.do(func(tx applications.Tx) error { return fn(pairTx(tx)) })
		}
		propose := func(beyond bool) func(mentoring.Tx) error {
			return func(tx mentoring.Tx) error { return tx.ProposePlace(f.ctx, "p1", "mentor", beyond) }
		}
		take := func(tx mentoring.Tx) error { return tx.TakePlace(f.ctx, "p1", "mentor") }
		do(propose(false))
		do(propose(false))
		f.refused(applications.FailedPrecondition, "PLACES_FULL", func(tx applications.Tx) error { return propose(false)(pairTx(tx)) })
		do(propose(true))
		do(take)
		do(take)
		f.refused(applications.FailedPrecondition, "PLACES_TAKEN", func(tx applications.Tx) error { return take(pairTx(tx)) })
		if got := places(); got != (mentoring.Places{Total: 2, Proposed: 3, Taken: 2}) {
			f.Fatalf("%+v", got)
		}
		do(func(tx mentoring.Tx) error { return tx.FreePlace(f.ctx, "p1", "mentor", true) })
		do(func(tx mentoring.Tx) error { return tx.FreePlace(f.ctx, "p1", "mentor", false) })
		// Fewer places than are taken: nobody loses theirs.
		do(func(tx mentoring.Tx) error {
			e, err := tx.Enrollment(f.ctx, "p1", "mentor")
			if err != nil {
				return err
			}
			e.Seats = 0
			return tx.UpdateEnrollment(f.ctx, e)
		})
		if got := places(); got != (mentoring.Places{Total: 0, Proposed: 1, Taken: 1}) {
			f.Fatalf("%+v", got)
		}
		all := one(f, func(tx applications.Tx) (map[string]mentoring.Places, error) {
			return pairTx(tx).AllPlaces(f.ctx, "p1")
		})
		if len(all) != 2 || all["mentor"] != places() {
			f.Errorf("%+v", all)
		}
		f.wantInternal(f.Update(f.ctx, func(tx applications.Tx) error { return pairTx(tx).FreePlace(f.ctx, "p1", "mentee", false) }))
	}},
	{"many proposals and places at once", func(f *fixture) {
		mentoringOf(f, "p1")
		const many = 253 // more than one statement takes, and not a round number of them
		var list []*mentoring.Proposal
		var sides []string
		do := func(fn func(tx mentoring.Tx) error) {
			f.Helper()
			f.do(func(tx applications.Tx) error { return fn(pairTx(tx)) })
		}
		do(func(tx mentoring.Tx) error {
			list, sides = nil, nil
			for i := range many {
				mentee, mentor := fmt.Sprint("mentee", i), fmt.Sprint("mentor", i/2)
				if err := tx.InsertEnrollment(f.ctx, exampleEnrollment("p1", mentee, mentoring.Mentee)); err != nil {
					return err
				}
				if i%2 == 0 {
					if err := tx.InsertEnrollment(f.ctx, exampleEnrollment("p1", mentor, mentoring.Mentor)); err != nil {
						return err
					}
				}
				list = append(list, exampleProposal("p1", fmt.Sprint("q", i), mentee, mentor))
				sides = append(sides, mentee, mentor)
			}
			if err := tx.InsertProposals(f.ctx, list); err != nil {
				return err
			}
			return tx.ProposePlaces(f.ctx, "p1", sides)
		})
		for _, p := range list {
			stored := one(f, func(tx applications.Tx) (*mentoring.Proposal, error) { return pairTx(tx).Proposal(f.ctx, "p1", p.ID) })
			if equal(f, stored, p); p.Revision != 1 {
				f.Fatalf("revision %d", p.Revision)
			}
		}
		all := one(f, func(tx applications.Tx) (map[string]mentoring.Places, error) {
			return pairTx(tx).AllPlaces(f.ctx, "p1")
		})
		for i := range many {
			want := 2
			if i == many-1 {
				want = 1
			}
			if all[fmt.Sprint("mentee", i)].Proposed != 1 || all[fmt.Sprint("mentor", i/2)].Proposed != want {
				f.Fatalf("%d: %+v, %+v", i, all[fmt.Sprint("mentee", i)], all[fmt.Sprint("mentor", i/2)])
			}
		}
		// All or nothing, as what is refused ends the transaction.
		f.refused(applications.FailedPrecondition, "PLACES_FULL", func(tx applications.Tx) error {
			return pairTx(tx).ProposePlaces(f.ctx, "p1", []string{"mentee", "mentor0", "mentor"})
		})
		for _, clash := range []int{0, many - 1} {
			f.refused(applications.AlreadyExists, "PROPOSAL_OPEN", func(tx applications.Tx) error {
				var others []*mentoring.Proposal
				for i := range many {
					mentor := "mentor"
					if i == clash {
						mentor = fmt.Sprint("mentor", i/2)
					}
					others = append(others, exampleProposal("p1", fmt.Sprint("r", i), fmt.Sprint("mentee", i), mentor))
				}
				return pairTx(tx).InsertProposals(f.ctx, others)
			})
		}
	}},
	{"one run is published after another", func(f *fixture) {
		mentoringOf(f, "p1", "p2")
		publish := func(base, id string) func(tx applications.Tx) error {
			return func(tx applications.Tx) error { return pairTx(tx).Publish(f.ctx, "p1", base, id) }
		}
		f.do(publish("", "a"))
		f.refused(applications.FailedPrecondition, "MATCHING_OVERTAKEN", publish("", "b"))
		f.do(publish("a", "b"))
		f.refused(applications.FailedPrecondition, "MATCHING_OVERTAKEN", publish("a", "c"))
		for program, want := range map[string]string{"p1": "b", "p2": ""} {
			if got := one(f, func(tx applications.Tx) (string, error) { return pairTx(tx).Published(f.ctx, program) }); got != want {
				f.Errorf("%s: %q is published", program, got)
			}
		}
	}},
	{"one directive in force, one open proposal and one live mentorship for a pair", func(f *fixture) {
		mentoringOf(f, "p1")
		f.refused(applications.AlreadyExists, "DIRECTIVE_IN_FORCE", func(tx applications.Tx) error {
			return pairTx(tx).InsertDirective(f.ctx, exampleDirective("p1", "x", "mentee", "mentor"))
		})
		f.refused(applications.AlreadyExists, "PROPOSAL_OPEN", func(tx applications.Tx) error {
			return pairTx(tx).InsertProposal(f.ctx, exampleProposal("p1", "x", "mentee", "mentor"))
		})
		f.refused(applications.AlreadyExists, "MENTORSHIP_LIVE", func(tx applications.Tx) error {
			return pairTx(tx).InsertMentorship(f.ctx, exampleMentorship("p1", "x", "mentee", "mentor"))
		})
		var p *mentoring.Proposal
		var m *mentoring.Mentorship
		f.do(func(tx applications.Tx) (err error) {
			t := pairTx(tx)
			d, err := t.Directive(f.ctx, "p1", "directive")
			if err != nil {
				return err
			}
			d.LiftTime = start
			if err := t.UpdateDirective(f.ctx, d); err != nil {
				return err
			}
			if p, err = t.Proposal(f.ctx, "p1", "proposal"); err != nil {
				return err
			}
			p.State = mentoring.Declined
			if err := t.UpdateProposal(f.ctx, p); err != nil {
				return err
			}
			if m, err = t.Mentorship(f.ctx, "p1", "mentorship"); err != nil {
				return err
			}
			m.State = mentoring.EndedEarly
			return t.UpdateMentorship(f.ctx, m)
		})
		p.State, m.State = mentoring.Sent, mentoring.Active
		f.refused(applications.FailedPrecondition, "PROPOSAL_CLOSED", func(tx applications.Tx) error { return pairTx(tx).UpdateProposal(f.ctx, p) })
		f.refused(applications.FailedPrecondition, "MENTORSHIP_OVER", func(tx applications.Tx) error { return pairTx(tx).UpdateMentorship(f.ctx, m) })
		f.do(func(tx applications.Tx) error {
			for _, err := range []error{
				pairTx(tx).InsertDirective(f.ctx, exampleDirective("p1", "x", "mentee", "mentor")),
				pairTx(tx).InsertProposal(f.ctx, exampleProposal("p1", "x", "mentee", "mentor")),
				pairTx(tx).InsertMentorship(f.ctx, exampleMentorship("p1", "x", "mentee", "mentor")),
			} {
				if err != nil {
					return err
				}
			}
			return nil
		})
		in := func(inForce bool) int {
			return len(one(f, func(tx applications.Tx) ([]*mentoring.Directive, error) {
				return pairTx(tx).Directives(f.ctx, mentoring.DirectiveQuery{Program: "p1", InForce: inForce})
			}))
		}
		if in(false) != 2 || in(true) != 1 {
			f.Errorf("%d directives, %d in force", in(false), in(true))
		}
	}},
	{"lists by side, state and page", func(f *fixture) {
		mentoringOf(f, "p1", "p2")
		f.do(func(tx applications.Tx) error {
			for i := range 6 {
				id := fmt.Sprint("m", i)
				e := exampleEnrollment("p1", id, mentoring.Mentee)
				if i%2 == 1 {
					e.State = mentoring.Paused
				}
				p := exampleProposal("p1", fmt.Sprint("q", i), id, "mentor")
				r := exampleMentorship("p1", fmt.Sprint("r", i), id, "mentor")
				if i%2 == 1 {
					p.State, r.State = mentoring.Expired, mentoring.Completed
				}
				for _, err := range []error{pairTx(tx).InsertEnrollment(f.ctx, e), pairTx(tx).InsertProposal(f.ctx, p), pairTx(tx).InsertMentorship(f.ctx, r)} {
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
		enrollments := func(q mentoring.EnrollmentQuery) (ids []string) {
			for _, e := range one(f, func(tx applications.Tx) ([]*mentoring.Enrollment, error) { return pairTx(tx).Enrollments(f.ctx, q) }) {
				ids = append(ids, e.ID)
			}
			return ids
		}
		proposals := func(q mentoring.ProposalQuery) (ids []string) {
			for _, p := range one(f, func(tx applications.Tx) ([]*mentoring.Proposal, error) { return pairTx(tx).Proposals(f.ctx, q) }) {
				ids = append(ids, p.ID)
			}
			return ids
		}
		mentorships := func(q mentoring.MentorshipQuery) (ids []string) {
			for _, m := range one(f, func(tx applications.Tx) ([]*mentoring.Mentorship, error) { return pairTx(tx).Mentorships(f.ctx, q) }) {
				ids = append(ids, m.ID)
			}
			return ids
		}
		for _, c := range []struct{ got, want []string }{
			{enrollments(mentoring.EnrollmentQuery{Program: "p1", Role: mentoring.Mentor}), []string{"mentor"}},
			{enrollments(mentoring.EnrollmentQuery{Program: "p1", Role: mentoring.Mentee, AfterID: "m1", Limit: 2}), []string{"m2", "m3"}},
			{enrollments(mentoring.EnrollmentQuery{Program: "p1", Descending: true, Limit: 3}), []string{"mentor", "mentee", "m5"}},
			{enrollments(mentoring.EnrollmentQuery{Program: "p1", States: []mentoring.EnrollmentState{mentoring.Paused}}), []string{"m1", "m3", "m5"}},
			{proposals(mentoring.ProposalQuery{Program: "p1", Enrollment: "m2"}), []string{"q2"}},
			{proposals(mentoring.ProposalQuery{Program: "p1", Enrollment: "mentor", States: []mentoring.ProposalState{mentoring.Expired}}), []string{"q1", "q3", "q5"}},
			{proposals(mentoring.ProposalQuery{Program: "p1", Descending: true, AfterID: "q4", Limit: 2}), []string{"q3", "q2"}},
			{proposals(mentoring.ProposalQuery{Program: "p9"}), nil},
			{mentorships(mentoring.MentorshipQuery{Program: "p1", Enrollment: "mentor", States: []mentoring.MentorshipState{mentoring.Active}}), []string{"mentorship", "r0", "r2", "r4"}},
			{mentorships(mentoring.MentorshipQuery{Program: "p1", AfterID: "r3"}), []string{"r4", "r5"}},
		} {
			if !slices.Equal(c.got, c.want) {
				f.Errorf("%v, want %v", c.got, c.want)
			}
		}
		due := one(f, func(tx applications.Tx) ([]mentoring.Key, error) {
			return pairTx(tx).DueProposals(f.ctx, start.Add(time.Hour), 3)
		})
		if len(due) != 3 || due[0] != (mentoring.Key{Program: "p1", ID: "proposal"}) {
			f.Errorf("due: %v", due)
		}
		if due := one(f, func(tx applications.Tx) ([]mentoring.Key, error) { return pairTx(tx).DueProposals(f.ctx, start, 0) }); len(due) != 0 {
			f.Errorf("due too early: %v", due)
		}
	}},
	{"a run is claimed by one, renewed by it, and taken over after its lease", func(f *fixture) {
		mentoringOf(f, "p1")
		claim := func(owner string, now time.Time) (m *mentoring.Matching) {
			f.do(func(tx applications.Tx) (err error) {
				m, err = pairTx(tx).ClaimMatching(f.ctx, owner, now, now.Add(time.Minute))
				return err
			})
			return m
		}
		m := claim("a", start)
		if m == nil || m.State != mentoring.Solving || m.Attempt != 1 || m.Owner != "a" || string(m.Record) != canary {
			f.Fatalf("%+v", m)
		}
		if other := claim("b", start); other != nil {
			f.Fatalf("claimed twice: %+v", other)
		}
		renew := func(owner string, until time.Time) func(tx applications.Tx) error {
			return func(tx applications.Tx) error {
				_, err := pairTx(tx).RenewMatching(f.ctx, "p1", "matching", owner, until)
				return err
			}
		}
		f.do(renew("a", start.Add(2*time.Minute)))
		f.refused(applications.FailedPrecondition, "LEASE_LOST", renew("b", start.Add(time.Hour)))
		// An update by the owner does not shorten what it renewed.
		f.do(func(tx applications.Tx) error { return pairTx(tx).UpdateMatching(f.ctx, m) })
		if other := claim("b", start.Add(90*time.Second)); other != nil {
			f.Fatalf("claimed under a lease: %+v", other)
		}
		if m = claim("b", start.Add(3*time.Minute)); m == nil || m.Attempt != 2 {
			f.Fatalf("%+v", m)
		}
		f.refused(applications.FailedPrecondition, "LEASE_LOST", renew("a", start.Add(time.Hour)))
		heads := one(f, func(tx applications.Tx) ([]*mentoring.Matching, error) {
			return pairTx(tx).MatchingHeads(f.ctx, "p1", "", 0)
		})
		if len(heads) != 1 || heads[0].Frozen != nil || heads[0].Record != nil || heads[0].Seed != m.Seed {
			f.Errorf("%+v", heads)
		}
	}},
	{"a link opens once, in its time", func(f *fixture) {
		mentoringOf(f, "p1")
		use := func(hash []byte, now time.Time) func(tx applications.Tx) error {
			return func(tx applications.Tx) error {
				l, err := pairTx(tx).UseEnrollmentLink(f.ctx, hash, now)
				if err == nil && (l.Program != "p1" || l.Enrollment != "mentee" || l.Generation != 1) {
					f.Errorf("%+v", l)
				}
				return err
			}
		}
		hash := digest("enrollment link", "p1")
		f.refused(applications.NotFound, "LINK_NOT_FOUND", use(hash, start.Add(time.Hour)))
		f.do(use(hash, start))
		f.refused(applications.NotFound, "LINK_NOT_FOUND", use(hash, start))
	}},
	{"a program that is deleted takes all of it, and nothing else", func(f *fixture) {
		mentoringOf(f, "p1", "p2")
		f.do(func(tx applications.Tx) error { return tx.DeleteProgram(f.ctx, "p1") })
		for _, program := range []string{"p1", "p2"} {
			t := func(fn func(tx mentoring.Tx) error) {
				f.Helper()
				err := f.View(f.ctx, func(tx applications.Tx) error { return fn(pairTx(tx)) })
				if (err == nil) != (program == "p2") || err != nil && applications.CodeOf(err) != applications.NotFound {
					f.Errorf("%s: %v", program, err)
				}
			}
			t(func(tx mentoring.Tx) error { _, err := tx.Plan(f.ctx, program); return err })
			t(func(tx mentoring.Tx) error { _, err := tx.Enrollment(f.ctx, program, "mentor"); return err })
			t(func(tx mentoring.Tx) error { _, err := tx.Places(f.ctx, program, "mentor"); return err })
			t(func(tx mentoring.Tx) error { _, err := tx.Directive(f.ctx, program, "directive"); return err })
			t(func(tx mentoring.Tx) error { _, err := tx.Matching(f.ctx, program, "matching"); return err })
			t(func(tx mentoring.Tx) error { _, err := tx.Proposal(f.ctx, program, "proposal"); return err })
			t(func(tx mentoring.Tx) error { _, err := tx.Mentorship(f.ctx, program, "mentorship"); return err })
		}
		f.refused(applications.NotFound, "LINK_NOT_FOUND", func(tx applications.Tx) error {
			_, err := pairTx(tx).UseEnrollmentLink(f.ctx, digest("enrollment link", "p1"), start)
			return err
		})
	}},
}
