package pairing

import (
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// RecordBound is what WhyNotBound says of a pair, with nothing but a record and
// the pair's score: no search, and no scores of other pairs. The lottery, by which
// nobody is served better, is not among the tiers. It is nil where nothing is
// known: of a record without proof, of somebody who is not in it, and of a pair
// that is matched, is forbidden, is not eligible, or has no place that is not
// locked. The record is taken to be sound, as `fairlead verify` finds it.
func RecordBound(m *matcher.Matching, pair Pair, score int) []Value {
	in, prices := &m.Input, &m.Certificate.Best
	j, i := -1, -1
	for k := range in.Mentees {
		if in.Mentees[k].ID == pair.Mentee {
			j = k
		}
	}
	for k := range in.Mentors {
		if in.Mentors[k].ID == pair.Mentor {
			i = k
		}
	}
	names := [2]string{pair.Mentee, pair.Mentor}
	if m.Status != matcher.Optimal || j < 0 || i < 0 || pair.Mentee == pair.Mentor || score < 0 || score > MaxScore ||
		len(prices.Mentees) != len(in.Mentees) || len(prices.Good) != len(in.Mentees) || len(prices.Mentors) != len(in.Mentors) || slices.Contains(in.Forbidden, names) {
		return nil
	}
	want, seats, lockBest := min(in.Mentees[j].Demand, len(in.Mentors)), in.Mentors[i].Seats, -1
	if in.Mentees[j].Has > 0 {
		lockBest = MaxScore // worst is not about who has a mentor already
	}
	for _, p := range m.Pairs {
		if p.Mentee == pair.Mentee && p.Mentor == pair.Mentor {
			return nil
		}
		if p.Locked && p.Mentee == pair.Mentee {
			want--
			lockBest = max(lockBest, p.Score)
		}
		if p.Locked && p.Mentor == pair.Mentor {
			seats--
		}
	}
	if want <= 0 || seats <= 0 {
		return nil
	}
	var bound []Value
	for k, tier := range m.Values {
		kind := Kind(max(slices.Index(kindNames[:], tier.Kind), 0))
		if kind == KindLottery {
			break // the last
		}
		value := int64(0)
		from := prices.Mentees[j]
		switch kind {
		case KindTotal:
			value = int64(score)
			if slices.Contains(in.Standing, names) {
				value += int64(in.Stickiness)
			}
		case KindBand:
			if score <= tier.Number {
				value = -1
			}
		}
		// A good pair earns back what the mentee's first one loses: of a single place
		// by what it is worth, of several by a place of its own.
		for _, t := range m.Values {
			if t.Kind != kindNames[KindBelow] || score < t.Number || lockBest >= t.Number {
				continue
			}
			if good := prices.Good[j]; len(good) > 0 {
				from = good
			} else if kind == KindBelow {
				value = 1
			}
		}
		if kind == 0 || k >= len(from) || k >= len(prices.Mentors[i]) {
			return nil
		}
		bound = append(bound, Value{Tier{kind, tier.Number}, from[k] + prices.Mentors[i][k] - value})
	}
	// Compared from the first tier on, prices that prove the record gain by no pair.
	for _, v := range bound {
		if v.Value < 0 {
			return nil
		}
		if v.Value > 0 {
			break
		}
	}
	return bound
}
