package pairing

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/bits"
	"slices"
)

// SmallestCell is how many mentees a group must have for its numbers to be
// shown, unless AuditOptions say otherwise.
const SmallestCell = 11

// Grouping sorts the mentees into the groups of one attribute.
type Grouping struct {
	Attribute string
	// Of lists the groups of each mentee, as the mentees are listed in the problem.
	// Somebody may be in several, or in none: then they did not say.
	Of [][]string
}

// AuditOptions of one AuditEquity.
type AuditOptions struct {
	// Smallest is how many mentees a group must have for its numbers to be shown;
	// 0: SmallestCell. 1 shows every number, to people who may see each mentee.
	Smallest int
	// Rules, if not nil, are asked what causes a gap.
	Rules *HardRules
}

// EquityAudit compares how groups of mentees were served. It holds no number of
// a group that is too small, and none from which such a number could be
// computed, so that it may be stored and shown as it is.
type EquityAudit struct {
	Smallest   int
	All        GroupAudit // everybody who wants a mentor
	Attributes []AttributeAudit
}

// AttributeAudit compares the groups of one attribute.
type AttributeAudit struct {
	Attribute string
	Groups    []GroupAudit // by name; the name "" are those who did not say
}

// GroupAudit is how one group was served. Numbers are over all of its mentees
// who want a mentor: somebody without one counts with score 0, because a mean
// over those who have one would hide who was left out.
type GroupAudit struct {
	Name string
	// Suppressed groups are too small to show safely, or would give such a one
	// away: all numbers are 0.
	Suppressed bool
	Mentees    int
	Covered    int   // with at least one mentor, of this matching or before it
	Score      int64 // Σ of the score of the mentee's best pair, likewise
	// Regret is Σ of what the mentee's best pair falls short of the best score they
	// have with anybody who has a seat.
	Regret int64
	// Opportunity is Σ of how many mentors with a seat the mentee is eligible for.
	Opportunity int64
	// CoverageRatio and ScoreRatio compare coverage and mean score with the group
	// of the attribute that is best at it, of those that are shown: thousandths,
	// rounded down.
	CoverageRatio, ScoreRatio int
	// Gap is what holds the group back; nil where it is not behind, or no rule does.
	Gap *Gap
}

// Coverage is the share of the mentees who have a mentor.
func (g *GroupAudit) Coverage() float64 { return mean(int64(g.Covered), g.Mentees) }

// MeanScore is the mean score, unmatched mentees counted as 0.
func (g *GroupAudit) MeanScore() float64 { return mean(g.Score, g.Mentees) }

// MeanRegret is the mean regret.
func (g *GroupAudit) MeanRegret() float64 { return mean(g.Regret, g.Mentees) }

// MeanOpportunity is the mean number of mentors to choose from.
func (g *GroupAudit) MeanOpportunity() float64 { return mean(g.Opportunity, g.Mentees) }

func mean(sum int64, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(sum) / float64(n)
}

// Gap is the hard rule that holds a group back.
type Gap struct {
	Rule string
	// Serves is how many mentees of the group have no mentor and could have one
	// without the rule: each by themself, not all together.
	Serves int
	// Blocked is how many pairs of the group only this rule blocks.
	Blocked int64
}

// Behind is the ratio, in thousandths, below which a group's mean score counts
// as behind: the four fifths rule of U.S. employment law, 29 CFR 1607.4 D.
const Behind = 800

// AuditEquity compares the groups of mentees. Its cost is one pass over the
// scores, and with rules another one for each.
func AuditEquity(ctx context.Context, p *Problem, r *Result, groupings []Grouping, o AuditOptions) (*EquityAudit, error) {
	if o.Smallest == 0 {
		o.Smallest = SmallestCell
	}
	if o.Rules != nil {
		if err := o.Rules.check(); err != nil {
			return nil, err
		}
	}
	for n, g := range groupings {
		if len(g.Of) != len(p.Mentees) {
			return nil, &InputError{"Groupings", n, fmt.Sprintf("%d mentees are grouped by %s, and there are %d", len(g.Of), g.Attribute, len(p.Mentees))}
		}
	}
	b, err := newBoard(p, r)
	if err != nil {
		return nil, err
	}
	served, err := b.served(ctx)
	if err != nil {
		return nil, err
	}
	a := newAudit(b, served, groupings)
	hide(a.sheets, a.everybody, o.Smallest)
	if o.Rules != nil {
		if err := a.explain(ctx, o.Rules); err != nil {
			return nil, err
		}
	}
	return a.shown(o.Smallest), nil
}

// service is how one mentee was served.
type service struct {
	counts      bool // they want a mentor
	covered     bool
	score, best int64
	opportunity int64
}

func (b *board) served(ctx context.Context) ([]service, error) {
	all := make([]service, len(b.mentees))
	for j := range int32(len(all)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := &all[j]
		if b.demand(j) == 0 && len(b.pairs[j]) == 0 {
			continue
		}
		has := b.mentee(j)
		s.counts, s.covered, s.score = true, has.Has > 0 || len(b.pairs[j]) > 0, int64(has.HasScore)
		scores := b.scores(j)
		for _, i := range b.pairs[j] {
			s.score = max(s.score, int64(scores[i]))
		}
		s.best = s.score
		for i, score := range scores {
			if score >= 0 && b.seats(int32(i)) > 0 && !slices.Contains(b.barred[j], int32(i)) {
				s.opportunity++
				s.best = max(s.best, int64(score))
			}
		}
	}
	return all, nil
}

// audit is an EquityAudit in the making.
type audit struct {
	b         *board
	sheets    []*sheet
	everybody *cell
}

// sheet holds the cells of one attribute.
type sheet struct {
	attribute string
	cells     []*cell // by name
}

// cell is one group.
type cell struct {
	GroupAudit
	members []int32 // on the board, ascending
}

func newAudit(b *board, served []service, groupings []Grouping) *audit {
	a := &audit{b: b, everybody: &cell{}}
	for j, s := range served {
		if s.counts {
			a.everybody.add(int32(j), s)
		}
	}
	for _, g := range groupings {
		t := &sheet{attribute: g.Attribute}
		byName := map[string]*cell{}
		for j, s := range served {
			if !s.counts {
				continue
			}
			names := slices.Compact(slices.Sorted(slices.Values(g.Of[b.mentees[j]])))
			if len(names) == 0 {
				names = []string{""}
			}
			for _, name := range names {
				if byName[name] == nil {
					byName[name] = &cell{GroupAudit: GroupAudit{Name: name}}
				}
				byName[name].add(int32(j), s)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(byName)) {
			t.cells = append(t.cells, byName[name])
		}
		a.sheets = append(a.sheets, t)
	}
	return a
}

func (c *cell) add(j int32, s service) {
	c.members = append(c.members, j)
	c.Mentees++
	if s.covered {
		c.Covered++
	}
	c.Score += s.score
	c.Regret += s.best - s.score
	c.Opportunity += s.opportunity
}

// shown leaves out every number of suppressed cells, and compares the others.
func (a *audit) shown(smallest int) *EquityAudit {
	e := &EquityAudit{Smallest: smallest, All: a.everybody.GroupAudit}
	if e.All.Suppressed {
		e.All = GroupAudit{Suppressed: true}
	} else {
		e.All.CoverageRatio, e.All.ScoreRatio = 1000, 1000
	}
	for _, t := range a.sheets {
		t.compare()
		shown := AttributeAudit{Attribute: t.attribute}
		for _, c := range t.cells {
			g := c.GroupAudit
			if g.Suppressed {
				g = GroupAudit{Name: g.Name, Suppressed: true}
			}
			shown.Groups = append(shown.Groups, g)
		}
		e.Attributes = append(e.Attributes, shown)
	}
	return e
}

// compare fills the ratios of the cells that are shown.
func (t *sheet) compare() {
	ratio := func(value func(*cell) int64, set func(*cell, int)) {
		var best *cell
		better := func(a, b *cell) bool { return value(a)*int64(b.Mentees) > value(b)*int64(a.Mentees) }
		for _, c := range t.cells {
			if !c.Suppressed && (best == nil || better(c, best)) {
				best = c
			}
		}
		for _, c := range t.cells {
			switch {
			case c.Suppressed:
			case value(best) == 0:
				set(c, 1000)
			default:
				// Sums of scores are below 2^25, numbers of mentees below 2^15 on the larger
				// side they meet here: the products fit.
				set(c, int(1000*value(c)*int64(best.Mentees)/(value(best)*int64(c.Mentees))))
			}
		}
	}
	ratio(func(c *cell) int64 { return int64(c.Covered) }, func(c *cell, r int) { c.CoverageRatio = r })
	ratio(func(c *cell) int64 { return c.Score }, func(c *cell, r int) { c.ScoreRatio = r })
}

// explain finds for each group that is behind the rule that holds it back: the
// one without which most of its mentees could have a mentor, else the one that
// blocks more pairs per mentee here than elsewhere, by the widest margin.
func (a *audit) explain(ctx context.Context, h *HardRules) error {
	var behind []*cell
	for _, t := range a.sheets {
		t.compare()
		for _, c := range t.cells {
			if !c.Suppressed && (c.CoverageRatio < 1000 || c.ScoreRatio < Behind) {
				behind = append(behind, c)
			}
		}
	}
	if len(behind) == 0 {
		return nil
	}
	s := a.b.seating()
	l, err := s.lift(ctx, h)
	if err != nil {
		return err
	}
	anyway := s.canHave(nil)
	widest := make([]float64, len(behind))
	for r, extra := range l.only {
		could, blocked := s.canHave(extra), make([]int64, len(s.at))
		every := int64(0)
		for j := range int32(len(blocked)) {
			for _, set := range s.row(extra, j) {
				blocked[j] += int64(bits.OnesCount64(set))
			}
			every += blocked[j]
		}
		for n, c := range behind {
			g := Gap{Rule: l.names[r]}
			for _, j := range c.members {
				g.Blocked += blocked[j]
				if could[j] && !anyway[j] {
					g.Serves++
				}
			}
			margin := mean(g.Blocked, c.Mentees) - mean(every-g.Blocked, a.everybody.Mentees-c.Mentees)
			if g.Serves == 0 && (g.Blocked == 0 || margin <= 0) {
				continue
			}
			if c.Gap == nil || cmp.Or(cmp.Compare(g.Serves, c.Gap.Serves), cmp.Compare(margin, widest[n])) > 0 {
				c.Gap, widest[n] = &g, margin
			}
		}
	}
	return nil
}
