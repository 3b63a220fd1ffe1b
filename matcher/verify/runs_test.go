package verify_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ballot"
	"github.com/openfairlead/fairlead/matcher/selection"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// run is one random run: a pool, criteria of every kind, a method.
type run struct {
	seed     uint64
	people   []matcher.Person
	criteria matcher.Criteria
	options  ballot.Options
}

// randomRun is seeded: the same seed gives the same run.
func randomRun(seed uint64) run {
	g := rand.New(rand.NewPCG(seed, 0x56455249))
	pick := func(lo, hi int) int { return lo + g.IntN(hi-lo+1) }
	n := pick(6, 40)
	size := pick(2, min(n-2, 12))
	r := run{seed: seed}
	attributes := []string{"race", "county", "role", "org"}
	kinds := []int{4, 5, 3, max(3, n/2)}
	for i := range n {
		p := matcher.Person{ID: fmt.Sprintf("p%02d", i), Values: map[string][]string{}}
		for a, attribute := range attributes {
			if g.IntN(12) == 0 {
				continue // declined
			}
			set := map[string]bool{}
			for range pick(1, 1+g.IntN(2)) {
				set[fmt.Sprintf("%s%d", attribute[:1], g.IntN(1+g.IntN(kinds[a])))] = true
			}
			for v := range set {
				p.Values[attribute] = append(p.Values[attribute], v)
			}
		}
		r.people = append(r.people, p)
	}
	g.Shuffle(n, func(i, j int) { r.people[i], r.people[j] = r.people[j], r.people[i] })
	id := func() string { return r.people[g.IntN(n)].ID }
	c := &r.criteria
	c.Size, c.MinSize = size, size
	if g.IntN(3) == 0 {
		c.MinSize = pick(0, size)
	}
	term := func(a int) matcher.Term {
		t := matcher.Term{Attribute: attributes[a], Wildcard: true}
		if g.IntN(2) == 0 {
			t.Wildcard = false
			for v := range pick(1, 3) {
				t.Values = append(t.Values, fmt.Sprintf("%s%d", attributes[a][:1], v))
			}
		}
		return t
	}
	for row := range pick(0, 9) {
		a := g.IntN(4)
		rule := matcher.Rule{
			Row: row + 1, Feature: attributes[a], Value: "x", Kind: matcher.Kind(g.IntN(4)), Weight: 1,
			Max: size, MaxFlex: size, Property: matcher.Property{Terms: []matcher.Term{term(a)}},
		}
		if g.IntN(4) > 0 {
			rule.Priority, rule.Weight = pick(1, 3), pick(1, 3)
		}
		switch rule.Kind {
		case matcher.Quota:
			rule.Min = g.IntN(size/2 + 1)
			rule.Max = pick(rule.Min, size)
			if g.IntN(4) == 0 {
				rule.Property.Terms = append(rule.Property.Terms, term(g.IntN(4)))
				if t := &rule.Property.Terms[1]; !t.Wildcard && g.IntN(2) == 0 {
					t.Match = matcher.MatchAll
				}
			}
			if g.IntN(8) == 0 {
				rule.Property = matcher.Property{IDs: []string{r.people[0].ID, r.people[1].ID, r.people[2].ID}}
			}
		case matcher.Company:
			rule.Min = 2
			if (size+row)%3 == 0 { // it gives way
				rule.Relief, rule.Alone = 1+row%2, []string{r.people[row%len(r.people)].ID}
			}
		case matcher.Spread:
			rule.Min = pick(0, 4)
			rule.Max = max(rule.Min, size)
		case matcher.Cap:
			rule.Min, rule.Max = 0, pick(1, 4)
		}
		rule.MaxFlex = max(rule.MaxFlex, rule.Max)
		c.Rules = append(c.Rules, rule)
	}
	if g.IntN(3) == 0 {
		c.Caps = append(c.Caps, matcher.HardCap{Attribute: "org", Max: pick(1, 3)})
	}
	for range g.IntN(3) {
		if a, b := id(), id(); a != b {
			c.Links = append(c.Links, matcher.Link{Kind: matcher.LinkKind(g.IntN(3)), IDs: []string{a, b}})
		}
	}
	if g.IntN(4) == 0 { // a family that pairs say
		c.Links = append(c.Links,
			matcher.Link{Kind: matcher.Apart, IDs: []string{r.people[0].ID, r.people[1].ID}},
			matcher.Link{Kind: matcher.Apart, IDs: []string{r.people[1].ID, r.people[2].ID}},
			matcher.Link{Kind: matcher.Apart, IDs: []string{r.people[0].ID, r.people[2].ID}})
	}
	if g.IntN(3) == 0 {
		c.Include = []string{r.people[3].ID}
	}
	if g.IntN(3) == 0 {
		c.Exclude = []string{r.people[4].ID}
	}
	if g.IntN(4) == 0 {
		c.Scores = map[string]int{}
		for range n / 2 {
			c.Scores[id()] = g.IntN(4)
		}
	}
	if g.IntN(4) == 0 {
		c.Allow = map[int]int64{pick(1, 3): int64(pick(1, 2))}
	}
	r.options = ballot.Options{Engine: "test", Method: []string{
		matcher.LotteryLeximin, matcher.LotteryLeximin, matcher.LotteryLeximin, matcher.LotteryMaximin, matcher.LotteryNone,
	}[g.IntN(5)]}
	if r.options.Method == matcher.LotteryNone {
		r.options.Seed = fmt.Sprint(seed)
	} else if g.IntN(4) == 0 {
		r.options.MaxChance = pick(500, 1000)
	}
	return r
}

// record runs the engine; nil where no lottery keeps the cap, or the criteria
// contradict the pool.
func (r run) record(t testing.TB) *matcher.Record {
	t.Helper()
	sealed, _, err := ballot.Seal(context.Background(), r.people, r.criteria, r.options)
	if bad := selection.InputErrors(nil); errors.As(err, &bad) {
		return nil
	}
	if err != nil {
		t.Fatalf("seed %d, %s with cap %d: %v", r.seed, r.options.Method, r.options.MaxChance, err)
	}
	if !sealed.Lottery.Drawable() {
		return sealed
	}
	drawn, err := ballot.Draw(sealed, ballot.FromSeed(sealed, "in public"))
	if err != nil {
		t.Fatal(err)
	}
	return drawn
}

// soak is whether the full counts are asked for.
var soak = os.Getenv("FAIRLEAD_SOAK") != ""

// Untouched records of random runs are accepted, and everything in them is
// proved, or says itself that it is not.
func TestRandomRunsAreAccepted(t *testing.T) {
	want := 40
	if soak {
		want = 200
	}
	done, open := 0, 0
	var slowest time.Duration
	of := map[string]int{}
	for seed := uint64(1); done < want; seed++ {
		r := randomRun(seed).record(t)
		if r == nil {
			continue
		}
		done++
		begin := time.Now()
		report, err := verify.File(r.AppendJSON(nil), verify.Options{Pool: func([]string) ([]matcher.Person, error) { return r.Certificate.Input.People, nil }})
		slowest = max(slowest, time.Since(begin))
		if err != nil {
			t.Fatal(err)
		}
		of[string(r.Status)+" "+r.Lottery.Method]++
		if !report.Accepted {
			for _, c := range report.Checks {
				if c.State == verify.Broken {
					t.Errorf("seed %d, %s %s: check %s, %s: %s", seed, r.Status, r.Lottery.Method, c.Number, c.Title, c.Why)
				}
			}
		}
		if !report.Certified {
			open++
			for _, c := range report.Checks {
				if c.State == verify.NotCertified || c.State == verify.NotRun {
					t.Logf("seed %d, %s %s: check %s %s: %s", seed, r.Status, r.Lottery.Method, c.Number, c.State, c.Why)
				}
			}
		}
	}
	t.Logf("figure: %d records of random runs accepted, %d not certified in full, slowest check %v; %v", done, open, slowest.Round(time.Millisecond), of)
	if open > want/20 {
		t.Errorf("%d of %d records are not certified in full", open, want)
	}
}
