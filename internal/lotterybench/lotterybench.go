// Package lotterybench compares the lottery engine with an independent leximin
// on SciPy's HiGHS, person by person, on invented multi-valued pools.
package lotterybench

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os/exec"
	"time"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

//go:embed oracle.py
var oracle []byte

// Instance is a pool and windows that must hold.
type Instance struct {
	Name     string
	People   []matcher.Person
	Criteria matcher.Criteria
}

// attributes of an invented pool: number of values, and most that one person holds.
var attributes = []struct {
	name         string
	values, most int
	decline      float64
}{
	{"county", 5, 2, 0},
	{"race", 7, 2, 0.08},
	{"gender", 4, 1, 0.05},
	{"sector", 6, 2, 0},
	{"role", 4, 1, 0},
	{"lived", 8, 3, 0.15},
}

// New invents a pool of n people of whom 15 are chosen. Every value is held in
// the cohort by about its share of the pool, the rarest of each attribute by
// more, which makes chances differ, and at most two come from one organization.
func New(n int, seed uint64) Instance {
	const seats = 15
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	in := Instance{Name: fmt.Sprintf("multi-valued %d/%d seed %d", n, seats, seed)}
	holders := map[string]int{}
	for i := range n {
		p := matcher.Person{ID: fmt.Sprintf("x%04d", i), Values: map[string][]string{}}
		for _, a := range attributes {
			if rng.Float64() < a.decline {
				continue
			}
			seen := map[string]bool{}
			for range 1 + rng.IntN(a.most) {
				v := fmt.Sprintf("%s%d", a.name, int(float64(a.values)*rng.Float64()*math.Sqrt(rng.Float64())))
				if !seen[v] {
					seen[v] = true
					holders[v]++
					p.Values[a.name] = append(p.Values[a.name], v)
				}
			}
		}
		p.Values["organization"] = []string{fmt.Sprintf("o%d", rng.IntN(1+n/3))}
		in.People = append(in.People, p)
	}
	c := matcher.Criteria{Size: seats, MinSize: seats, Caps: []matcher.HardCap{{Attribute: "organization", Max: 2}}}
	for _, a := range attributes {
		for k := range a.values {
			v := fmt.Sprintf("%s%d", a.name, k)
			share := holders[v] * seats / n // rounded down
			r := matcher.Rule{
				Row: len(c.Rules) + 1, Feature: a.name, Value: v, Weight: 1,
				Property: matcher.Property{Terms: []matcher.Term{{Attribute: a.name, Values: []string{v}}}},
				Min:      max(0, share-1), Max: share + 2,
			}
			if k == a.values-1 && holders[v] > 1 {
				r.Min = share + 1 // few hold it, and they are wanted
			}
			c.Rules = append(c.Rules, r)
		}
	}
	in.Criteria = c
	return in
}

// rows states the instance again for the oracle, straight from the people.
func (in Instance) rows() map[string]any {
	type row [3]any
	var all []row
	members := func(attribute, value string) []int {
		list := []int{}
		for i, p := range in.People {
			for _, v := range p.Values[attribute] {
				if v == value {
					list = append(list, i)
					break
				}
			}
		}
		return list
	}
	for _, r := range in.Criteria.Rules {
		all = append(all, row{members(r.Feature, r.Value), r.Min, r.Max})
	}
	for o := range 1 + len(in.People)/3 {
		if list := members("organization", fmt.Sprintf("o%d", o)); len(list) > 2 {
			all = append(all, row{list, 0, 2})
		}
	}
	return map[string]any{"people": len(in.People), "seats": in.Criteria.Size, "rows": all}
}

// Compare runs both and returns the largest difference of a person's chance.
func Compare(ctx context.Context, in Instance, python string, out io.Writer) (float64, error) {
	start := time.Now()
	l, err := selection.FindLottery(ctx, in.People, in.Criteria, selection.LotteryOptions{})
	if err != nil {
		return 0, err
	}
	took := time.Since(start)
	body, err := json.Marshal(in.rows())
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, python, "-c", string(oracle))
	cmd.Stdin = bytes.NewReader(body)
	cmd.Env = append(cmd.Environ(), "OMP_NUM_THREADS=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: the oracle failed: %w\n%s", in.Name, err, stderr.Bytes())
	}
	var theirs struct {
		Infeasible bool
		Chances    []float64
		Cohorts    int
		Seconds    float64
	}
	if err := json.Unmarshal(stdout.Bytes(), &theirs); err != nil {
		return 0, fmt.Errorf("%s: the oracle's answer: %w", in.Name, err)
	}
	if infeasible := l.Outcome.Status == matcher.Infeasible; infeasible != theirs.Infeasible {
		return 1, fmt.Errorf("%s: infeasible %v, the oracle says %v", in.Name, infeasible, theirs.Infeasible)
	}
	if theirs.Infeasible {
		fmt.Fprintf(out, "%s: both infeasible\n", in.Name)
		return 0, nil
	}
	if !l.Proved || len(theirs.Chances) != len(in.People) {
		return 1, fmt.Errorf("%s: not comparable (proved %v)", in.Name, l.Proved)
	}
	ours := map[string]float64{}
	for _, t := range l.Types {
		for _, block := range t.Blocks {
			for _, id := range block {
				ours[id] = t.Chance
			}
		}
	}
	worst := 0.0
	for i, p := range in.People {
		worst = max(worst, math.Abs(ours[p.ID]-theirs.Chances[i]))
	}
	fmt.Fprintf(out, "%s: largest difference %.2g; ours %.3f s by %s, %d levels, %d cohorts; HiGHS %.1f s of CPU, %d cohorts\n",
		in.Name, worst, took.Seconds(), l.Route, len(l.Levels), len(l.Draws), theirs.Seconds, theirs.Cohorts)
	return worst, nil
}
