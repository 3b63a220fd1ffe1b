package selection_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// holders are people p0, p1, … of whom each has these values, "attribute=value"
// joined by commas.
func holders(all ...string) []matcher.Person {
	var people []matcher.Person
	for i, values := range all {
		p := matcher.Person{ID: fmt.Sprint("p", i), Values: map[string][]string{}}
		for pair := range strings.SplitSeq(values, ",") {
			if attribute, value, ok := strings.Cut(pair, "="); ok {
				p.Values[attribute] = append(p.Values[attribute], value)
			}
		}
		people = append(people, p)
	}
	return people
}

func companyOf(row int, attribute string, least, size int) matcher.Rule {
	return matcher.Rule{
		Row: row, Kind: matcher.Company, Min: least, Max: size,
		Property: matcher.Property{Terms: []matcher.Term{{Attribute: attribute, Wildcard: true}}},
	}
}

// Company rules give way by as little as leaves everybody who is alone a chance.
func TestGiveWay(t *testing.T) {
	target := func(row, priority, weight int, attribute string, least, most int) matcher.Rule {
		return matcher.Rule{
			Row: row, Min: least, Max: most, Priority: priority, Weight: weight,
			Property: matcher.Property{Terms: []matcher.Term{{Attribute: attribute, Wildcard: true}}},
		}
	}
	at := func(r matcher.Rule, priority, weight int) matcher.Rule {
		r.Priority, r.Weight = priority, weight
		return r
	}
	countiesAndOne := holders("county=A", "county=A", "county=B", "county=B", "county=C")
	var full []matcher.Rule // a rule of each priority
	for g := 1; g <= matcher.MaxPriority; g++ {
		full = append(full, target(10+g, g, 1, "skill", 0, 9))
	}
	for name, c := range map[string]struct {
		people     []matcher.Person
		size       int
		rules      []matcher.Rule
		allow      map[int]int64
		want       []selection.Yield
		message    string
		priorities []int // of the rules that are left, in their order
		allowed    map[int]int64
	}{
		"the seats are filled": {
			people: countiesAndOne, size: 4,
			rules:   []matcher.Rule{companyOf(1, "county", 2, 4)},
			want:    []selection.Yield{{Rows: []int{1}, Allow: 1, People: []string{"p4"}}},
			message: "gives way in this pool: its floors would leave no chance to 1 person who has too few others for company, so it is a target by itself, with a deviation of 1 allowed",
			// It is the first target.
			priorities: []int{1}, allowed: map[int]int64{1: 1},
		},
		"room beside the floors": {
			people: countiesAndOne, size: 3,
			rules: []matcher.Rule{companyOf(1, "county", 3, 4)}, // nobody has three
		},
		"nobody is alone": {
			people: holders("county=A", "county=A", "county=B", "county=B", "", ""), size: 4,
			rules: []matcher.Rule{companyOf(1, "county", 2, 4)},
		},
		"impossible with them": {
			people: countiesAndOne, size: 3,
			rules: []matcher.Rule{companyOf(1, "county", 2, 4)},
		},
		"two are too few for three": {
			people: holders("county=A", "county=A", "county=A", "county=B", "county=B", "county=B", "county=C", "county=C"), size: 6,
			rules:      []matcher.Rule{companyOf(1, "county", 3, 6)},
			want:       []selection.Yield{{Rows: []int{1}, Allow: 1, People: []string{"p6", "p7"}}},
			message:    "gives way in this pool: its floors would leave no chance to 2 people who have too few others for company, so it is a target by itself, with a deviation of 1 allowed",
			priorities: []int{1}, allowed: map[int]int64{1: 1},
		},
		"two rules": {
			people: holders("county=A,nation=X", "county=A,nation=X", "county=B,nation=Y", "county=B,nation=Y", "county=C,nation=Z"), size: 4,
			rules:      []matcher.Rule{companyOf(1, "county", 2, 4), companyOf(2, "nation", 2, 4)},
			want:       []selection.Yield{{Rows: []int{1, 2}, Allow: 2, People: []string{"p4"}}},
			message:    "gives way together with 2 in this pool: its floors would leave no chance to 1 person who has too few others for company, so it is a target by itself, with a deviation of 2 allowed",
			priorities: []int{1, 1}, allowed: map[int]int64{1: 2},
		},
		"other targets make room, and keep what is allowed to them": {
			people: countiesAndOne, size: 4,
			rules:      []matcher.Rule{target(2, 1, 1, "skill", 1, 4), companyOf(1, "county", 2, 4), target(3, 3, 1, "skill", 1, 4)},
			allow:      map[int]int64{1: 2, 3: 4},
			want:       []selection.Yield{{Rows: []int{1}, Allow: 1, People: []string{"p4"}}},
			priorities: []int{2, 1, 3}, allowed: map[int]int64{1: 1, 2: 2, 3: 4},
		},
		"in cohorts that keep it, but in none of the best": {
			people: holders("county=A", "county=A", "county=C", "skill=s"), size: 3,
			rules:      []matcher.Rule{companyOf(1, "county", 2, 3), target(2, 1, 1, "skill", 1, 3)},
			want:       []selection.Yield{{Rows: []int{1}, Allow: 1, People: []string{"p2"}}},
			priorities: []int{1, 2}, allowed: map[int]int64{1: 1},
		},
		"a target": {
			people: countiesAndOne, size: 4,
			rules:      []matcher.Rule{at(companyOf(1, "county", 2, 4), 3, 7)},
			allow:      map[int]int64{3: 0},
			want:       []selection.Yield{{Rows: []int{1}, Priority: 3, Allow: 1, People: []string{"p4"}}},
			message:    "gives way in this pool: its floors would leave no chance to 1 person who has too few others for company, so it is a target by itself, with a deviation of 1 allowed",
			priorities: []int{3}, allowed: map[int]int64{3: 1},
		},
		"a target beside others": {
			people: countiesAndOne, size: 4,
			rules:      []matcher.Rule{at(companyOf(1, "county", 2, 4), 1, 2), target(2, 1, 3, "skill", 1, 4), target(3, 2, 1, "skill", 2, 4)},
			want:       []selection.Yield{{Rows: []int{1}, Priority: 1, Allow: 1, People: []string{"p4"}}},
			priorities: []int{2, 1, 3}, allowed: map[int]int64{2: 1},
		},
		"the less important one": {
			people: holders("county=A,nation=X", "county=A,nation=X", "county=B,nation=Y", "county=B", "county=C", "nation=Y"), size: 3,
			rules:      []matcher.Rule{companyOf(1, "nation", 3, 3), at(companyOf(2, "county", 2, 3), 1, 1)},
			want:       []selection.Yield{{Rows: []int{2}, Priority: 1, Allow: 1, People: []string{"p4", "p5"}}},
			priorities: []int{0, 1}, allowed: map[int]int64{1: 1},
		},
		"no priority is left": {
			people: countiesAndOne, size: 4,
			rules:      append([]matcher.Rule{companyOf(1, "county", 2, 4)}, full...),
			want:       []selection.Yield{{Rows: []int{1}, Allow: 1, Dropped: true, People: []string{"p4"}}},
			message:    "gives way in this pool: its floors would leave no chance to 1 person who has too few others for company, so it asks for nothing",
			priorities: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		},
		"other rules do it": {
			people: holders("county=A", "county=A", "county=B", "county=B", "county=C,skill=s"), size: 3,
			rules: []matcher.Rule{companyOf(1, "county", 3, 3), {Row: 2, Max: 0, Property: target(2, 0, 0, "skill", 0, 0).Property}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			criteria := matcher.Criteria{Size: c.size, MinSize: c.size, Rules: c.rules, Allow: c.allow}
			got := giveWay(t, c.people, criteria)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if len(got) == 0 {
				return
			}
			if c.message != "" && got[0].Message() != c.message {
				t.Errorf("%s\nwanted %s", got[0].Message(), c.message)
			}
			before := slices.Clone(criteria.Rules)
			left := selection.Yielded(criteria, got)
			var priorities []int
			for _, r := range left.Rules {
				priorities = append(priorities, r.Priority)
			}
			if diff := cmp.Diff(c.priorities, priorities) + cmp.Diff(c.allowed, left.Allow); diff != "" {
				t.Errorf("yielded (-want +got):\n%s", diff)
			}
			if !cmp.Equal(criteria.Rules, before) || !maps.Equal(criteria.Allow, c.allow) {
				t.Error("the criteria themselves changed")
			}
			l, err := selection.FindLottery(context.Background(), c.people, left, selection.LotteryOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range got[0].People {
				if slices.Contains(l.Impossible, id) {
					t.Errorf("%s has no chance", id)
				}
			}
		})
	}
	if got := (selection.Yield{Rows: []int{3}}).Message(); !strings.Contains(got, "somebody who has") {
		t.Error(got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	criteria := matcher.Criteria{Size: 4, MinSize: 4, Rules: []matcher.Rule{companyOf(1, "county", 2, 4)}}
	if _, err := selection.GiveWay(ctx, countiesAndOne, criteria, selection.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if _, err := selection.GiveWay(context.Background(), nil, criteria, selection.Options{}); err == nil {
		t.Error("no pool, and no error")
	}
}

func giveWay(t *testing.T, people []matcher.Person, c matcher.Criteria) []selection.Yield {
	t.Helper()
	yields, err := selection.GiveWay(context.Background(), people, c, selection.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return yields
}

// Switched on, company rules never take the last chance of somebody who is
// alone, whatever else there is: trying every cohort finds who has a chance
// without them, and who has one when they give way. They do not give way where
// nobody would lose anything, and by no less would everybody keep their chance.
func TestCompanyTakesNoLastChance(t *testing.T) {
	const seed = 61
	instances := 1200
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		instances = 20_000
	}
	var alone, saved, gave, tight int
	for i := range instances {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := randomInstance(rng)
		priority := rng.IntN(4)
		c.Rules = append(c.Rules, matcher.Rule{
			Row: 20, Kind: matcher.Company, Min: 2, Max: max(2, c.Size), Priority: priority, Weight: max(1, priority),
			Property: matcher.Property{Terms: []matcher.Term{{Attribute: "a1", Wildcard: true}}},
		})
		chance := func(c matcher.Criteria) map[string]bool {
			in := map[string]bool{}
			for _, cohort := range bestSets(people, c) {
				for _, id := range cohort {
					in[id] = true
				}
			}
			return in
		}
		without := c
		without.Rules = slices.DeleteFunc(slices.Clone(c.Rules), func(r matcher.Rule) bool { return r.Kind == matcher.Company })
		free, before := chance(without), chance(c)
		yields := giveWay(t, people, c)
		if len(before) == 0 {
			if len(yields) > 0 {
				t.Fatalf("instance %d of seed %d: impossible, and gives way: %+v", i, seed, yields)
			}
			continue
		}
		lone := map[string]bool{}
		for _, r := range c.Rules {
			if r.Kind != matcher.Company {
				continue
			}
			held := map[string][]string{}
			term := r.Property.Terms[0]
			for _, p := range people {
				for _, v := range slices.Compact(slices.Sorted(slices.Values(p.Values[term.Attribute]))) {
					if (term.Wildcard || slices.Contains(term.Values, v)) && !slices.Contains(c.Exclude, p.ID) {
						held[v] = append(held[v], p.ID)
					}
				}
			}
			for _, ids := range held {
				for _, id := range ids {
					lone[id] = lone[id] || len(ids) < r.Min && free[id]
				}
			}
		}
		lost := func(c matcher.Criteria) (ids []string) {
			in := chance(c)
			for id, is := range lone {
				if is && !in[id] {
					ids = append(ids, id)
				}
			}
			slices.Sort(ids)
			return ids
		}
		for _, is := range lone {
			if is {
				alone++
			}
		}
		if (len(yields) > 0) != (len(lost(c)) > 0) {
			t.Fatalf("instance %d of seed %d: without giving way %v lose their chance; it gives way: %+v\npeople %+v\ncriteria %+v", i, seed, lost(c), yields, people, c)
		}
		if left := lost(selection.Yielded(c, yields)); len(left) > 0 {
			t.Fatalf("instance %d of seed %d: %v lose their chance although it gives way: %+v\npeople %+v\ncriteria %+v", i, seed, left, yields, people, c)
		}
		if len(yields) == 0 {
			continue
		}
		gave++
		saved += len(lost(c))
		if !slices.Equal(yields[0].People, lost(c)) {
			t.Fatalf("instance %d of seed %d: %v would lose their chance, not %v", i, seed, lost(c), yields[0].People)
		}
		// The last one by one less, as far as it may be less. The company rules after
		// it are found with it, and not it with them.
		less := slices.Clone(yields)
		last := &less[len(less)-1]
		last.Allow--
		least := int64(0)
		if !slices.ContainsFunc(c.Rules, func(r matcher.Rule) bool { return r.Kind != matcher.Company && r.Priority == last.Priority }) {
			weights := int64(0)
			for _, r := range c.Rules {
				if slices.Contains(last.Rows, r.Row) {
					for a, b := weights, int64(max(1, r.Weight)); ; a, b = b, a%b {
						if weights = a; b == 0 {
							break
						}
					}
				}
			}
			least = c.Allow[last.Priority] / weights
		}
		first := c
		first.Rules = slices.DeleteFunc(slices.Clone(c.Rules), func(r matcher.Rule) bool {
			return r.Kind == matcher.Company && r.Priority > last.Priority
		})
		if last.Allow >= least && len(lost(selection.Yielded(first, less))) == 0 {
			t.Fatalf("instance %d of seed %d: %+v would do\npeople %+v\ncriteria %+v", i, seed, less, people, c)
		}
		if last.Allow >= least {
			tight++
		}
	}
	t.Logf("figure: %d instances, %d people alone with a chance without company rules: %d would lose it in %d instances, and all keep it as the rules give way; %d times one less was tried, and would not do", instances, alone, saved, gave, tight)
	if saved < 20 || tight < 10 {
		t.Errorf("too easy: %d saved, %d tight", saved, tight)
	}
}
