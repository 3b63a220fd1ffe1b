package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// copyOf is a record that can be changed: read from its bytes.
func copyOf(t testing.TB, r *matcher.Record) *matcher.Record {
	t.Helper()
	c, err := matcher.ParseRecord(r.AppendJSON(nil))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var runsOnce = sync.OnceValue(func() []run {
	var list []run
	for seed := uint64(1); seed < 400; seed++ {
		list = append(list, randomRun(seed))
	}
	return list
})

var found sync.Map // name → *matcher.Record

// first is the record of the first random run that is as asked.
func first(t testing.TB, name string, is func(*matcher.Record) bool) *matcher.Record {
	t.Helper()
	if r, ok := found.Load(name); ok {
		return copyOf(t, r.(*matcher.Record))
	}
	for _, run := range runsOnce() {
		key := fmt.Sprint("run ", run.seed)
		r, ok := found.Load(key)
		if !ok {
			r = run.record(t)
			found.Store(key, r)
		}
		if r := r.(*matcher.Record); r != nil && is(r) {
			found.Store(name, r)
			return copyOf(t, r)
		}
	}
	t.Fatalf("no random run is %s", name)
	return nil
}

func claimOf(r *matcher.Record, kind string) *matcher.Claim {
	for i := range r.Certificate.Claims {
		if c := &r.Certificate.Claims[i]; c.Kind == kind && (len(c.Proof) > 0 || len(c.Weights) > 0) {
			return c
		}
	}
	return nil
}

func with(kind string) func(*matcher.Record) bool {
	return func(r *matcher.Record) bool { return claimOf(r, kind) != nil }
}

func drawn(r *matcher.Record) bool { return r.Lottery.Drawable() && len(r.Cohort) > 0 }

// anew seals a record whose input was changed: digest of the input, root of the
// draw.
func anew(r *matcher.Record) {
	r.InputDigest = r.Certificate.Input.Digest()
	if d := r.Certificate.Draw; d != nil && d.Selection == "" {
		d.Root = r.InputDigest
	}
}

func leaf(p matcher.Proof) *matcher.ProofNode {
	for i := range p {
		if p[i].Leaf && len(p[i].Rows) > 0 {
			return &p[i]
		}
	}
	return nil
}

// flip turns the first leaf of a proof around.
func flip(c *matcher.Claim) {
	for i := range leaf(c.Proof).Rows {
		leaf(c.Proof).Rows[i].By *= -1
	}
}

// drop leaves the largest multiplier of the first leaf out.
func drop(c *matcher.Claim) {
	l := leaf(c.Proof)
	at := 0
	for i, m := range l.Rows {
		if max(m.By, -m.By) > max(l.Rows[at].By, -l.Rows[at].By) {
			at = i
		}
	}
	l.Rows = slices.Delete(l.Rows, at, at+1)
}

// recount fills in what a cohort does, as an honest engine would.
func recount(r *matcher.Record) {
	in := r.Certificate.Input
	r.Rules = selection.Count(in.People, in.Criteria, r.Cohort)
	r.Size.Got = len(r.Cohort)
	var deviation [matcher.MaxPriority + 1]int64
	for i, n := range r.Rules {
		deviation[n.Priority] += int64(in.Criteria.Rules[i].Weight) * int64(n.Short+n.Over)
	}
	for i := range r.Deviation {
		r.Deviation[i].Value = deviation[r.Deviation[i].Priority]
	}
}

// cost is the deviation of a priority.
func cost(r *matcher.Record, rules []matcher.RuleCount, priority int) (sum int64) {
	for i, n := range rules {
		if n.Priority == priority {
			sum += int64(r.Certificate.Input.Criteria.Rules[i].Weight) * int64(n.Short+n.Over)
		}
	}
	return sum
}

func off(rules []matcher.RuleCount, must bool) (sum int) {
	for _, n := range rules {
		if (n.Priority == matcher.Must) == must {
			sum += n.Short + n.Over
		}
	}
	return sum
}

// swapped exchanges one member so that the result is as asked; false: no exchange is.
func swapped(r *matcher.Record, is func(*matcher.Record) bool) bool {
	in := r.Certificate.Input
	for _, out := range r.Cohort {
		for _, p := range in.People {
			if slices.Contains(r.Cohort, p.ID) {
				continue
			}
			c := *r
			c.Deviation = slices.Clone(r.Deviation)
			c.Cohort = slices.DeleteFunc(slices.Clone(r.Cohort), func(id string) bool { return id == out })
			c.Cohort = append(c.Cohort, p.ID)
			slices.Sort(c.Cohort)
			recount(&c)
			if is(&c) {
				*r = c
				return true
			}
		}
	}
	return false
}

func chancesOf(r *matcher.Record) {
	clear(r.Lottery.Chances)
	for _, line := range r.Lottery.Book {
		for _, c := range line.Counts {
			r.Lottery.Chances[c.Type] += line.Tickets * c.Count
		}
	}
}

// forgery is a kind of change to a record, after which it is sealed again.
type forgery struct {
	what   string
	number string // of the check that has to refuse it
	base   string
	is     func(*matcher.Record) bool
	change func(*testing.T, *matcher.Record)
}

func mustAndSoft(r *matcher.Record) bool {
	c := r.Certificate.Input.Criteria
	plain := len(c.Caps)+len(c.Links)+len(c.Include)+len(c.Exclude)+len(c.Scores) == 0
	must, soft := false, false
	for _, rule := range c.Rules {
		must = must || rule.Priority == matcher.Must
		soft = soft || rule.Priority != matcher.Must
	}
	return drawn(r) && plain && must && soft && len(c.Allow) == 0 && r.Lottery.Method == matcher.LotteryLeximin && claimOf(r, matcher.ClaimLevel) != nil
}

func plainSeed(r *matcher.Record) bool {
	c := r.Certificate.Input.Criteria
	return r.Status == matcher.Optimal && r.Lottery.Method == matcher.LotteryNone && len(c.Rules) > 1 && len(c.Links)+len(c.Include)+len(c.Exclude)+len(c.Caps)+len(c.Scores) == 0
}

func infeasible(r *matcher.Record) bool {
	return r.Infeasibility != nil && r.Infeasibility.LeastTotalDeviation != nil && len(r.Infeasibility.Closest) > 0
}

func levels(n int) func(*matcher.Record) bool {
	return func(r *matcher.Record) bool {
		k := 0
		for _, c := range r.Certificate.Claims {
			if c.Kind == matcher.ClaimLevel && len(c.Weights) > 0 {
				k++
			}
		}
		return drawn(r) && k >= n && r.Lottery.Method == matcher.LotteryLeximin && r.Certificate.Input.MaxChance == 0
	}
}

func twoTypes(r *matcher.Record) bool {
	return mustAndSoft(r) && slices.ContainsFunc(r.Lottery.Types, func(ids []string) bool { return len(ids) > 1 })
}

func blocky(r *matcher.Record) bool {
	if !drawn(r) {
		return false
	}
	for _, l := range r.Certificate.Input.Criteria.Links {
		if l.Kind == matcher.Together {
			for _, line := range r.Lottery.Book {
				for _, c := range line.Counts {
					if slices.Contains(r.Lottery.Types[c.Type], l.IDs[0]) && c.Count > 1 {
						return true
					}
				}
			}
		}
	}
	return false
}

var forgeries = []forgery{
	{"the whole lottery is taken out, and the cohort picked by hand", "10", "drawn", drawn, func(_ *testing.T, r *matcher.Record) {
		r.Lottery = matcher.Lottery{Method: r.Lottery.Method}
		r.Certificate.Draw = nil
		r.Seed = r.Certificate.Input.Seed
		r.Certificate.Claims = slices.DeleteFunc(r.Certificate.Claims, func(c matcher.Claim) bool {
			return c.Kind == matcher.ClaimLevel || c.Kind == matcher.ClaimImpossible
		})
	}},
	{"the digest of the input is another", "3", "drawn", drawn, func(_ *testing.T, r *matcher.Record) {
		r.InputDigest = "sha256:" + strings.Repeat("0", 64)
	}},
	{"an answer is changed and the digest of the input left", "3", "must and soft", mustAndSoft, func(_ *testing.T, r *matcher.Record) {
		r.Certificate.Input.People[0].Values = map[string][]string{"race": {"another"}}
	}},
	{"an answer is changed, and everything sealed anew", "4", "must and soft", mustAndSoft, func(t *testing.T, r *matcher.Record) {
		p := &r.Certificate.Input.People[0]
		p.Values = map[string][]string{}
		anew(r)
	}},
	{"somebody is left out of the pool", "4", "must and soft", mustAndSoft, func(t *testing.T, r *matcher.Record) {
		r.Certificate.Input.People = r.Certificate.Input.People[1:]
		anew(r)
	}},
	{"somebody is invented", "4", "must and soft", mustAndSoft, func(t *testing.T, r *matcher.Record) {
		in := r.Certificate.Input
		in.People = append(in.People, matcher.Person{ID: "zz", Values: map[string][]string{}})
		anew(r)
	}},
	{"the size is more than the pool", "5", "must and soft", mustAndSoft, func(_ *testing.T, r *matcher.Record) {
		r.Certificate.Input.Criteria.Size = 999
		anew(r)
	}},
	{"somebody is included who does not exist", "5", "must and soft", mustAndSoft, func(_ *testing.T, r *matcher.Record) {
		r.Certificate.Input.Criteria.Include = []string{"nobody"}
		anew(r)
	}},
	{"a member is swapped for somebody with whom a rule that must hold breaks", "6", "swap must", func(r *matcher.Record) bool {
		return mustAndSoft(r) && swapped(r, func(c *matcher.Record) bool { return off(c.Rules, true) > 0 })
	}, nil},
	{"a member is left out", "6", "exact size", func(r *matcher.Record) bool {
		c := r.Certificate.Input.Criteria
		for _, d := range r.Deviation {
			if d.Bound.Bound > 0 {
				return false
			}
		}
		return drawn(r) && c.MinSize == c.Size && len(c.Include)+len(c.Links) == 0
	}, func(_ *testing.T, r *matcher.Record) {
		r.Cohort = r.Cohort[1:]
		recount(r)
	}},
	{"the member who is included is swapped", "6", "included", func(r *matcher.Record) bool {
		return drawn(r) && len(r.Certificate.Input.Criteria.Include) == 1
	}, func(_ *testing.T, r *matcher.Record) {
		who := r.Certificate.Input.Criteria.Include[0]
		swapped(r, func(c *matcher.Record) bool { return !slices.Contains(c.Cohort, who) })
	}},
	{"a count is forged", "7", "must and soft", mustAndSoft, func(_ *testing.T, r *matcher.Record) { r.Rules[0].Count++ }},
	{"a shortfall is hidden", "7", "short", func(r *matcher.Record) bool { return drawn(r) && off(r.Rules, false) > 0 }, func(_ *testing.T, r *matcher.Record) {
		for i := range r.Rules {
			r.Rules[i].Short, r.Rules[i].Over = 0, 0
		}
	}},
	{"a rule is dropped from the counts", "7", "must and soft", mustAndSoft, func(_ *testing.T, r *matcher.Record) { r.Rules = r.Rules[1:] }},
	{"a rule is dropped from the input", "7", "must and soft", mustAndSoft, func(_ *testing.T, r *matcher.Record) {
		c := &r.Certificate.Input.Criteria
		c.Rules = c.Rules[:len(c.Rules)-1]
		anew(r)
	}},
	{"a rule that must hold gives way to nobody any more", "6", "gives way", func(r *matcher.Record) bool {
		return drawn(r) && off(relieved(r, 0), true) > 0
	}, func(_ *testing.T, r *matcher.Record) { relieve(r, 0) }},
	{"a target gives way to nobody any more", "7", "target gives way", func(r *matcher.Record) bool {
		return drawn(r) && off(relieved(r, 0), true) == 0 && !slices.Equal(relieved(r, 0), r.Rules)
	}, func(_ *testing.T, r *matcher.Record) { relieve(r, 0) }},
	{"a rule's max is raised in the counts", "7", "must and soft", mustAndSoft, func(_ *testing.T, r *matcher.Record) { r.Rules[0].Max++ }},
	{"a deviation is forged", "8", "short", func(r *matcher.Record) bool { return drawn(r) && off(r.Rules, false) > 0 }, func(_ *testing.T, r *matcher.Record) {
		for i := range r.Deviation {
			r.Deviation[i].Value++
		}
	}},
	{"a score is forged", "8", "score", with(matcher.ClaimScore), func(_ *testing.T, r *matcher.Record) {
		r.Score.Value, r.Score.Bound = r.Score.Value+1, r.Score.Bound+1
		claimOf(r, matcher.ClaimScore).Bound++
	}},
	{"the size that is possible is forged", "8", "exact size", nil, func(_ *testing.T, r *matcher.Record) { r.Size.Bound-- }},
	{"a priority is left out", "8", "must and soft", mustAndSoft, func(_ *testing.T, r *matcher.Record) { r.Deviation = r.Deviation[1:] }},
	{"somebody is moved to another type", "9", "two types", twoTypes, func(_ *testing.T, r *matcher.Record) {
		l := &r.Lottery
		for t, ids := range l.Types {
			if last := len(ids) - 1; last > 0 {
				to := (t + 1) % len(l.Types)
				who := ids[last]
				l.Types[t] = ids[:last]
				l.Types[to] = append(slices.Clone(l.Types[to]), who)
				slices.Sort(l.Types[to])
				l.Chances[t] = min(l.Chances[t], matcher.Tickets*int64(last))
				for i := range l.Book {
					for k := range l.Book[i].Counts {
						if c := &l.Book[i].Counts[k]; c.Type == t {
							c.Count = min(c.Count, int64(last))
						}
					}
				}
				slices.SortFunc(l.Book, matcher.CompareBookLines)
				l.Book = slices.CompactFunc(l.Book, func(a, b matcher.BookLine) bool { return matcher.CompareBookLines(a, b) == 0 })
				return
			}
		}
	}},
	{"somebody has no type", "9", "two types", twoTypes, func(_ *testing.T, r *matcher.Record) {
		l := &r.Lottery
		for t, ids := range l.Types {
			if last := len(ids) - 1; last > 0 && l.Chances[t] == 0 {
				l.Types[t] = ids[:last]
				delete(l.Optimum, ids[last])
				return
			}
		}
		last := len(l.Types) - 1
		l.Types, l.Chances = l.Types[:last], l.Chances[:last]
		l.Book = slices.DeleteFunc(l.Book, func(line matcher.BookLine) bool { return line.Counts[len(line.Counts)-1].Type == last })
	}},
	{"a ticket is lost", "10", "many lines", manyLines, func(_ *testing.T, r *matcher.Record) { r.Lottery.Book[0].Tickets-- }},
	{"a line of the book is left out", "10", "many lines", manyLines, func(_ *testing.T, r *matcher.Record) {
		r.Lottery.Book = r.Lottery.Book[1:]
		chancesOf(r)
	}},
	{"half a block is in a line", "10", "blocks", blocky, func(_ *testing.T, r *matcher.Record) {
		for _, l := range r.Certificate.Input.Criteria.Links {
			if l.Kind != matcher.Together {
				continue
			}
			for i := range r.Lottery.Book {
				for k := range r.Lottery.Book[i].Counts {
					if c := &r.Lottery.Book[i].Counts[k]; slices.Contains(r.Lottery.Types[c.Type], l.IDs[0]) && c.Count > 1 {
						c.Count--
						slices.SortFunc(r.Lottery.Book, matcher.CompareBookLines)
						return
					}
				}
			}
		}
	}},
	{"a line of the book breaks a rule that must hold", "11", "worse must", func(r *matcher.Record) bool {
		return mustAndSoft(r) && worseLine(r, func(rules []matcher.RuleCount) bool { return off(rules, true) > 0 })
	}, nil},
	{"a line of the book deviates more than the best", "12", "worse soft", func(r *matcher.Record) bool {
		c := &r.Certificate.Input.Criteria
		return drawn(r) && len(c.Caps)+len(c.Links)+len(c.Include)+len(c.Exclude) == 0 && worseLine(r, func(rules []matcher.RuleCount) bool {
			return off(rules, true) == 0 && slices.ContainsFunc(r.Deviation, func(d matcher.Deviation) bool {
				return cost(r, rules, d.Priority) > d.Bound.Bound+c.Allow[d.Priority]
			})
		})
	}, nil},
	{"a chance is raised", "13", "many lines", manyLines, func(_ *testing.T, r *matcher.Record) {
		for t, n := range r.Lottery.Chances {
			if n < matcher.Tickets {
				r.Lottery.Chances[t]++
				return
			}
		}
	}},
	{"a ticket is moved from one line to another", "13", "many lines", manyLines, func(_ *testing.T, r *matcher.Record) {
		r.Lottery.Book[0].Tickets++
		r.Lottery.Book[1].Tickets--
	}},
	{"one person's optimum is raised", "14", "two types", twoTypes, func(_ *testing.T, r *matcher.Record) {
		for _, ids := range r.Lottery.Types {
			if len(ids) > 1 {
				r.Lottery.Optimum[ids[0]] ^= 1
				return
			}
		}
	}},
	{"the smallest chance is changed", "14", "many lines", manyLines, func(_ *testing.T, r *matcher.Record) { r.Lottery.Smallest-- }},
	{"one more is certain", "14", "drawn", drawn, func(_ *testing.T, r *matcher.Record) { r.Lottery.Certain++ }},
	{"one less is impossible", "14", "impossible", with(matcher.ClaimImpossible), func(_ *testing.T, r *matcher.Record) { r.Lottery.Impossible-- }},
	{"somebody is called impossible who is not", "14", "many lines", manyLines, func(_ *testing.T, r *matcher.Record) {
		t := r.Lottery.Book[0].Counts[0].Type
		r.Certificate.Claims = slices.Insert(r.Certificate.Claims, levelAt(r), matcher.Claim{Kind: matcher.ClaimImpossible, Number: t})
		r.Lottery.Impossible += len(r.Lottery.Types[t])
	}},
	{"half the tickets of a line go to another, chances and all", "15", "many lines", manyLines, func(_ *testing.T, r *matcher.Record) {
		b := r.Lottery.Book
		n := b[0].Tickets / 2
		b[0].Tickets, b[1].Tickets = b[0].Tickets-n, b[1].Tickets+n
		chancesOf(r)
		certain := 0
		for t, ids := range r.Lottery.Types {
			if r.Lottery.Chances[t] == matcher.Tickets*int64(len(ids)) {
				certain += len(ids)
			}
		}
		r.Lottery.Certain = certain
	}},
	{"the number of the ticket is changed", "16", "drawn", drawn, func(_ *testing.T, r *matcher.Record) { r.Certificate.Draw.Ticket ^= 1 }},
	{"the public value is changed", "16", "drawn", drawn, func(_ *testing.T, r *matcher.Record) {
		r.Certificate.Draw.Value, r.Seed = "in private", "in private"
	}},
	{"the seed is not that of the draw", "16", "drawn", drawn, func(_ *testing.T, r *matcher.Record) { r.Seed = "another" }},
	{"it is called a later attempt", "16", "drawn", drawn, func(_ *testing.T, r *matcher.Record) { r.Certificate.Draw.Attempt = 2 }},
	{"the root is another", "16", "drawn", drawn, func(_ *testing.T, r *matcher.Record) {
		r.Certificate.Draw.Root = "sha256:" + strings.Repeat("1", 64)
	}},
	{"the draw is taken out", "16", "drawn", drawn, func(_ *testing.T, r *matcher.Record) { r.Certificate.Draw = nil }},
	{"a member is swapped for somebody as good", "17", "swap alike", func(r *matcher.Record) bool {
		if !mustAndSoft(r) {
			return false
		}
		before, rules := slices.Clone(r.Cohort), slices.Clone(r.Rules)
		return swapped(r, func(c *matcher.Record) bool { return slices.Equal(c.Rules, rules) && !slices.Equal(c.Cohort, before) })
	}, nil},
	{"a claim is left out", "18", "deviation", with(matcher.ClaimDeviation), func(_ *testing.T, r *matcher.Record) {
		r.Certificate.Claims = slices.DeleteFunc(r.Certificate.Claims, func(c matcher.Claim) bool { return c.Kind == matcher.ClaimDeviation })
	}},
	{"a claim says less than the record", "18", "deviation", with(matcher.ClaimDeviation), func(_ *testing.T, r *matcher.Record) {
		claimOf(r, matcher.ClaimDeviation).Bound--
	}},
	{"a claim stands there twice", "18", "deviation", with(matcher.ClaimDeviation), func(_ *testing.T, r *matcher.Record) {
		r.Certificate.Claims = slices.Insert(r.Certificate.Claims, 0, r.Certificate.Claims[0])
	}},
	{"the proof of the size is turned around", "19", "size", with(matcher.ClaimSize), func(_ *testing.T, r *matcher.Record) {
		flip(claimOf(r, matcher.ClaimSize))
	}},
	{"the proof of impossibility lacks its largest multiplier", "19", "least", with(matcher.ClaimLeast), func(_ *testing.T, r *matcher.Record) {
		drop(claimOf(r, matcher.ClaimLeast))
	}},
	{"the proof of a deviation lacks its largest multiplier", "20", "deviation", with(matcher.ClaimDeviation), func(_ *testing.T, r *matcher.Record) {
		drop(claimOf(r, matcher.ClaimDeviation))
	}},
	{"a proof names a row that there is not", "20", "deviation", with(matcher.ClaimDeviation), func(_ *testing.T, r *matcher.Record) {
		l := leaf(claimOf(r, matcher.ClaimDeviation).Proof)
		l.Rows[len(l.Rows)-1].Row = 1 << 20
	}},
	{"the tree of a proof is cut", "20", "deviation", with(matcher.ClaimDeviation), func(_ *testing.T, r *matcher.Record) {
		c := claimOf(r, matcher.ClaimDeviation)
		c.Proof = matcher.Proof{{Column: 0, At: 0}, c.Proof[len(c.Proof)-1]}
	}},
	{"the proof of the score is turned around", "21", "score", with(matcher.ClaimScore), func(_ *testing.T, r *matcher.Record) {
		flip(claimOf(r, matcher.ClaimScore))
	}},
	{"the proof that the seed decides is turned around", "22", "seed", with(matcher.ClaimSeed), func(_ *testing.T, r *matcher.Record) {
		flip(claimOf(r, matcher.ClaimSeed))
	}},
	{"the seed's cohort is swapped for another that is as good", "22", "seed, swapped", func(r *matcher.Record) bool {
		if !plainSeed(r) {
			return false
		}
		deviation, size := slices.Clone(r.Deviation), r.Size
		return swapped(r, func(c *matcher.Record) bool {
			return slices.Equal(c.Deviation, deviation) && c.Size == size && off(c.Rules, true) == 0
		})
	}, func(_ *testing.T, r *matcher.Record) {
		sum := int64(0)
		for _, id := range r.Cohort {
			h := sha256.Sum256([]byte(r.Seed + "\x00" + id))
			sum += int64(h[0])<<12 | int64(h[1])<<4 | int64(h[2])>>4
		}
		claimOf(r, matcher.ClaimSeed).Bound = sum
	}},
	{"the proof that somebody is impossible is turned around", "23", "impossible", with(matcher.ClaimImpossible), func(_ *testing.T, r *matcher.Record) {
		flip(claimOf(r, matcher.ClaimImpossible))
	}},
	{"the proof of a level lacks its largest multiplier", "24", "level", levels(1), func(_ *testing.T, r *matcher.Record) {
		drop(claimOf(r, matcher.ClaimLevel))
	}},
	{"a dual of a level is weakened", "24", "level", levels(1), func(_ *testing.T, r *matcher.Record) {
		flip(claimOf(r, matcher.ClaimLevel))
	}},
	{"a weight of a level is left out", "24", "level", levels(1), func(_ *testing.T, r *matcher.Record) {
		c := claimOf(r, matcher.ClaimLevel)
		c.Weights = slices.DeleteFunc(c.Weights, func(w matcher.Weight) bool { return w.Type == c.Types[0] })
	}},
	{"the bound of a level is lowered", "24", "level", levels(1), func(_ *testing.T, r *matcher.Record) {
		c := claimOf(r, matcher.ClaimLevel)
		c.Bound -= c.Bound / 2
	}},
	{"the value of a level is raised", "24", "level", levels(1), func(_ *testing.T, r *matcher.Record) {
		claimOf(r, matcher.ClaimLevel).Value += 2_000_000
	}},
	{"all levels and optima are raised, by less than tickets can show", "24", "level and lines", func(r *matcher.Record) bool {
		return levels(1)(r) && len(r.Lottery.Book) > 3 && r.Certificate.Input.MaxChance == 0
	}, func(_ *testing.T, r *matcher.Record) {
		const more = 2000 // billionths
		for i := range r.Certificate.Claims {
			c := &r.Certificate.Claims[i]
			if c.Kind != matcher.ClaimLevel || c.Value+more*1_000_000 > 1_000_000_000_000_000 {
				continue
			}
			c.Value += more * 1_000_000
			for _, t := range c.Types {
				for _, id := range r.Lottery.Types[t] {
					r.Lottery.Optimum[id] += more
				}
			}
		}
		r.Lottery.Smallest += more
	}},
	{"the optimum of all of a type is lowered a little", "24", "two levels", levels(2), func(_ *testing.T, r *matcher.Record) {
		c := claimOf(r, matcher.ClaimLevel)
		for _, t := range c.Types {
			for _, id := range r.Lottery.Types[t] {
				r.Lottery.Optimum[id] -= 50
			}
		}
		r.Lottery.Smallest -= 50
	}},
	{"a type is moved to another level", "24", "two levels", levels(2), func(_ *testing.T, r *matcher.Record) {
		var a, b *matcher.Claim
		for i := range r.Certificate.Claims {
			if c := &r.Certificate.Claims[i]; c.Kind == matcher.ClaimLevel {
				a, b = b, c
			}
		}
		b.Types = append(b.Types, a.Types[0])
		slices.Sort(b.Types)
		a.Types = a.Types[1:]
	}},
	{"two levels change places", "24", "two levels", levels(2), func(_ *testing.T, r *matcher.Record) {
		at := levelAt(r)
		c := r.Certificate.Claims
		c[at], c[at+1] = c[at+1], c[at]
		c[at].Number, c[at+1].Number = 1, 2
	}},
	{"the gap is forged", "24", "level", levels(1), func(_ *testing.T, r *matcher.Record) { r.Lottery.Gap++ }},
	{"the closest cohort is another", "25", "infeasible", infeasible, func(_ *testing.T, r *matcher.Record) {
		in, i := r.Certificate.Input, r.Infeasibility
		for _, p := range in.People {
			if !slices.Contains(i.Closest, p.ID) {
				i.Closest[0] = p.ID
				slices.Sort(i.Closest)
				return
			}
		}
	}},
	{"the least deviation is raised, claim and all", "19", "infeasible", infeasible, func(_ *testing.T, r *matcher.Record) {
		*r.Infeasibility.LeastTotalDeviation++
		claimOf(r, matcher.ClaimLeast).Bound++
	}},
	{"a count of the closest cohort is forged", "25", "infeasible", infeasible, func(_ *testing.T, r *matcher.Record) {
		r.Infeasibility.ClosestRules[0].Count++
	}},
	{"a rule is taken out of the conflict", "19", "conflict", with(matcher.ClaimConflict), func(_ *testing.T, r *matcher.Record) {
		i := r.Infeasibility
		i.Conflict = i.Conflict[:len(i.Conflict)-1]
		if len(i.Conflict) == 0 || i.Conflict[len(i.Conflict)-1].Row == 0 { // a rule has to be left
			for _, rule := range r.Certificate.Input.Criteria.Rules {
				if rule.Priority == matcher.Must && rule.Kind == matcher.Quota {
					i.Conflict = append(i.Conflict, matcher.Condition{Row: rule.Row, Bound: matcher.BoundMax})
					return
				}
			}
		}
	}},
	{"the conflict names a rule that need not hold", "25", "soft conflict", func(r *matcher.Record) bool {
		return with(matcher.ClaimConflict)(r) && slices.ContainsFunc(r.Certificate.Input.Criteria.Rules, soft)
	}, func(_ *testing.T, r *matcher.Record) {
		i := r.Infeasibility
		rules := r.Certificate.Input.Criteria.Rules
		at := slices.IndexFunc(rules, soft)
		i.Conflict = append(i.Conflict, matcher.Condition{Row: rules[at].Row, Bound: matcher.BoundMin})
	}},
	{"a way out goes beyond what may be relaxed", "25", "way out", func(r *matcher.Record) bool {
		return r.Infeasibility != nil && slices.ContainsFunc(r.Infeasibility.Relaxations, func(x matcher.Relaxation) bool {
			return len(x.Changes) == 1 && x.Changes[0].Bound == matcher.BoundMax
		})
	}, func(_ *testing.T, r *matcher.Record) {
		in := r.Certificate.Input
		for _, x := range r.Infeasibility.Relaxations {
			if c := x.Changes[0]; len(x.Changes) == 1 && c.Bound == matcher.BoundMax {
				for k := range in.Criteria.Rules {
					if rule := &in.Criteria.Rules[k]; rule.Row == c.Row {
						rule.MaxFlex = c.To - 1
					}
				}
			}
		}
		anew(r)
	}},
	{"an alternate is a member", "26", "drawn", drawn, func(_ *testing.T, r *matcher.Record) { r.Alternates = []string{r.Cohort[0]} }},
}

func soft(r matcher.Rule) bool { return r.Priority != matcher.Must }

func manyLines(r *matcher.Record) bool {
	return mustAndSoft(r) && len(r.Lottery.Book) > 3 && r.Lottery.Book[0].Tickets > 50_000 && r.Lottery.Book[1].Tickets > 50_000
}

// relieve sets by how much every rule gives way that does, and relieved is what
// the cohort would count then.
func relieve(r *matcher.Record, by int) {
	for i := range r.Certificate.Input.Criteria.Rules {
		if rule := &r.Certificate.Input.Criteria.Rules[i]; rule.Relief > 0 {
			rule.Relief = by
		}
	}
	anew(r)
}

func relieved(r *matcher.Record, by int) []matcher.RuleCount {
	c := r.Certificate.Input.Criteria
	c.Rules = slices.Clone(c.Rules)
	for i := range c.Rules {
		if c.Rules[i].Relief > 0 {
			c.Rules[i].Relief = by
		}
	}
	return selection.Count(r.Certificate.Input.People, c, r.Cohort)
}

// levelAt is the place of the first level among the claims.
func levelAt(r *matcher.Record) int {
	return slices.IndexFunc(r.Certificate.Claims, func(c matcher.Claim) bool { return c.Kind == matcher.ClaimLevel })
}

// worseLine exchanges a type in a line of the book so that its cohort is as asked.
func worseLine(r *matcher.Record, is func([]matcher.RuleCount) bool) bool {
	l, in := &r.Lottery, r.Certificate.Input
	for i := range l.Book {
		for k := range l.Book[i].Counts {
			for t := range l.Types {
				line := &l.Book[i]
				if slices.ContainsFunc(line.Counts, func(c matcher.TypeCount) bool { return c.Type == t }) {
					continue
				}
				counts := slices.Clone(line.Counts)
				if counts[k].Count != 1 {
					continue
				}
				counts[k].Type = t
				slices.SortFunc(counts, func(a, b matcher.TypeCount) int { return a.Type - b.Type })
				var cohort []string
				for _, c := range counts {
					cohort = append(cohort, l.Types[c.Type][:c.Count]...)
				}
				if !is(selection.Count(in.People, in.Criteria, cohort)) {
					continue
				}
				book := slices.Clone(l.Book)
				book[i].Counts = counts
				slices.SortFunc(book, matcher.CompareBookLines)
				if len(slices.CompactFunc(slices.Clone(book), func(a, b matcher.BookLine) bool { return matcher.CompareBookLines(a, b) == 0 })) < len(book) {
					continue
				}
				l.Book = book
				chancesOf(r)
				return true
			}
		}
	}
	return false
}

// Every kind of change, sealed again with fresh digests, is refused by the check
// that it breaks.
func TestForgeriesAreRefused(t *testing.T) {
	for _, f := range forgeries {
		t.Run(f.number+" "+f.what, func(t *testing.T) {
			is := f.is
			if is == nil { // a base that another forgery has asked for
				is = func(*matcher.Record) bool { return false }
			}
			r := first(t, f.base, func(r *matcher.Record) bool { return is(copyOf(t, r)) })
			honest := r.Certificate.Input.People
			own := func([]string) ([]matcher.Person, error) { return slices.Clone(honest), nil }
			before, err := verify.File(r.AppendJSON(nil), verify.Options{Pool: own})
			if err != nil || !before.Certified {
				t.Fatalf("the record itself: %+v %v", before, err)
			}
			if f.number == "4" {
				clone := copyOf(t, r)
				honest = clone.Certificate.Input.People
			}
			is(r) // a condition may make the change itself
			if f.change != nil {
				f.change(t, r)
			}
			r.Seal()
			o := verify.Options{}
			if f.number == "4" {
				o.Pool = own
			}
			report, err := verify.File(r.AppendJSON(nil), o)
			if err != nil {
				t.Fatal(err)
			}
			if got := report.Broken(); got != f.number || report.Accepted || report.Certified {
				t.Errorf("refused by check %q, want %q", got, f.number)
				for _, c := range report.Checks {
					if c.State == verify.Broken {
						t.Logf("%s %s: %s", c.Number, c.Title, c.Why)
					}
				}
			}
		})
	}
	t.Logf("figure: %d kinds of change to a record, sealed again, each refused by the check that it breaks", len(forgeries)+len(rough))
}

// resealed ends changed bytes with their digest.
func resealed(b []byte) []byte {
	at := bytes.LastIndex(b, []byte(`,"digest":`))
	sum := sha256.Sum256(b[:at])
	return append(bytes.Clone(b[:at]), fmt.Sprintf(`,"digest":"sha256:%s"}`, hex.EncodeToString(sum[:]))...)
}

var rough = []struct {
	what, number string
	from, to     string
	reseal       bool
}{
	{"a byte, not sealed again", "2", `"complete":true`, `"complete":false`, false},
	{"a space", "1", `"complete":true`, `"complete": true`, true},
	{"a key more", "1", `"complete":true`, `"complete":true,"note":1`, true},
	{"a key left out", "1", `"complete":true,`, ``, true},
	{"a key that stands there twice", "1", `"complete":true`, `"complete":true,"complete":true`, true},
	{"a number with a fraction", "1", `"totalScore":{"value":0`, `"totalScore":{"value":0.0`, true},
	{"an unknown word", "1", `"status":"OPTIMAL"`, `"status":"PERFECT"`, true},
	{"an unknown method", "1", `"method":"LEXIMIN"`, `"method":"FAIREST"`, true},
	{"an unknown kind of claim", "1", `"kind":"LEVEL"`, `"kind":"LEVELS"`, true},
	{"a negative number", "1", `"attempt":1`, `"attempt":-1`, true},
}

// So are changes to the bytes that leave no record at all.
func TestRoughForgeriesAreRefused(t *testing.T) {
	r := first(t, "must and soft", mustAndSoft)
	for _, f := range rough {
		b := r.AppendJSON(nil)
		if !bytes.Contains(b, []byte(f.from)) {
			t.Errorf("%s: the record has no %s", f.what, f.from)
			continue
		}
		b = bytes.Replace(b, []byte(f.from), []byte(f.to), 1)
		if f.reseal {
			b = resealed(b)
		}
		report, err := verify.File(b, verify.Options{})
		if err != nil {
			t.Errorf("%s: %v", f.what, err)
		} else if got := report.Broken(); got != f.number {
			t.Errorf("%s: refused by check %q, want %q", f.what, got, f.number)
		}
	}
}

// Every numbered check of a record refuses something.
func TestEveryCheckCanFail(t *testing.T) {
	refuses := map[string]bool{}
	for _, f := range forgeries {
		refuses[f.number] = true
	}
	for _, f := range rough {
		refuses[f.number] = true
	}
	report, err := verify.File(first(t, "drawn", drawn).AppendJSON(nil), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		if !refuses[c.Number] {
			t.Errorf("no forgery is refused by check %s, %s", c.Number, c.Title)
		}
	}
}
