package pairbench

import (
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

//go:embed peers.py
var peersScript []byte

// Compared is one assignment, solved here and by scipy.
type Compared struct {
	Instance      string
	Total         int64
	Ours, Theirs  time.Duration // CPU of solving; of ours reading the matrix and pricing all pairs too
	Searches      time.Duration // the searches alone
	Version       string
	EverythingToo time.Duration // ours with the default objective: every term and the seed
}

// Compare solves a dense assignment (of people with people) or a sparse one here
// and by scipy, with a Python that has it.
func Compare(ctx context.Context, python, kind, shape string) (*Compared, error) {
	p, file, err := assignment(kind, shape)
	if err != nil {
		return nil, err
	}
	c := &Compared{Instance: kind + " " + shape}
	for k, objective := range [][]pairing.Term{{pairing.Cover, pairing.Total}, pairing.DefaultObjective()} {
		p.Objective = objective
		runtime.GC()
		start := CPU()
		last, placing := start, false
		r, err := pairing.Solve(ctx, p, pairing.Options{Progress: func(x pairing.Progress) {
			if now := CPU(); placing {
				c.Searches += now - last
			}
			last, placing = CPU(), k == 0 && x.Step == "placing"
		}})
		if err != nil {
			return nil, err
		}
		if placing {
			c.Searches += CPU() - last
		}
		if k == 0 {
			c.Ours, c.Total = CPU()-start, r.Total
		} else {
			c.EverythingToo = CPU() - start
		}
		if r.Status != pairing.Optimal || r.Covered != len(p.Mentees) {
			return nil, fmt.Errorf("it is %s and covers %d", r.Status, r.Covered)
		}
	}
	dir, err := os.MkdirTemp("", "pairbench-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	script, matrix := filepath.Join(dir, "peers.py"), filepath.Join(dir, "matrix")
	if err := errors.Join(os.WriteFile(script, peersScript, 0o600), os.WriteFile(matrix, file, 0o600)); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, python, script, kind, matrix)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("scipy: %w", err)
	}
	var theirs struct {
		Seconds float64 `json:"seconds"`
		Total   int64   `json:"total"`
		Version string  `json:"version"`
	}
	if err := json.Unmarshal(out, &theirs); err != nil {
		return nil, err
	}
	if theirs.Total != c.Total {
		return nil, fmt.Errorf("%s: the optimum is %d here and %d by scipy", c.Instance, c.Total, theirs.Total)
	}
	c.Theirs, c.Version = time.Duration(theirs.Seconds*1e9), theirs.Version
	return c, nil
}

// assignment makes one of the compared assignments, here and as peers.py reads it.
// Shape is uniform, scores by lot, or geometric, near points of a cube.
func assignment(kind, shape string) (*pairing.Problem, []byte, error) {
	if shape != "uniform" && shape != "geometric" || kind != "dense" && kind != "sparse" {
		return nil, nil, fmt.Errorf("there is no assignment %s %s", kind, shape)
	}
	s := Size{Mentees: 5000, Mentors: 5000, Demand: 1, Capacity: 1}
	if kind == "sparse" {
		s = Size{Mentees: 10_400, Mentors: 2600, Demand: 1, Capacity: 4}
	}
	r := rand.New(rand.NewSource(11))
	points := make([][6]float64, s.Mentees+s.Mentors)
	for k := range points {
		for d := range points[k] {
			points[k][d] = r.Float64()
		}
	}
	score := func(j, i int) int16 {
		if shape == "uniform" {
			return int16(r.Intn(pairing.MaxScore + 1))
		}
		far := 0.0
		for d := range points[j] {
			far += max(points[j][d]-points[s.Mentees+i][d], points[s.Mentees+i][d]-points[j][d])
		}
		return int16(pairing.MaxScore * (1 - far/6))
	}
	p := &pairing.Problem{Seed: "bench"}
	for j := range s.Mentees {
		p.Mentees = append(p.Mentees, pairing.Mentee{ID: fmt.Sprintf("e%05d", j), Demand: 1})
	}
	for i := range s.Mentors {
		p.Mentors = append(p.Mentors, pairing.Mentor{ID: fmt.Sprintf("r%05d", i), Seats: s.Capacity})
	}
	rows := make(pairing.Dense, s.Mentees*s.Mentors)
	var file []byte
	number := func(n int) { file = binary.LittleEndian.AppendUint32(file, uint32(n)) }
	if kind == "dense" {
		number(s.Mentees)
		for k := range rows {
			rows[k] = score(k/s.Mentors, k%s.Mentors)
			number(int(rows[k]))
		}
	} else {
		const candidates = 50
		for k := range rows {
			rows[k] = pairing.NotEligible
		}
		var triples [][3]int
		for j := range s.Mentees {
			// The first candidates are one full matching, so that there is one.
			for k := range candidates {
				i := j % s.Mentors
				if k > 0 {
					i = r.Intn(s.Mentors)
				}
				if at := j*s.Mentors + i; rows[at] < 0 {
					rows[at] = score(j, i)
					triples = append(triples, [3]int{j, i, int(rows[at])})
				}
			}
		}
		for _, n := range []int{s.Mentees, s.Mentors, s.Capacity, len(triples)} {
			number(n)
		}
		for _, t := range triples {
			for _, n := range t {
				number(n)
			}
		}
	}
	p.Scores = rows
	return p, file, nil
}
