package selection

import (
	"context"
	"errors"
	"maps"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/lottery"
)

// TradeOffOptions of one TradeOff.
type TradeOffOptions struct {
	// LotteryOptions hold for each point; Work is the limit of one point, and
	// Method is of no account: the curve is about the smallest chance.
	LotteryOptions
	// Extra lists the points: by priority, what is allowed above what the criteria
	// allow already. Nil: nothing, then 1, 2 and 3 for each priority that has
	// rules, by itself.
	Extra []map[int]int64
	// Found, if not nil, is told of each point as soon as it is known.
	Found func(TradeOffPoint)
}

// TradeOffPoint is what allowing more deviation does for the chances.
type TradeOffPoint struct {
	// Extra is by priority the deviation allowed above that of the criteria.
	Extra map[int]int64
	// Outcome has the status, the size and the least deviations.
	Outcome *matcher.Outcome
	// Allowed is by priority what a cohort may deviate: the least deviation and
	// everything that is allowed above it. Empty where no lottery was found.
	Allowed map[int]int64
	// Smallest is the smallest chance of those who can be in, and Bound is proved
	// for it. Impossible is how many people are proved to be in no cohort; it is
	// −1 where that was not decided.
	Smallest, Bound float64
	Impossible      int
	// People are those of the pool who are not excluded; 0 where no lottery was
	// found.
	People   int
	Proved   bool
	Complete bool
	// OverCap: no lottery keeps the cap with that much allowed, so that there are
	// no chances to tell.
	OverCap bool
}

// TradeOff computes the curve "extra deviation allowed ↔ smallest chance":
// insisting on the least deviation can make some people certain and others
// impossible, and every point says how much allowing more would change. Nothing
// is chosen by it. Errors are those of FindLottery, but a cap that no lottery
// keeps is told in its point. Company rules give way at each point as they would
// in a lottery there (GiveWay). A context that ends leaves out the points after the
// one it ended.
func TradeOff(ctx context.Context, people []matcher.Person, c matcher.Criteria, o TradeOffOptions) ([]TradeOffPoint, error) {
	if o.Extra == nil {
		o.Extra = EachPriority(c)
	}
	var curve []TradeOffPoint
	for _, extra := range o.Extra {
		p, err := tradeOffPoint(ctx, people, c, o, extra)
		if err != nil {
			return curve, err
		}
		curve = append(curve, p)
		if o.Found != nil {
			o.Found(p)
		}
		if !p.Complete || p.Outcome.Status == matcher.Infeasible {
			break
		}
	}
	return curve, nil
}

// EachPriority lists the points of the curve that is drawn unless another one is
// asked for.
func EachPriority(c matcher.Criteria) []map[int]int64 {
	const most = 3
	points := []map[int]int64{nil}
	for g := 1; g <= matcher.MaxPriority; g++ {
		for _, r := range c.Rules {
			if r.Priority == g {
				for extra := range int64(most) {
					points = append(points, map[int]int64{g: extra + 1})
				}
				break
			}
		}
	}
	return points
}

func tradeOffPoint(ctx context.Context, people []matcher.Person, c matcher.Criteria, o TradeOffOptions, extra map[int]int64) (TradeOffPoint, error) {
	allow := maps.Clone(c.Allow)
	if allow == nil {
		allow = map[int]int64{}
	}
	for g, v := range extra {
		allow[g] += v
	}
	c.Allow = allow
	options := o.LotteryOptions
	options.Method, options.Explain = lottery.Maximin, false
	yields, err := GiveWay(ctx, people, c, options.Options)
	if err != nil {
		if ctx.Err() != nil {
			return TradeOffPoint{Extra: maps.Clone(extra), Outcome: &matcher.Outcome{Status: matcher.Undecided}, Impossible: -1}, nil
		}
		return TradeOffPoint{}, err
	}
	c = Yielded(c, yields)
	l, err := FindLottery(ctx, people, c, options)
	var input InputErrors
	if errors.As(err, &input) && len(input) == 1 && input[0].Field == fieldCap {
		return TradeOffPoint{Extra: maps.Clone(extra), Outcome: &matcher.Outcome{Status: matcher.Optimal}, Impossible: -1, Complete: true, OverCap: true}, nil
	}
	if err != nil {
		return TradeOffPoint{}, err
	}
	p := TradeOffPoint{
		Extra: maps.Clone(extra), Outcome: l.Outcome, Allowed: map[int]int64{},
		Smallest: l.Smallest, Bound: l.Bound, Impossible: -1, Proved: l.Proved, Complete: l.Complete,
	}
	for _, t := range l.Types {
		for _, block := range t.Blocks {
			p.People += len(block)
		}
	}
	if l.Outcome.Status != matcher.Optimal {
		return p, nil // the least deviations are not proved
	}
	for _, d := range l.Outcome.Deviation {
		p.Allowed[d.Priority] = d.Value + c.Allow[d.Priority]
	}
	if l.Proved {
		p.Impossible = len(l.Impossible)
	}
	return p, nil
}
