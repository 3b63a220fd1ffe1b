package applications

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// CriteriaVerdict is the engine's verdict, with counts and codes but no names.
type CriteriaVerdict struct {
	Verdict  *selection.Verdict
	PoolSize int
	Criteria *Criteria
	Resolved matcher.Criteria
	Form     *Form
	// Rules are the counts of the witness, or of the closest cohort when the
	// rules cannot be kept, with the labels of the form.
	Rules []ResultRule
	// Details are how tight each rule is, whether decliners can be seated, and why
	// it is impossible with every way out; nil unless they were asked for. Rows in
	// them that are not among Rules are withheld.
	Details *selection.Details
	// TradeOff is what more allowed deviation would do for the chances; nil unless
	// it was asked for and the criteria can be kept.
	TradeOff []selection.TradeOffPoint
}

// CheckCriteria says whether criteria (unsaved ones, or a version) can be kept
// by the program's present pool: whoever is in the pool, or, while the call is
// open, has submitted and is eligible. A check on identity attributes counts
// people by them, one named person too: it needs IdentityRead as well, and is
// recorded.
func (s *Service) CheckCriteria(ctx context.Context, who access.Principal, c *Criteria) (*CriteriaVerdict, error) {
	return s.checkCriteria(ctx, who, c, false, false)
}

// ExamineCriteria is CheckCriteria with Details, which take longer.
func (s *Service) ExamineCriteria(ctx context.Context, who access.Principal, c *Criteria) (*CriteriaVerdict, error) {
	return s.checkCriteria(ctx, who, c, true, false)
}

// WeighCriteria is CheckCriteria with TradeOff, and with Details if they are asked
// for. It needs IdentityRead whatever the criteria look at: a chance of one in two
// is a group of two. Each point has weighWork, and all of them weighTime: what
// there was no time for is left out.
func (s *Service) WeighCriteria(ctx context.Context, who access.Principal, c *Criteria, details bool) (*CriteriaVerdict, error) {
	if err := calls.Need(who, access.IdentityRead, c.Program); err != nil {
		return nil, err
	}
	return s.checkCriteria(ctx, who, c, details, true)
}

func (s *Service) checkCriteria(ctx context.Context, who access.Principal, c *Criteria, details, weigh bool) (*CriteriaVerdict, error) {
	if err := calls.Need(who, access.CriteriaWrite, c.Program); err != nil {
		return nil, err
	}
	var people []matcher.Person
	var form *Form
	err := s.Store.View(ctx, func(tx Tx) error {
		p, f, err := programAndForm(ctx, tx, c.Program)
		if err != nil {
			return err
		}
		form = f
		if len(c.Rules) == 0 && c.Version > 0 {
			if c, err = tx.Criteria(ctx, c.Program, c.Version); err != nil {
				return err
			}
		} else if c, err = s.criteriaFor(p, form, c); err != nil {
			return err
		}
		if err := mayCountBy(who, c, form); err != nil {
			return err
		}
		pool, err := s.presentPool(ctx, tx, p, form)
		people = poolOf(form, c, pool)
		return err
	})
	if err != nil {
		return nil, err
	}
	if counted := c.identityAttributes(form); len(counted) > 0 && s.countedAnew(who, c.Program, counted) {
		err := s.Store.Update(ctx, func(tx Tx) error {
			return tx.AppendEvents(ctx, s.event(who, "identity.count", programName(c.Program)+"/applications", "", "columns="+strings.Join(counted, ",")))
		})
		if err != nil {
			return nil, err
		}
	}
	r := c.resolve(form)
	verdict, err := selection.Check(ctx, people, r.Criteria, selection.Options{Work: checkWork})
	if err != nil {
		return nil, engineError("CRITERIA_INVALID", err)
	}
	counts := verdict.Rules
	if verdict.Infeasibility != nil {
		counts = verdict.Infeasibility.ClosestRules
	}
	answer := &CriteriaVerdict{
		Verdict: verdict, PoolSize: len(people), Criteria: c, Resolved: r.Criteria, Form: form,
		Rules: r.label(form, c, counts),
	}
	if details {
		answer.Details, err = selection.Examine(ctx, people, r.Criteria, verdict, selection.Options{Work: examineWork})
		if err != nil {
			return nil, engineError("CRITERIA_INVALID", err)
		}
	}
	if weigh && verdict.Status == matcher.Feasible {
		if answer.TradeOff, err = tradeOff(ctx, people, r.Criteria, c.MaxChance); err != nil {
			return nil, engineError("CRITERIA_INVALID", err)
		}
	}
	if !who.Can(access.IdentityRead, c.Program) {
		answer.withhold()
	}
	return answer, nil
}

func tradeOff(ctx context.Context, people []matcher.Person, c matcher.Criteria, maxChance int) ([]selection.TradeOffPoint, error) {
	limited, cancel := context.WithTimeout(ctx, weighTime)
	defer cancel()
	o := selection.TradeOffOptions{}
	o.Work, o.Cap = weighWork, float64(maxChance)/1000
	curve, err := selection.TradeOff(limited, people, c, o)
	if err == nil && ctx.Err() != nil { // nobody waits for it any more
		err = ctx.Err()
	}
	return curve, err
}

// counting guards the counts of every Service, which are copied in tests.
var counting sync.Mutex

// countedAnew reports whether a count by these columns is one to record: an
// editor checks at every keystroke, and the log keeps one line in ten minutes
// for each caller and set of columns.
func (s *Service) countedAnew(who access.Principal, program string, columns []string) bool {
	const every = 10 * time.Minute
	key := who.Subject + "\x00" + program + "\x00" + strings.Join(columns, ",")
	now := s.now()
	counting.Lock()
	defer counting.Unlock()
	if last, ok := s.counts[key]; ok && now.Sub(last) < every && !now.Before(last) {
		return false
	}
	if s.counts == nil || len(s.counts) > 10_000 {
		s.counts = map[string]time.Time{}
	}
	s.counts[key] = now
	return true
}

// mayCountBy refuses criteria on identity attributes to who does not read them.
func mayCountBy(who access.Principal, c *Criteria, form *Form) error {
	counted := c.identityAttributes(form)
	if len(counted) == 0 || who.Can(access.IdentityRead, c.Program) {
		return nil
	}
	return Errorf(PermissionDenied, "PERMISSION_MISSING", "a check on %s counts people by who they are: this needs the permission %s, which no role of yours gives here",
		strings.Join(counted, ", "), access.IdentityRead)
}

// checkWork bounds a check, in pivots: it answers a person who waits.
const checkWork = 200_000

// examineWork bounds the details.
const examineWork = 2_000_000

// What a trade-off may take: pivots for each point, and all in all a time that
// leaves the method's minute enough for the check itself.
const (
	weighWork = 200_000
	weighTime = 30 * time.Second
)

// engineError turns what the engine says about its input into violations.
func engineError(reason string, err error) error {
	problems, ok := err.(selection.InputErrors)
	if !ok {
		return err
	}
	var bad []Violation
	for _, p := range problems {
		bad = append(bad, Violation{Field: p.Field, Message: p.Message})
	}
	return Invalid(reason, "the selector cannot work with this", bad...)
}
