package pairing

import (
	"fmt"
	"math/bits"
)

// Kind is what a tier counts.
type Kind uint8

// The kinds. Values are such that larger is better.
const (
	KindFloors  Kind = iota + 1 // Σ over groups of min(mentees covered, floor)
	KindWaiting                 // mentees covered of those who were left over
	KindCover                   // mentees with at least Number mentors
	KindBelow                   // minus the mentees covered whose best pair is below Number
	KindBand                    // minus the pairs with a score of at most Number
	KindTotal                   // sum of scores, and of the stickiness of standing pairs
	KindEven                    // minus the cost of uneven loads
	KindLottery                 // sum of the lots
)

var kindNames = [...]string{KindFloors: "floors", KindWaiting: "waiting", KindCover: "cover", KindBelow: "below", KindBand: "band", KindTotal: "total", KindEven: "even", KindLottery: "lottery"}

func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// Tier is one level of the objective: anything in it counts before everything in
// the next one. Terms become one tier each, bands four.
type Tier struct {
	Kind   Kind
	Number int // rank of a cover, threshold of a below, upper end of a band
}

// EvenScale is what the costs of uneven loads are multiples of a share of.
const EvenScale = 5040

// evenCost is what the l-th mentee of a mentor costs: the step of load², shared
// out over the seats and rounded down. It does not fall from one l to the next.
func evenCost(l, seats int) int64 { return EvenScale * int64(2*l-1) / int64(seats) }

// tier is a Tier with its field in the int64 of its stage.
type tier struct {
	Tier
	stage int
	at    int // lowest bit
	bits  int
}

// stageBits is how many bits a stage may fill, and widest how many a single tier
// may have that stands alone: sums of three prices stay below 2^62.
const (
	stageBits = 60
	widest    = 61
)

// pack gives tiers their fields. The sums that a way through the network makes of
// one tier stay, in absolute value, below a quarter of its field, so that the
// order of the packed sums is that of the tuples; proof.go checks the prices.
// Tie-breaks open stages of their own: they are decided on far fewer pairs.
func (in *instance) pack(list []Tier, stageBits int) []tier {
	tiers := make([]tier, len(list))
	stage, used := 0, 0
	n := in.smaller()
	for k, t := range list {
		width := 0
		switch t.Kind {
		case KindFloors, KindWaiting, KindCover:
			width = 4
			if len(in.groups) > 0 {
				width += bits.Len(uint(2 * len(in.groups)))
			}
		case KindBelow:
			width = bits.Len(uint(2*n)) + 3
		case KindBand:
			width = bits.Len(uint(n)) + 3
		case KindTotal:
			width = bits.Len(uint((MaxScore+in.problem.Stickiness)*n)) + 3
		case KindEven:
			width = bits.Len(2*EvenScale) + 3
		case KindLottery:
			width = min(lotteryBits+bits.Len(uint(n))+3, widest)
		}
		tieBreak := t.Kind == KindEven || t.Kind == KindLottery
		if k > 0 && (used+width > stageBits || tieBreak) {
			stage, used = stage+1, 0
		}
		used += width
		tiers[k] = tier{Tier: t, stage: stage, bits: width}
	}
	for k := len(tiers) - 1; k >= 0; k-- {
		if next := k + 1; next < len(tiers) && tiers[next].stage == tiers[k].stage {
			tiers[k].at = tiers[next].at + tiers[next].bits
		}
	}
	return tiers
}

// table holds the packed value of a pair by code + 1.
type table [codes]int64

// values are the packed values of one stage.
type values struct {
	// pairs of mentees for whom no below tier counts pairs [0], and of those with
	// one mentor to find, for whom a good pair earns it back [1].
	pairs   [2]table
	lottery bool
	good    int64 // what the first good pair of a split mentee earns

	tiers      []tier // of this stage
	stickiness int64
}

func newValues(tiers []tier, stage int, stickiness int) *values {
	v := &values{stickiness: int64(stickiness)}
	for _, t := range tiers {
		if t.stage != stage {
			continue
		}
		v.tiers = append(v.tiers, t)
		switch t.Kind {
		case KindLottery:
			v.lottery = true
		case KindBelow:
			v.good += 1 << t.at
		}
		for c := range int16(codes - 1) {
			score, x := int(scoreOf(c)), int64(0)
			switch {
			case t.Kind == KindTotal:
				x = int64(score)
				if c >= standingFrom {
					x += v.stickiness
				}
			case t.Kind == KindBand && score <= t.Number:
				x = -1
			}
			v.pairs[0][c+1] += x << t.at
			if t.Kind == KindBelow && score >= t.Number {
				x = 1
			}
			v.pairs[1][c+1] += x << t.at
		}
	}
	v.pairs[0][0], v.pairs[1][0] = -unreachable, -unreachable
	return v
}

// unit is what the rank-th mentor of a mentee gains.
func (v *values) unit(m *Mentee, rank int) (gain int64) {
	for _, t := range v.tiers {
		switch {
		case t.Kind == KindCover && t.Number == rank, t.Kind == KindWaiting && m.Waiting && rank == 1:
			gain += 1 << t.at
		case t.Kind == KindBelow && rank == 1:
			gain -= 1 << t.at
		}
	}
	return gain
}

// group is what the k-th covered mentee of a group gains, of those who have no
// locked mentor.
func (v *values) group(g *group, k int) int64 {
	for _, t := range v.tiers {
		if t.Kind == KindFloors && g.covered+k <= g.floor {
			return 1 << t.at
		}
	}
	return 0
}

// seat is what the l-th mentee of a mentor costs.
func (v *values) seat(l, seats int) int64 {
	for _, t := range v.tiers {
		if t.Kind == KindEven {
			return evenCost(l, seats) << t.at
		}
	}
	return 0
}

func (v *values) pair(in *instance, class uint8, j, i int32, code int16) int64 {
	x := v.pairs[class][code+1]
	if v.lottery {
		x += in.lot(j, i)
	}
	return x
}
