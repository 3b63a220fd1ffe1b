package mentoring

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/words"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// SavePlan makes a program's plan (Revision 0) or changes it. Empty fields get
// what is usual: 3 seats, 3 mentors wanted, 10 never, 5 wishes, 14 days.
func (s *Service) SavePlan(ctx context.Context, who access.Principal, plan *Plan, idem Idempotency) (*Plan, error) {
	if err := calls.Need(who, access.MatchingsRun, plan.Program); err != nil {
		return nil, err
	}
	clean, err := cleanPlan(plan)
	if err != nil {
		return nil, err
	}
	return once(ctx, s, who, plan.Program, "SavePlan", idem, func(tx Tx) (*Plan, string, error) {
		p := *clean
		p.UpdateTime = s.now()
		if err := tx.HasProgram(ctx, p.Program); err != nil {
			return nil, "", err
		}
		stored, err := tx.Plan(ctx, p.Program)
		switch {
		case problem.CodeOf(err) == problem.NotFound:
			p.Revision, p.CreateTime = 0, p.UpdateTime
			err = tx.InsertPlan(ctx, &p)
		case err == nil && plan.Revision == 0:
			err = problem.Errorf(problem.AlreadyExists, "PLAN_EXISTS", "this program has a plan already: read it, change it, and send it with its revision")
		case err == nil:
			if err := calls.SameRevision(plan.Revision, stored.Revision); err != nil {
				return nil, "", err
			}
			p.Revision, p.CreateTime = stored.Revision, stored.CreateTime
			err = tx.UpdatePlan(ctx, &p)
		}
		if err != nil {
			return nil, "", err
		}
		detail := fmt.Sprintf("open=%t screening=%t", p.Open, p.Screening)
		return &p, p.Program, tx.AppendEvents(ctx, s.event(who, "mentoring.plan", programName(p.Program), "", detail))
	})
}

// Plan returns a program's plan. Mentors and mentees, and anybody while the
// plan is open, see it without floors and audit.
func (s *Service) Plan(ctx context.Context, who access.Principal, program string) (*Plan, error) {
	var p *Plan
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		p, err = tx.Plan(ctx, program)
		return err
	})
	if err != nil {
		return nil, err
	}
	if isStaff(who, access.MatchingsRead, program) {
		return p, nil
	}
	if !p.Open && !who.Can(access.MatchingsOwn, program) {
		return nil, calls.Need(who, access.MatchingsRead, program)
	}
	p.Floors, p.Audited = nil, nil
	return p, nil
}

func cleanPlan(given *Plan) (*Plan, error) {
	p := *given
	var bad []Violation
	wrong := func(field, format string, args ...any) {
		bad = append(bad, Violation{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	number := func(field string, n *int, usual, most int) {
		if *n == 0 {
			*n = usual
		}
		if *n < 1 || *n > most {
			wrong(field, "from 1 to %d", most)
		}
	}
	number("max_seats", &p.MaxSeats, 3, mostSeats)
	number("max_wanted", &p.MaxWanted, mostWanted, mostWanted)
	number("max_never", &p.MaxNever, 10, mostNever)
	number("max_wishes", &p.MaxWishes, 5, mostWishes)
	if p.AnswerTime == 0 {
		p.AnswerTime = 14 * 24 * time.Hour
	}
	if p.AnswerTime < shortestReply || p.AnswerTime > longestReply {
		wrong("answer_time", "from an hour to 90 days")
	}
	var problemOf string
	if p.Contact, problemOf = words.Clean(p.Contact, true, 500); problemOf != "" {
		wrong("contact", "%s", problemOf)
	} else if p.Contact == "" {
		wrong("contact", "name the person whom mentors and mentees can turn to, and how to reach them")
	}
	if len(p.Rules) > mostRules {
		wrong("rules", "at most %d KiB", mostRules>>10)
	} else if _, err := p.ScoringRules(); err != nil {
		wrong("rules", "%s", err)
	}
	if len(p.Objectives) > 0 {
		if _, err := pairing.ParseObjective(strings.Join(p.Objectives, ",")); err != nil {
			wrong("objectives", "%s", err)
		}
	}
	if len(p.Audited) > mostAudited {
		wrong("audited", "at most %d columns", mostAudited)
	}
	for i, column := range p.Audited {
		if !staffRead(column) {
			wrong(fmt.Sprintf("audited[%d]", i), "a column that staff read")
		}
	}
	if f := p.Floors; f != nil {
		if f.Attribute == "" || len(f.Min) == 0 {
			wrong("floors", "name the attribute, and how many at least for each of its values")
		} else if !staffRead(f.Attribute) {
			wrong("floors.attribute", "a column that staff read")
		}
		keys := map[string]bool{}
		for _, value := range slices.Sorted(maps.Keys(f.Min)) {
			key := groupValueOf(f.Attribute, value).key
			switch {
			case f.Min[value] < 0 || key == "":
				wrong("floors", "a value and a number that is not negative")
			case keys[key]:
				wrong("floors", "%.40q is a value that is named already: one floor for each", value)
			}
			keys[key] = true
		}
	}
	if len(bad) > 0 {
		return nil, problem.Invalid("PLAN_INVALID", "the plan cannot be kept like this", bad...)
	}
	p.Objectives, p.Audited = slices.Clone(p.Objectives), slices.Clone(p.Audited)
	return &p, nil
}

// staffRead reports whether staff read a column of profiles: what a run says
// about groups of people, staff read, too.
func staffRead(column string) bool {
	return column != "" && !slices.Contains(privateCells, column) && !slices.Contains(ownFields, column)
}

// ScoringRules reads the rules of a plan: those that ship where it has none, as
// where there is no plan yet.
func (p *Plan) ScoringRules() (*scoring.Rules, error) {
	if p == nil || strings.TrimSpace(p.Rules) == "" {
		return scoring.DefaultRules(), nil
	}
	return scoring.ReadRules("rules", strings.NewReader(p.Rules))
}

var shippedTravel = sync.OnceValue(scoring.ShippedTravel)
