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
	"strconv"
	"time"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/lottery"
	"github.com/openfairlead/fairlead/matcher/selection"
)

//go:embed reference.py
var reference []byte

// single invents a pool that other sortition tools can read: each person has one
// value of each attribute. Windows lie around the shares of a hidden cohort and
// of the pool.
func single(n, size int, seed uint64) Instance {
	d := newDice("single", n, seed)
	people := make([]matcher.Person, n)
	for i := range people {
		people[i] = matcher.Person{ID: fmt.Sprintf("x%05d", i), Values: map[string][]string{}}
	}
	r := &rules{}
	for a := range 5 {
		name, values := fmt.Sprintf("a%d", a), 2+d.IntN(4)
		for i := range people {
			people[i].Values[name] = []string{fmt.Sprintf("v%d", int(float64(values)*d.Float64()*math.Sqrt(d.Float64())))}
		}
		of := holders(people, name)
		for v := range values {
			value := fmt.Sprintf("v%d", v)
			if of[value] == 0 {
				continue
			}
			// Half the share of the pool, half an equal share.
			target := size * (of[value]*values + n)
			whole := 2 * values * n
			r.add(matcher.Quota, name, []string{value}, min(of[value], target/whole), (target+whole-1)/whole+1, matcher.Must)
		}
	}
	in := instance("single-valued", n, seed, people, r, 0)
	in.Criteria.Size, in.Criteria.MinSize = size, size
	in.Name = fmt.Sprintf("single-valued %d/%d seed %d", n, size, seed)
	return in
}

// Reference compares times and smallest chances with the sortition-algorithms
// package on single-valued pools: maximin, the fairest that it finds with free
// solvers. Ours is full leximin, which is more. It returns the ratio of the CPU
// times.
func Reference(ctx context.Context, n, size int, seed uint64, python string, out io.Writer) (ratio float64, err error) {
	in := single(n, size, seed)
	start := cpu()
	l, err := selection.FindLottery(ctx, in.People, in.Criteria, selection.LotteryOptions{Method: lottery.Leximin})
	ours := cpu() - start
	if err != nil {
		return 0, err
	}
	if l.Outcome.Status != matcher.Optimal {
		fmt.Fprintf(out, "%s: impossible\n", in.Name)
		return 0, nil
	}
	type row map[string]string
	var body struct {
		Seats    int   `json:"seats"`
		Features []row `json:"features"`
		People   []row `json:"people"`
	}
	body.Seats = size
	for _, r := range in.Criteria.Rules {
		body.Features = append(body.Features, row{"feature": r.Feature, "value": r.Value, "min": strconv.Itoa(r.Min), "max": strconv.Itoa(r.Max)})
	}
	for _, p := range in.People {
		person := row{"id": p.ID}
		for a, v := range p.Values {
			if len(v) == 1 {
				person[a] = v[0]
			}
		}
		body.People = append(body.People, person)
	}
	input, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(limited, python, "-c", string(reference))
	cmd.Stdin = bytes.NewReader(input)
	cmd.Env = append(cmd.Environ(), "OMP_NUM_THREADS=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: the reference failed: %w\n%s", in.Name, err, stderr.Bytes())
	}
	var theirs struct{ Smallest, Seconds float64 }
	if err := json.Unmarshal(stdout.Bytes(), &theirs); err != nil {
		return 0, fmt.Errorf("%s: the reference's answer: %w", in.Name, err)
	}
	smallest := l.Smallest
	if len(l.Impossible) > 0 {
		smallest = 0
	}
	ratio = theirs.Seconds / ours.Seconds()
	fmt.Fprintf(out, "%s: smallest chance %.6f, theirs %.6f; ours %.4f s by %s (leximin, %d levels), theirs %.2f s (maximin): %.0f×\n",
		in.Name, smallest, theirs.Smallest, ours.Seconds(), l.Route, len(l.Levels), theirs.Seconds, ratio)
	// Theirs stops within its own tolerance; it cannot have more than the optimum.
	if theirs.Smallest > smallest+1e-6 {
		return ratio, fmt.Errorf("%s: they reach a larger smallest chance", in.Name)
	}
	return ratio, nil
}

// InstallReference makes the package available to a Python.
func InstallReference(ctx context.Context, python string, log io.Writer) error {
	if exec.CommandContext(ctx, python, "-c", "import sortition_algorithms").Run() == nil {
		return nil
	}
	fmt.Fprintln(log, "installing sortition-algorithms")
	if out, err := exec.CommandContext(ctx, python, "-m", "pip", "install", "--quiet", "sortition-algorithms").CombinedOutput(); err != nil {
		return fmt.Errorf("sortition-algorithms is missing and could not be installed; run: %s -m pip install sortition-algorithms\n%s", python, out)
	}
	return nil
}
