package ballot_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ballot"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// pool is n invented people with one to three counties of five, a field of four
// or none, and an organization; some are alike.
func pool(rng *rand.Rand, n int) []matcher.Person {
	var people []matcher.Person
	for i := range n {
		p := matcher.Person{ID: fmt.Sprintf("p%02d", i), Values: map[string][]string{}}
		for range 1 + rng.IntN(2)*rng.IntN(2) {
			p.Values["county"] = append(p.Values["county"], fmt.Sprint("c", rng.IntN(5)*rng.IntN(2)))
		}
		if rng.IntN(6) > 0 {
			p.Values["field"] = []string{fmt.Sprint("f", rng.IntN(4))}
		}
		p.Values["organization"] = []string{fmt.Sprint("o", rng.IntN(n))}
		people = append(people, p)
	}
	return people
}

func term(attribute string, values ...string) matcher.Property {
	return matcher.Property{Terms: []matcher.Term{{Attribute: attribute, Values: values, Wildcard: len(values) == 0}}}
}

// criteria of a pool: something of everything.
func criteria(rng *rand.Rand, people []matcher.Person) matcher.Criteria {
	size := 3 + rng.IntN(3)
	c := matcher.Criteria{Size: size, MinSize: size - rng.IntN(2), Allow: map[int]int64{}}
	rule := func(r matcher.Rule) {
		if r.Priority == matcher.Must {
			r.Weight = 0
		}
		r.Row = len(c.Rules) + 1
		c.Rules = append(c.Rules, r)
	}
	for v := range 4 {
		if rng.IntN(2) == 0 {
			rule(matcher.Rule{Property: term("field", fmt.Sprint("f", v)), Min: rng.IntN(2), Max: 1 + rng.IntN(3), Priority: rng.IntN(3), Weight: 1 + rng.IntN(3)})
		}
	}
	switch rng.IntN(4) {
	case 0:
		rule(matcher.Rule{Kind: matcher.Company, Property: term("county"), Min: 2, Max: size, Priority: 1, Weight: 1})
	case 1:
		rule(matcher.Rule{Kind: matcher.Spread, Property: term("county"), Min: 3, Max: size, Priority: 2, Weight: 1})
	case 2:
		rule(matcher.Rule{Kind: matcher.Cap, Property: term("organization"), Max: 1, Priority: rng.IntN(3), Weight: 1})
	}
	id := func() string { return people[rng.IntN(len(people))].ID }
	if rng.IntN(3) == 0 {
		c.Links = append(c.Links, matcher.Link{Kind: matcher.Together, IDs: []string{people[0].ID, people[1].ID}})
		c.Links = append(c.Links, matcher.Link{Kind: matcher.Together, IDs: []string{people[2].ID, people[3].ID}})
	}
	if rng.IntN(4) == 0 {
		c.Exclude = []string{id()}
	}
	if rng.IntN(4) == 0 {
		if in := id(); !slices.Contains(c.Exclude, in) {
			c.Include = []string{in}
		}
	}
	if rng.IntN(4) == 0 {
		c.Allow[1] = 1
	}
	return c
}

// What a sealed record says of itself, and every draw from it, whatever the
// pool: tickets, chances, the distance from the optimum, equal chances of those
// who are alike, cohorts that count up, records that read back.
func TestSealAndDraw(t *testing.T) {
	const seed = 4
	count := 180 // two blocks with the same values, held by one or by two of a block, are among them
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		count = 3000
	}
	methods := []string{"", matcher.LotteryMaximin, matcher.LotteryLeximin}
	lotteries, cohorts, worst := 0, 0, 0.0
	for i := range count {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people := pool(rng, 8+rng.IntN(12))
		c := criteria(rng, people)
		o := ballot.Options{Method: methods[i%3], Engine: "test"}
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("instance %d of seed %d: %s\npeople %+v\ncriteria %+v", i, seed, fmt.Sprintf(format, args...), people, c)
		}
		sealed, _, err := ballot.Seal(context.Background(), people, c, o)
		if err != nil {
			fail("%v", err)
		}
		b := sealed.AppendJSON(nil)
		back, err := matcher.ParseRecord(b)
		if err != nil {
			fail("%v\n%s", err, b)
		}
		if sealed.Status == matcher.Infeasible {
			if sealed.Undrawn() {
				fail("a lottery although there is no cohort")
			}
			continue
		}
		if !sealed.Undrawn() || len(sealed.Cohort) > 0 || sealed.Seed != "" {
			fail("%s, and not sealed", sealed.Status)
		}
		lotteries++
		l := &sealed.Lottery
		tickets, chances := int64(0), make([]int64, len(l.Types))
		for _, line := range l.Book {
			tickets += line.Tickets
			for _, n := range line.Counts {
				chances[n.Type] += n.Count * line.Tickets
			}
		}
		if tickets != matcher.Tickets || !slices.Equal(chances, l.Chances) {
			fail("%d tickets, chances %v, the book gives %v", tickets, l.Chances, chances)
		}
		limit := float64(len(l.Book)) / matcher.Tickets
		for k, ids := range l.Types {
			for _, id := range ids {
				off := math.Abs(float64(l.Chances[k])/float64(len(ids))/matcher.Tickets - float64(l.Optimum[id])/matcher.Billion)
				if worst = max(worst, off/limit); off > limit {
					fail("%s has a chance %g off its optimum, with %d cohorts in the book", id, off, len(l.Book))
				}
			}
		}
		for k := range 20 {
			from := matcher.DrawSource{Root: sealed.InputDigest, Value: fmt.Sprint("value ", k), Selection: "s", Attempt: 1 + k%2}
			// From what was read back: the bytes are all that a draw needs.
			drawn, err := ballot.Draw(back, from)
			if err != nil {
				fail("%v", err)
			}
			if again, err := ballot.Draw(drawn, from); err != nil || again.Digest != drawn.Digest {
				fail("drawing twice differs: %v", err)
			}
			if _, err := matcher.ParseRecord(drawn.AppendJSON(nil)); err != nil || drawn.Undrawn() || drawn.Certificate.Draw.Ticket >= matcher.Tickets || drawn.Seed != from.Value {
				fail("%v, draw %+v", err, drawn.Certificate.Draw)
			}
			cohorts++
		}
		if sealed.Digest != back.Digest || back.Certificate.Draw != nil {
			fail("drawing changed the sealed record")
		}
	}
	t.Logf("figure: %d pools sealed and %d cohorts drawn from what was read back: the largest |chance − optimum| is %.2f of (cohorts in the book)/1,000,000", lotteries, cohorts, worst)
	if 2*lotteries < count {
		t.Error("too many pools without a cohort")
	}
}

// The order of people and rules' ids, and a run that was interrupted, change
// nothing in the sealed record.
func TestSealIsReproducible(t *testing.T) {
	for i := range 10 {
		rng := rand.New(rand.NewPCG(9, uint64(i)))
		people := pool(rng, 16)
		c := criteria(rng, people)
		var steps []selection.Step
		o := ballot.Options{Engine: "test"}
		o.Proved = func(s selection.Step) error { steps = append(steps, s); return nil }
		first, _, err := ballot.Seal(context.Background(), people, c, o)
		if err != nil {
			t.Fatal(err)
		}
		shuffled := slices.Clone(people)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		second, _, err := ballot.Seal(context.Background(), shuffled, c, ballot.Options{Engine: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(first.AppendJSON(nil)), string(second.AppendJSON(nil))); diff != "" {
			t.Fatalf("pool %d: the order of people matters: %s", i, diff)
		}
		for cut := range steps {
			o := ballot.Options{Engine: "test"}
			o.Done = steps[:cut+1]
			resumed, _, err := ballot.Seal(context.Background(), people, c, o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(first.AppendJSON(nil)), string(resumed.AppendJSON(nil))); diff != "" {
				t.Fatalf("pool %d, resumed after %q: %s", i, steps[cut].Name, diff)
			}
		}
	}
}

// 100,000 seeds on the way that the product takes, against the tickets: the
// cohorts of the book, and, type by type, each of the people who are alike.
func TestDrawsFollowTheChances(t *testing.T) {
	people := pool(rand.New(rand.NewPCG(1, 8)), 24)
	c := matcher.Criteria{
		Size: 6, MinSize: 6,
		Rules: []matcher.Rule{
			{Row: 1, Property: term("field", "f0"), Min: 1, Max: 2},
			{Row: 2, Property: term("field", "f1", "f2"), Min: 2, Max: 3},
			{Row: 3, Kind: matcher.Company, Property: term("county"), Min: 2, Max: 6, Priority: 1, Weight: 1},
		},
		Links: []matcher.Link{{Kind: matcher.Together, IDs: []string{"p03", "p11"}}},
	}
	sealed, _, err := ballot.Seal(context.Background(), people, c, ballot.Options{})
	if err != nil || !sealed.Undrawn() {
		t.Fatal(err, sealed)
	}
	const draws = 100_000
	l := &sealed.Lottery
	lines, seats := map[int64]int{}, map[string]int{}
	lineOf := map[*matcher.BookLine]int64{}
	for i := range l.Book {
		lineOf[&l.Book[i]] = int64(i)
	}
	for k := range draws {
		ticket, cohort, err := ballot.Cohort(l, c.Links, matcher.DrawSource{Root: sealed.InputDigest, Value: fmt.Sprint(k), Attempt: 1})
		if err != nil {
			t.Fatal(err)
		}
		lines[lineOf[l.At(ticket)]]++
		for _, id := range cohort {
			seats[id]++
		}
	}
	chi, degrees := 0.0, -1
	for i, line := range l.Book {
		want := float64(line.Tickets) / matcher.Tickets * draws
		got := float64(lines[int64(i)])
		chi += (got - want) * (got - want) / want
		degrees++
	}
	// Mean d, variance 2d; beyond 4 standard deviations is about 1 in 10,000.
	if limit := float64(degrees) + 4*math.Sqrt(float64(2*degrees)); chi > limit {
		t.Errorf("cohorts: chi-square %.1f with %d degrees of freedom, limit %.1f", chi, degrees, limit)
	}
	alike := 0
	for k, ids := range l.Types {
		p := float64(l.Chances[k]) / float64(len(ids)) / matcher.Tickets
		for _, id := range ids {
			if len(ids) > 1 {
				alike++
			}
			sd := math.Sqrt(draws * p * (1 - p))
			if off := math.Abs(float64(seats[id]) - draws*p); off > 4.5*sd {
				t.Errorf("%s of t%d was drawn %d times, expected %.0f ± %.0f", id, k+1, seats[id], draws*p, sd)
			}
		}
	}
	if alike < 4 || len(l.Book) < 5 {
		t.Errorf("%d people are alike, %d cohorts: too easy", alike, len(l.Book))
	}
	t.Logf("figure: 100,000 seeds drawn from a sealed record of %d people: chi-square %.1f over %d cohorts, %d people with somebody alike", len(people), chi, len(l.Book), alike)
}

// Company never leaves somebody out because they are alone: switched on, it takes
// the last chance of the only holder of a value in no lottery. Where the floors
// for the values that two or more hold leave them a chance beside each other, the
// rule is those floors and nothing else, as trying every cohort shows.
func TestCompanyShutsNobodyOut(t *testing.T) {
	// The only applicant of San Juan, with room beside the floors of the others.
	var people []matcher.Person
	for i, county := range []string{"San Juan", "Skagit", "Skagit", "Skagit", "Whatcom", "Whatcom", "Whatcom", "Whatcom"} {
		people = append(people, matcher.Person{ID: fmt.Sprint("p", i), Values: map[string][]string{"county": {county}}})
	}
	company := matcher.Rule{Row: 1, Kind: matcher.Company, Property: term("county"), Min: 2, Max: 5}
	for _, priority := range []int{matcher.Must, 1} {
		company.Priority, company.Weight = priority, priority
		r, _, err := ballot.Seal(context.Background(), people, matcher.Criteria{Size: 5, MinSize: 5, Rules: []matcher.Rule{company}}, ballot.Options{})
		if err != nil || r.Lottery.Optimum["p0"] != 600_000_000 {
			t.Fatalf("%v: San Juan has a chance of %d billionths, not the 3/5 that Whatcom is left with too", err, r.Lottery.Optimum["p0"])
		}
	}

	const seed = 12
	count := 80
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		count = 2000
	}
	kept, saved := 0, 0
	for i := range count {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people := pool(rng, 8)
		c := criteria(rng, people)
		c.Rules = slices.DeleteFunc(c.Rules, func(r matcher.Rule) bool { return r.Kind != matcher.Quota || r.Priority != matcher.Must })
		c.Links, c.Exclude, c.Allow = nil, nil, nil
		held := map[string][]string{}
		for _, p := range people {
			for _, v := range slices.Compact(slices.Sorted(slices.Values(p.Values["county"]))) {
				held[v] = append(held[v], p.ID)
			}
		}
		chances := func(c matcher.Criteria) map[string]int64 {
			r, _, err := ballot.Seal(context.Background(), people, c, ballot.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return r.Lottery.Optimum
		}
		with := c
		with.Rules = append(slices.Clone(c.Rules), matcher.Rule{Row: 9, Kind: matcher.Company, Property: term("county"), Min: 2, Max: c.Size})
		yields, err := selection.GiveWay(context.Background(), people, with, selection.Options{})
		if err != nil {
			t.Fatal(err)
		}
		before, after := chances(c), chances(selection.Yielded(with, yields))
		var shut []string
		for _, ids := range held {
			if len(ids) > 1 || before[ids[0]] == 0 || len(after) == 0 {
				continue
			}
			if after[ids[0]] == 0 {
				t.Fatalf("instance %d of seed %d: %s is the only one of a county and loses their chance; the rule gives way by %+v\npeople %+v\ncriteria %+v", i, seed, ids[0], yields, people, c)
			}
			possible := false
			for _, cohort := range allowed(people, c, held) {
				possible = possible || slices.Contains(cohort, ids[0])
			}
			if possible {
				kept++
			} else {
				shut = append(shut, ids[0])
			}
		}
		saved += len(shut)
		slices.Sort(shut)
		var told []string
		for _, y := range yields {
			told = append(told, y.People...)
			if !slices.Equal(y.Rows, []int{9}) || y.Relief < 1 {
				t.Errorf("instance %d of seed %d: gives way by %+v", i, seed, y)
			}
		}
		if !slices.Equal(told, slices.Compact(shut)) {
			t.Fatalf("instance %d of seed %d: gives way for %v, and the floors would shut out %v\npeople %+v\ncriteria %+v", i, seed, told, shut, people, with)
		}
	}
	t.Logf("figure: %d people were the only one of a county with a chance before a company rule was switched on: all have one with it; %d of them because it gives way, as trying every cohort shows", kept+saved, saved)
	if kept < 10 || saved < 5 {
		t.Error("too few lone people with a chance")
	}
}

// allowed lists the cohorts of the largest size that keep the criteria and have
// two of each county that two or more people hold.
func allowed(people []matcher.Person, c matcher.Criteria, held map[string][]string) [][]string {
	for size := c.Size; size >= c.MinSize; size-- {
		var all [][]string
		for mask := range 1 << len(people) {
			var cohort []string
			for k, p := range people {
				if mask>>k&1 == 1 {
					cohort = append(cohort, p.ID)
				}
			}
			if len(cohort) != size || slices.ContainsFunc(c.Include, func(id string) bool { return !slices.Contains(cohort, id) }) {
				continue
			}
			fits := true
			for _, ids := range held {
				n := 0
				for _, id := range ids {
					if slices.Contains(cohort, id) {
						n++
					}
				}
				fits = fits && (len(ids) < 2 || n >= 2)
			}
			for _, r := range c.Rules {
				n := 0
				for _, p := range people {
					if slices.Contains(cohort, p.ID) && slices.ContainsFunc(p.Values["field"], func(v string) bool { return slices.Contains(r.Property.Terms[0].Values, v) }) {
						n++
					}
				}
				fits = fits && r.Min <= n && n <= r.Max
			}
			if fits {
				all = append(all, cohort)
			}
		}
		if len(all) > 0 {
			return all
		}
	}
	return nil
}

// A cap on the largest chance holds for everybody but those included by name.
func TestMaxChance(t *testing.T) {
	people := pool(rand.New(rand.NewPCG(3, 3)), 12)
	c := matcher.Criteria{
		Size: 4, MinSize: 4, Include: []string{"p05"},
		Rules: []matcher.Rule{{Row: 1, Property: matcher.Property{IDs: []string{"p00", "p01"}}, Min: 1, Max: 1}},
	}
	seal := func(o ballot.Options) *matcher.Record {
		t.Helper()
		r, _, err := ballot.Seal(context.Background(), people, c, o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	free, capped := seal(ballot.Options{}), seal(ballot.Options{MaxChance: 600})
	if free.Lottery.Optimum["p00"] != matcher.Billion/2 || free.Lottery.Optimum["p05"] != matcher.Billion {
		t.Errorf("chances %v", free.Lottery.Optimum)
	}
	for k, ids := range capped.Lottery.Types {
		if !slices.Contains(ids, "p05") && capped.Lottery.Chances[k] > 600_000*int64(len(ids))+100 {
			t.Errorf("%v have %d", ids, capped.Lottery.Chances[k])
		}
	}
	if capped.Certificate.Input.MaxChance != 600 || capped.InputDigest == free.InputDigest {
		t.Error("the cap is no part of the input")
	}
	for _, o := range []ballot.Options{{MaxChance: 400}, {MaxChance: -1}, {MaxChance: 1001}, {MaxChance: 500, Method: matcher.LotteryNone}} {
		var input *selection.InputError
		if _, _, err := ballot.Seal(context.Background(), people, c, o); !errors.As(err, &input) || input.Field != "max_chance" {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, _, err := ballot.Seal(context.Background(), people, c, ballot.Options{Method: "LUCK"}); err == nil || !strings.Contains(err.Error(), "LEXIMIN") {
		t.Error(err)
	}
}

func TestDrawRefuses(t *testing.T) {
	people := pool(rand.New(rand.NewPCG(3, 3)), 12)
	c := matcher.Criteria{Size: 4, MinSize: 4}
	sealed, _, err := ballot.Seal(context.Background(), people, c, ballot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	none, _, err := ballot.Seal(context.Background(), people, c, ballot.Options{Method: matcher.LotteryNone, Seed: "s"})
	if err != nil || len(none.Cohort) != 4 || none.Certificate.Input.Seed != "s" {
		t.Fatal(err, none)
	}
	source := ballot.FromSeed(sealed, "s")
	if _, err := ballot.Draw(none, source); !errors.Is(err, ballot.ErrNothingToDraw) {
		t.Error(err)
	}
	for _, bad := range []matcher.DrawSource{{Root: "sha256:00", Attempt: 1}, {Root: source.Root}} {
		if _, err := ballot.Draw(sealed, bad); err == nil {
			t.Errorf("drawn from %+v", bad)
		}
	}
	// A book that draws what was not proved is found out by counting.
	forged := *sealed
	forged.Size.Bound = 5
	if _, err := ballot.Draw(&forged, source); err == nil || !strings.Contains(err.Error(), "not the 5 that are possible") {
		t.Error(err)
	}
	for what, change := range map[string]func(*matcher.Record, *matcher.Input){
		"1 of 4 people are not in the pool": func(_ *matcher.Record, in *matcher.Input) { in.People = in.People[:len(in.People)-1] },
		"an included person is missing":     func(_ *matcher.Record, in *matcher.Input) { in.Criteria.Include = []string{"p99"} },
		"an excluded person is in":          func(_ *matcher.Record, in *matcher.Input) { in.Criteria.Exclude = ids(people) },
		"people share one value of": func(_ *matcher.Record, in *matcher.Input) {
			in.Criteria.Caps = []matcher.HardCap{{Attribute: "organization"}}
		},
		"a link of kind apart is broken": func(_ *matcher.Record, in *matcher.Input) { in.Criteria.Links = []matcher.Link{{IDs: ids(people)}} },
		"row 3 has to hold and does not": func(_ *matcher.Record, in *matcher.Input) {
			in.Criteria.Rules = []matcher.Rule{{Row: 3, Max: 3, Weight: 1}}
		},
		"for each priority that has a rule": func(_ *matcher.Record, in *matcher.Input) {
			in.Criteria.Rules = []matcher.Rule{{Max: 9, Priority: 2, Weight: 1}}
		},
		"of priority 10 out of place":         func(r *matcher.Record, _ *matcher.Input) { r.Deviation = []matcher.Deviation{{Priority: 10}} },
		"total score is 0, and the best is 1": func(r *matcher.Record, _ *matcher.Input) { r.Score.Bound = 1 },
	} {
		r, certificate, input := *sealed, *sealed.Certificate, *sealed.Certificate.Input
		r.Certificate, certificate.Input = &certificate, &input
		change(&r, &input)
		// Whoever draws the last person of the pool is one seed of a few.
		var err error
		for i := 0; err == nil && i < 200; i++ {
			_, err = ballot.Draw(&r, ballot.FromSeed(sealed, fmt.Sprint(i)))
		}
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%q: %v", what, err)
		}
	}
	unproved := *sealed
	unproved.Status = matcher.Feasible
	if _, err := ballot.Draw(&unproved, source); !errors.Is(err, ballot.ErrNothingToDraw) {
		t.Error(err)
	}
	short := *sealed
	short.Lottery.Book = []matcher.BookLine{{Tickets: 1, Counts: sealed.Lottery.Book[0].Counts}}
	if _, err := ballot.Draw(&short, source); err == nil {
		t.Error("drawn from a book with one ticket")
	}
}

func ids(people []matcher.Person) []string {
	var all []string
	for _, p := range people {
		all = append(all, p.ID)
	}
	return all
}

func TestBlocks(t *testing.T) {
	links := []matcher.Link{
		{Kind: matcher.Together, IDs: []string{"d", "b"}},
		{Kind: matcher.Together, IDs: []string{"d", "f"}},
		{Kind: matcher.Apart, IDs: []string{"a", "c"}},
		{Kind: matcher.Together, IDs: []string{"x", "a"}},
	}
	want := [][]string{{"a"}, {"b", "d", "f"}, {"c"}}
	if diff := cmp.Diff(want, ballot.Blocks([]string{"a", "b", "c", "d", "f"}, links)); diff != "" {
		t.Error(diff)
	}
}
