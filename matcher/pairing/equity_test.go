package pairing_test

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// grouped invents a program with groups: two attributes, the second of which is
// a coarser sorting by the first one half of the time, and a third in which
// people may have several values or none.
func grouped(rng *rand.Rand) (*pairing.Problem, []pairing.Grouping) {
	n, m := 1+rng.IntN(120), 1+rng.IntN(20)
	p := &pairing.Problem{Seed: "s", Objective: []pairing.Term{pairing.Cover, pairing.Total}}
	county, region, race := pairing.Grouping{Attribute: "county"}, pairing.Grouping{Attribute: "region"}, pairing.Grouping{Attribute: "race"}
	counties, coarser := 1+rng.IntN(6), rng.IntN(2) == 0
	for j := range n {
		c := min(rng.IntN(counties), rng.IntN(counties))
		p.Mentees = append(p.Mentees, pairing.Mentee{ID: fmt.Sprintf("e%03d", j), Demand: min(1, rng.IntN(20))})
		if rng.IntN(10) == 0 {
			p.Mentees[j].Has, p.Mentees[j].HasScore = 1+rng.IntN(2), rng.IntN(1001)
		}
		county.Of = append(county.Of, []string{fmt.Sprintf("county %d", c)})
		of := rng.IntN(3)
		if coarser {
			of = c / 2
		}
		region.Of = append(region.Of, []string{fmt.Sprintf("region %d", of)})
		var values []string
		for v := range 4 {
			if rng.IntN(2+v) == 0 {
				values = append(values, fmt.Sprintf("race %d", v))
			}
		}
		race.Of = append(race.Of, values)
	}
	for i := range m {
		p.Mentors = append(p.Mentors, pairing.Mentor{ID: fmt.Sprintf("o%02d", i), Seats: rng.IntN(7)})
	}
	scores, density := make(pairing.Dense, n*m), rng.Float64()
	for k := range scores {
		scores[k] = pairing.NotEligible
		if rng.Float64() < density {
			scores[k] = int16(rng.IntN(1001))
		}
	}
	// Whole counties that nobody fits, or that get the best there is: sums that are
	// nothing give away each of their summands.
	far := rng.IntN(3)
	for k := range scores {
		switch where := county.Of[k/m][0]; {
		case far == 0 && where > "county 0":
			scores[k] = pairing.NotEligible
		case far == 1 && where > "county 0" && scores[k] >= 0:
			scores[k] = 700
		}
	}
	p.Scores = scores
	return p, []pairing.Grouping{county, region, race}
}

// counted is one group counted from nothing but the problem and the pairs.
func counted(p *pairing.Problem, r *pairing.Result, name string, of func(j int) bool) pairing.GroupAudit {
	g := pairing.GroupAudit{Name: name}
	m := len(p.Mentors)
	for j, mentee := range p.Mentees {
		if mentee.Demand == 0 || !of(j) {
			continue
		}
		g.Mentees++
		row, got, covered := p.Scores.(pairing.Dense)[j*m:][:m], mentee.HasScore, mentee.Has > 0
		for _, x := range r.Matches {
			if x.Mentee == mentee.ID {
				covered = true
				got = max(got, x.Score)
			}
		}
		if covered {
			g.Covered++
		}
		best := got
		for i, s := range row {
			if s >= 0 && p.Mentors[i].Seats > 0 {
				g.Opportunity++
				best = max(best, int(s))
			}
		}
		g.Score += int64(got)
		g.Regret += int64(best - got)
	}
	return g
}

// The numbers of the audit are those that counting gives, no small group is
// shown, and none can be computed from what is.
func TestEquityAudit(t *testing.T) {
	const seed = 4
	problems := 100
	if soak {
		problems = 10_000
	}
	small, complementary, shown := 0, 0, 0
	for n := range problems {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		p, groupings := grouped(rng)
		r := mustSolve(t, p)
		name := fmt.Sprintf("program %d of seed %d", n, seed)
		whole, err := pairing.AuditEquity(context.Background(), p, r, groupings, pairing.AuditOptions{Smallest: 1})
		if err != nil {
			t.Fatal(err)
		}
		a, err := pairing.AuditEquity(context.Background(), p, r, groupings, pairing.AuditOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for x, attribute := range a.Attributes {
			for y, g := range attribute.Groups {
				want := counted(p, r, g.Name, func(j int) bool {
					return slices.Contains(groupings[x].Of[j], g.Name) || g.Name == "" && len(groupings[x].Of[j]) == 0
				})
				open := whole.Attributes[x].Groups[y]
				open.CoverageRatio, open.ScoreRatio = 0, 0
				if diff := cmp.Diff(want, open); diff != "" {
					t.Fatalf("%s, %s: %s", name, attribute.Attribute, diff)
				}
				switch {
				case !g.Suppressed && want.Mentees < pairing.SmallestCell:
					t.Fatalf("%s: %s %q has %d mentees and is shown", name, attribute.Attribute, g.Name, want.Mentees)
				case g.Suppressed:
					if diff := cmp.Diff(pairing.GroupAudit{Name: g.Name, Suppressed: true}, g); diff != "" {
						t.Fatalf("%s: a suppressed group shows %s", name, diff)
					}
					small++
					if want.Mentees >= pairing.SmallestCell {
						complementary++
					}
				default:
					shown++
					g.CoverageRatio, g.ScoreRatio = 0, 0
					if diff := cmp.Diff(want, g); diff != "" {
						t.Fatalf("%s, %s: %s", name, attribute.Attribute, diff)
					}
				}
			}
		}
		attack(t, name, p, groupings, a, whole)
	}
	if complementary < 20 || shown < 50 {
		t.Errorf("too little was tried: %d suppressed, %d of them to protect others, %d shown", small, complementary, shown)
	}
	t.Logf("figure: audits of %d programs: %d groups shown, %d suppressed, %d of them to protect others; none can be computed", problems, shown, small, complementary)
}

// attack tries what somebody can do who knows which mentee is in which group, and
// the totals: sums and differences of what is shown that leave one suppressed
// group alone, and what remains for the suppressed groups of an attribute.
func attack(t *testing.T, name string, p *pairing.Problem, groupings []pairing.Grouping, a, whole *pairing.EquityAudit) {
	t.Helper()
	var shown, hidden [][]*big.Rat
	var names []string
	vector := func(x int, group string) []*big.Rat {
		v := make([]*big.Rat, len(p.Mentees))
		for j := range v {
			v[j] = new(big.Rat)
			in := x < 0 || slices.Contains(groupings[x].Of[j], group) || group == "" && len(groupings[x].Of[j]) == 0
			if in && p.Mentees[j].Demand > 0 {
				v[j].SetInt64(1)
			}
		}
		return v
	}
	if !a.All.Suppressed {
		shown = append(shown, vector(-1, ""))
	}
	for x, attribute := range a.Attributes {
		rest := pairing.GroupAudit{}
		only := 0
		for y, g := range attribute.Groups {
			if !g.Suppressed {
				shown = append(shown, vector(x, g.Name))
				continue
			}
			hidden, names = append(hidden, vector(x, g.Name)), append(names, attribute.Attribute+" "+g.Name)
			o := whole.Attributes[x].Groups[y]
			only++
			rest.Mentees += o.Mentees
			rest.Covered += o.Covered
			rest.Score += o.Score
			rest.Regret += o.Regret
			rest.Opportunity += o.Opportunity
		}
		if only == 0 || a.All.Suppressed || only == len(attribute.Groups) {
			continue
		}
		if only == 1 || rest.Mentees < pairing.SmallestCell || rest.Covered == 0 && a.All.Covered > 0 || rest.Covered == rest.Mentees && a.All.Covered < a.All.Mentees || rest.Score == 0 && a.All.Score > 0 ||
			rest.Regret == 0 && a.All.Regret > 0 || rest.Opportunity == 0 && a.All.Opportunity > 0 {
			t.Fatalf("%s: of %s %d groups are suppressed, and what remains for them is %+v", name, attribute.Attribute, only, rest)
		}
	}
	for k, v := range hidden {
		if rank(append(slices.Clone(shown), v)) == rank(shown) {
			t.Fatalf("%s: %s can be computed from what is shown", name, names[k])
		}
	}
}

// rank eliminates with fractions, so that it is exact.
func rank(rows [][]*big.Rat) int {
	work := make([][]*big.Rat, len(rows))
	for k, row := range rows {
		for _, v := range row {
			work[k] = append(work[k], new(big.Rat).Set(v))
		}
	}
	n := 0
	for column := 0; len(work) > 0 && column < len(work[0]) && n < len(work); column++ {
		at := slices.IndexFunc(work[n:], func(row []*big.Rat) bool { return row[column].Sign() != 0 })
		if at < 0 {
			continue
		}
		work[n], work[n+at] = work[n+at], work[n]
		for k := n + 1; k < len(work); k++ {
			if work[k][column].Sign() == 0 {
				continue
			}
			f := new(big.Rat).Quo(work[k][column], work[n][column])
			for c := column; c < len(work[k]); c++ {
				work[k][c].Sub(work[k][c], new(big.Rat).Mul(f, work[n][c]))
			}
		}
		n++
	}
	return n
}
