package verify

import (
	"fmt"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// The verifier shares no code with what it verifies: neither it nor what it
// imports of this module imports any solver.
func TestImportsNoSolver(t *testing.T) {
	const module = "github.com/openfairlead/fairlead/"
	for dir, allowed := range map[string][]string{
		".":       {"matcher", "matcher/draw"},
		"..":      {},
		"../draw": {},
	} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				path := strings.Trim(spec.Path.Value, `"`)
				own, ours := strings.CutPrefix(path, module)
				if ours && !slices.Contains(allowed, own) || !ours && strings.Contains(path, ".") {
					t.Errorf("%s imports %s", file, path)
				}
			}
		}
	}
}

// small is a random input with few enough people to try every cohort.
func small(g *rand.Rand) *matcher.Input {
	n := 5 + g.IntN(5)
	in := &matcher.Input{}
	for i := range n {
		p := matcher.Person{ID: fmt.Sprintf("p%d", i), Values: map[string][]string{}}
		for _, a := range []string{"x", "y"} {
			for v := range 3 {
				if g.IntN(3) == 0 {
					p.Values[a] = append(p.Values[a], fmt.Sprint(a, v))
				}
			}
		}
		in.People = append(in.People, p)
	}
	c := &in.Criteria
	c.Size = 2 + g.IntN(3)
	c.MinSize = g.IntN(c.Size + 1)
	for row := range g.IntN(6) {
		a := []string{"x", "y"}[g.IntN(2)]
		r := matcher.Rule{Row: row + 1, Kind: matcher.Kind(g.IntN(4)), Weight: 1, Max: c.Size}
		term := matcher.Term{Attribute: a, Wildcard: g.IntN(2) == 0}
		if !term.Wildcard {
			term.Values = []string{a + "0", a + "1"}
		}
		r.Property.Terms = []matcher.Term{term}
		if g.IntN(2) == 0 {
			r.Priority, r.Weight = 1+g.IntN(2), 1+g.IntN(3)
		}
		switch r.Kind {
		case matcher.Quota:
			r.Min = g.IntN(3)
			r.Max = r.Min + g.IntN(2)
		case matcher.Cap:
			r.Max = g.IntN(3)
		default:
			r.Min = g.IntN(4)
			r.Max = max(r.Max, r.Min)
		}
		c.Rules = append(c.Rules, r)
	}
	if g.IntN(2) == 0 {
		c.Caps = []matcher.HardCap{{Attribute: "y", Max: 1 + g.IntN(2)}}
	}
	for range g.IntN(4) {
		a, b := g.IntN(n), g.IntN(n)
		if a < b {
			c.Links = append(c.Links, matcher.Link{Kind: matcher.LinkKind(g.IntN(3)), IDs: []string{in.People[a].ID, in.People[b].ID}})
		}
	}
	if g.IntN(3) == 0 {
		c.Include = []string{"p0"}
	}
	if g.IntN(3) == 0 {
		c.Exclude = []string{"p1"}
	}
	return in
}

// allowed says by itself, from the words of docs/selecting.md, whether a cohort keeps
// what can never be relaxed.
func allowed(in *matcher.Input, has map[string]bool) bool {
	c := &in.Criteria
	if len(has) < c.MinSize || len(has) > c.Size {
		return false
	}
	for _, id := range c.Include {
		if !has[id] {
			return false
		}
	}
	for _, id := range c.Exclude {
		if has[id] {
			return false
		}
	}
	for _, limit := range c.Caps {
		held := map[string]int{}
		for _, p := range in.People {
			if has[p.ID] {
				for _, v := range p.Values[limit.Attribute] {
					held[v]++
				}
			}
		}
		for _, k := range held {
			if k > limit.Max {
				return false
			}
		}
	}
	for _, l := range c.Links {
		k := 0
		for _, id := range l.IDs {
			if has[id] {
				k++
			}
		}
		if l.Kind == matcher.Apart && k > 1 || l.Kind == matcher.AtLeastOne && k == 0 || l.Kind == matcher.Together && k != 0 && k != len(l.IDs) {
			return false
		}
	}
	return true
}

// The systems have every cohort that the definitions allow as a point, and no
// other: a system that lacked one would accept proofs of what is false. All
// cohorts of random pools are tried, with the engine's own counts.
func TestSystemsAreTheDefinitions(t *testing.T) {
	rounds := 60
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		rounds = 2000
	}
	in, out := 0, 0
	for seed := range uint64(rounds) {
		g := rand.New(rand.NewPCG(seed, 77))
		input := small(g)
		if validInput(input) != nil {
			continue
		}
		p := newPool(input)
		types, err := p.typesOf(nil)
		if err != nil {
			t.Fatal(err)
		}
		size := input.Criteria.MinSize + g.IntN(input.Criteria.Size-input.Criteria.MinSize+1)
		r := &matcher.Record{Certificate: &matcher.Certificate{Input: input}}
		r.Status, r.Size = matcher.Optimal, matcher.Size{Bound: size}
		used := map[int]bool{}
		for _, rule := range input.Criteria.Rules {
			used[rule.Priority] = true
		}
		for priority := 1; priority <= matcher.MaxPriority; priority++ {
			if used[priority] {
				r.Deviation = append(r.Deviation, matcher.Deviation{Priority: priority, Bound: matcher.Bound{Bound: int64(g.IntN(5))}})
			}
		}
		m := &Model{newModel(p, types), r}
		settled, err := m.System(&matcher.Claim{Kind: matcher.ClaimLevel, Bound: -1})
		if err != nil {
			t.Fatal(err)
		}
		free, err := m.System(&matcher.Claim{Kind: matcher.ClaimConditions})
		if err != nil {
			t.Fatal(err)
		}
		for mask := range 1 << len(input.People) {
			has := map[string]bool{}
			var ids []string
			var people []int
			for i, person := range input.People {
				if mask>>i&1 == 1 {
					has[person.ID] = true
					ids, people = append(ids, person.ID), append(people, i)
				}
			}
			counted := p.count(people)
			want := selection.Count(input.People, input.Criteria, ids)
			if len(want) > 0 && !slices.Equal(counted.rules, want) {
				t.Fatalf("seed %d: counted %+v, want %+v", seed, counted.rules, want)
			}
			keeps := allowed(input, has)
			if (p.conditions(people) == nil) != keeps {
				t.Fatalf("seed %d, %v: conditions say %v", seed, ids, p.conditions(people))
			}
			best := keeps && len(ids) == size && counted.must == 0
			for _, d := range r.Deviation {
				best = best && counted.deviation[d.Priority] <= d.Bound.Bound
			}
			if got := m.holds(free, people); got != keeps {
				t.Fatalf("seed %d, %v: the conditions' system has it: %v, the definitions: %v", seed, ids, got, keeps)
			}
			if got := m.holds(settled, people); got != best {
				t.Fatalf("seed %d, %v: the system has it: %v, the definitions: %v", seed, ids, got, best)
			}
			if best {
				in++
			} else {
				out++
			}
		}
	}
	t.Logf("figure: %d cohorts that are points of their systems and %d that are none, as the definitions have it", in, out)
	if in < rounds {
		t.Error("too few cohorts were tried")
	}
}

// holds says whether a system has the point of a cohort: types counted, values
// touched, and the columns that pay as small as the rows allow. It says no to a
// cohort that splits a block or has somebody who is in none.
func (m *Model) holds(s *System, people []int) bool {
	x := make([]int64, len(s.Lower))
	seen := map[int]int{}
	for _, k := range people {
		b := m.pool.block[k]
		if b < 0 {
			return false
		}
		seen[b]++
	}
	for b, n := range seen {
		if n != len(m.pool.blocks[b]) {
			return false
		}
		x[m.typ[b]]++
	}
	pays := map[int]bool{}
	for _, k := range m.slack {
		pays[k.column] = true
	}
	// Values that are touched are entered with −1 in a row of lower side 0.
	for _, r := range s.Rows {
		last := len(r.Index) - 1
		if r.Lo == 0 && r.Hi == NoUpper && last >= 0 && r.Value[last] == -1 && !pays[int(r.Index[last])] {
			sum := int64(0)
			for k, j := range r.Index[:last] {
				sum += r.Value[k] * x[j]
			}
			x[r.Index[last]] = min(1, sum)
		}
	}
	totals := map[int]bool{m.score: true}
	for _, row := range m.total {
		totals[row] = true
	}
	for i, r := range s.Rows {
		if totals[i] {
			continue
		}
		sum := int64(0)
		var pay []int
		for k, j := range r.Index {
			if pays[int(j)] {
				pay = append(pay, k)
			} else {
				sum += r.Value[k] * x[j]
			}
		}
		for _, k := range pay {
			j := r.Index[k]
			if r.Value[k] > 0 && r.Lo != NoLower && sum < r.Lo {
				x[j] = r.Lo - sum
			} else if r.Value[k] < 0 && r.Hi != NoUpper && sum > r.Hi {
				x[j] = sum - r.Hi
			}
		}
	}
	for j, v := range x {
		if v < s.Lower[j] || v > s.Upper[j] {
			return false
		}
	}
	for _, r := range s.Rows {
		sum := int64(0)
		for k, j := range r.Index {
			sum += r.Value[k] * x[j]
		}
		if sum < r.Lo || sum > r.Hi {
			return false
		}
	}
	return true
}

// Exact sums of 64 bits and of any size say the same.
func TestSmallAndLargeSumsAgree(t *testing.T) {
	g := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		s := &System{Goal: -1}
		for range 1 + g.IntN(6) {
			lo := g.Int64N(9) - 4
			s.column(lo, lo+g.Int64N(5))
		}
		for range 1 + g.IntN(4) {
			entries := map[int]int64{}
			for j := range s.Lower {
				entries[j] = g.Int64N(2001) - 1000
			}
			s.row(entries, g.Int64N(100)-50, 60)
		}
		var rows []matcher.Multiplier
		for i := range s.Rows {
			if by := g.Int64N(1<<30) - 1<<29; by != 0 {
				rows = append(rows, matcher.Multiplier{Row: i, By: by})
			}
		}
		c := NewChecker(s)
		if a, b := c.small(s.Root(), rows), c.large(s.Root(), rows); !b.IsInt64() || b.Int64() != a {
			t.Fatalf("%d and %v", a, b)
		}
	}
	// What needs more than 64 bits is not cut.
	s := &System{Goal: -1}
	s.column(0, 1<<20)
	s.row(map[int]int64{0: 1 << 40}, 1, NoUpper)
	excess, ok := NewChecker(s).Excess(s.Root(), []matcher.Multiplier{{Row: 0, By: 1 << 50}})
	if !ok || excess.BitLen() != 110 {
		t.Errorf("excess %v", excess)
	}
}

// A proof has to be a whole tree whose leaves all refute.
func TestProofsThatProveNothing(t *testing.T) {
	s := &System{Goal: -1}
	s.column(0, 3)
	s.column(0, 3)
	s.row(map[int]int64{0: 2, 1: 2}, 3, 3) // even and odd
	leaf := func(rows ...matcher.Multiplier) matcher.ProofNode { return matcher.ProofNode{Leaf: true, Rows: rows} }
	low, high := leaf(matcher.Multiplier{Row: 0, By: 1}), leaf(matcher.Multiplier{Row: 0, By: -1})
	good := matcher.Proof{
		{Column: 0, At: 0},
		{Column: 1, At: 1},
		low, high,
		{Column: 0, At: 1},
		{Column: 1, At: 0},
		low, high, high,
	}
	if err := s.Check(good); err != nil {
		t.Fatal(err)
	}
	for what, p := range map[string]matcher.Proof{
		"none":                {},
		"a leaf alone":        {low},
		"a tree cut short":    good[:8],
		"a leaf too many":     append(slices.Clone(good), low),
		"no such column":      {{Column: 2, At: 0}, low, high},
		"no such row":         {leaf(matcher.Multiplier{Row: 1, By: 1})},
		"a branch at the end": {{Column: 0, At: 0}, low, {Column: 0, At: 1}},
		"rows of nothing":     {leaf()},
	} {
		if s.Check(p) == nil {
			t.Errorf("%s passes for a proof", what)
		}
	}
	for i := range good {
		p := slices.Clone(good)
		if p[i].Leaf {
			p[i].Rows = []matcher.Multiplier{{Row: 0, By: -p[i].Rows[0].By}}
		} else {
			p[i].At += 2
		}
		if s.Check(p) == nil {
			t.Errorf("node %d can be changed", i)
		}
	}
	if (&System{Goal: -1, Lower: []int64{0}, Upper: []int64{9}}).Check(matcher.Proof{leaf()}) == nil {
		t.Error("everything is refuted by nothing")
	}
	if err := s.check(good, &budget{nodes: 8, steps: maxSteps}); err == nil {
		t.Error("the limit on nodes does nothing")
	}
	if err := s.check(good, &budget{nodes: 99, steps: 3}); err == nil {
		t.Error("the limit on steps does nothing")
	}
}
