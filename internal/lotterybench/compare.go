package lotterybench

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os/exec"
	"slices"
	"time"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

//go:embed oracle.py
var script []byte

// tolerance is the largest difference of a chance that counts as agreement.
const tolerance = 1e-6

// Statement is an instance as an oracle reads it, stated again from the people.
type Statement struct {
	People int   `json:"people"`
	Seats  int   `json:"seats"`
	Rows   []Row `json:"rows"`
	// Allow is by priority what the deviation may exceed its least value by.
	Allow map[int]int64 `json:"allow"`
}

// Row is how many of the members are wanted. With a priority it is a target, and
// weight is what one person short or over costs.
type Row struct {
	Members  []int `json:"members"`
	Min      int   `json:"min"`
	Max      int   `json:"max"`
	Priority int   `json:"priority"`
	Weight   int   `json:"weight"`
}

// Answer is what an oracle says.
type Answer struct {
	Infeasible bool
	// Deviation is the least one of each priority, in their order, each under
	// what is allowed at the priorities before.
	Deviation []int64
	Chances   []float64 // of each person
	Cohorts   int
	Seconds   float64 // of CPU
}

// Oracle finds the leximin lottery by other means.
type Oracle func(context.Context, *Statement) (*Answer, error)

// SciPy is the leximin on SciPy's HiGHS, run by a Python that has it.
func SciPy(python string) Oracle {
	return func(ctx context.Context, s *Statement) (*Answer, error) {
		body, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, python, "-c", string(script))
		cmd.Stdin = bytes.NewReader(body)
		cmd.Env = append(cmd.Environ(), "OMP_NUM_THREADS=1")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, stderr.Bytes())
		}
		answer := &Answer{}
		return answer, json.Unmarshal(stdout.Bytes(), answer)
	}
}

// Compared are the pools on which the engine and an oracle are compared: for each
// size a list with windows that must hold, and one pool with competing targets, of 60
// people: 80 take the oracle minutes.
func Compared(sizes []int, seeds int) (lists [][]Instance) {
	for _, n := range sizes {
		var windows []Instance
		for seed := range seeds {
			windows = append(windows, New(n, uint64(seed)))
		}
		lists = append(lists, windows)
	}
	return append(lists, []Instance{NewTargets(60, 0)})
}

// Compare fails unless both agree on every pool and, in each list, on the lottery
// of at least one: that both call every pool impossible would tell nothing.
func Compare(ctx context.Context, lists [][]Instance, oracle Oracle, out io.Writer) error {
	for _, list := range lists {
		lotteries := 0
		for _, in := range list {
			feasible, err := compare(ctx, in, oracle, out)
			if err != nil {
				return fmt.Errorf("%s: %w", in.Name, err)
			}
			if feasible {
				lotteries++
			}
		}
		if lotteries == 0 {
			return fmt.Errorf("no lottery was compared on %d pools, as all are impossible; take other sizes or more seeds", len(list))
		}
	}
	return nil
}

// compare reports whether there was a lottery to be compared.
func compare(ctx context.Context, in Instance, oracle Oracle, out io.Writer) (bool, error) {
	start := time.Now()
	l, err := selection.FindLottery(ctx, in.People, in.Criteria, selection.LotteryOptions{})
	if err != nil {
		return false, err
	}
	took := time.Since(start)
	theirs, err := oracle(ctx, in.state())
	if err != nil {
		return false, fmt.Errorf("the oracle failed: %w", err)
	}
	if infeasible := l.Outcome.Status == matcher.Infeasible; infeasible != theirs.Infeasible {
		return false, fmt.Errorf("infeasible %v, the oracle says %v", infeasible, theirs.Infeasible)
	}
	if theirs.Infeasible {
		fmt.Fprintf(out, "%s: both infeasible\n", in.Name)
		return false, nil
	}
	if !l.Proved || len(theirs.Chances) != len(in.People) {
		return false, fmt.Errorf("not comparable (proved %v, %d chances for %d people)", l.Proved, len(theirs.Chances), len(in.People))
	}
	least := deviations(l)
	if !slices.Equal(least, theirs.Deviation) {
		return false, fmt.Errorf("the least deviations are %d, the oracle says %d", least, theirs.Deviation)
	}
	ours, worst := chances(l), 0.0
	for i, p := range in.People {
		worst = max(worst, math.Abs(ours[p.ID]-theirs.Chances[i]))
	}
	fmt.Fprintf(out, "%s: least deviations %d, largest difference %.2g; ours %.3f s by %s, %d levels, %d cohorts, %d people impossible; HiGHS %.1f s of CPU, %d cohorts\n",
		in.Name, least, worst, took.Seconds(), l.Route, len(l.Levels), len(l.Draws), len(l.Impossible), theirs.Seconds, theirs.Cohorts)
	if !(worst <= tolerance) { // nor NaN
		return false, fmt.Errorf("a chance differs by %g", worst)
	}
	return true, nil
}

// deviations are the least ones, by priority.
func deviations(l *selection.Lottery) (all []int64) {
	for _, d := range l.Outcome.Deviation {
		all = append(all, d.Value)
	}
	return all
}

// chances are by person; those of the impossible are 0.
func chances(l *selection.Lottery) map[string]float64 {
	of := map[string]float64{}
	for _, t := range l.Types {
		for _, block := range t.Blocks {
			for _, id := range block {
				of[id] = t.Chance
			}
		}
	}
	return of
}

// state states the instance for an oracle.
func (in Instance) state() *Statement {
	members := func(attribute, value string) []int {
		list := []int{}
		for i, p := range in.People {
			if slices.Contains(p.Values[attribute], value) {
				list = append(list, i)
			}
		}
		return list
	}
	s := &Statement{People: len(in.People), Seats: in.Criteria.Size, Allow: in.Criteria.Allow}
	for _, r := range in.Criteria.Rules {
		s.Rows = append(s.Rows, Row{members(r.Feature, r.Value), r.Min, r.Max, r.Priority, r.Weight})
	}
	for _, c := range in.Criteria.Caps {
		for _, v := range valuesOf(in.People, c.Attribute) {
			s.Rows = append(s.Rows, Row{members(c.Attribute, v), 0, c.Max, matcher.Must, 1})
		}
	}
	return s
}
