package pairing_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

func TestZZJono(t *testing.T) {
	f, _ := os.Open("/work/shared/data/mentoring/jonodrew_small_scores.csv")
	rows, _ := csv.NewReader(f).ReadAll()
	var es, os_ []string
	for _, r := range rows[1:] {
		es, os_ = append(es, r[0]), append(os_, r[1])
	}
	for i := range 50 { _ = i }
	slices.Sort(es); slices.Sort(os_)
	es, os_ = slices.Compact(es), slices.Compact(os_)
	fmt.Println(len(es), len(os_))
	p := &pairing.Problem{Seed: "s", Objective: []pairing.Term{pairing.Cover, pairing.Total}}
	for _, e := range es { p.Mentees = append(p.Mentees, pairing.Mentee{ID: e, Demand: 1}) }
	for _, o := range os_ { p.Mentors = append(p.Mentors, pairing.Mentor{ID: o, Seats: 1}) }
	d := make(pairing.Dense, len(es)*len(os_))
	for k := range d { d[k] = -1 }
	for _, r := range rows[1:] {
		j, _ := slices.BinarySearch(es, r[0]); i, _ := slices.BinarySearch(os_, r[1])
		s, _ := strconv.Atoi(r[2])
		d[j*len(os_)+i] = int16(s)
	}
	p.Scores = d
	r := mustSolve(t, p)
	fmt.Println(r.Covered, r.Total)
	why, _ := pairing.WhyUnmatched(context.Background(), p, r, nil)
	for _, u := range why {
		fmt.Println(u.Mentee, u.Reason, len(u.Witness.Mentees), len(u.Witness.Mentors), u.Witness.Seats)
		if u.Near != nil { fmt.Println("   near", len(u.Near.Mentees), len(u.Near.Mentors), u.Near.Seats) }
	}
}

type noMask struct{ m int; seed uint64 }
func (n noMask) Blocked(j int, into []uint64) {
	rng := rand.New(rand.NewPCG(n.seed, uint64(j)))
	for i := range into {
		into[i] = 0
		if x := rng.Uint64(); x%3 == 0 { into[i] = 1 << (x >> 60 & 7) }
	}
}

func TestZZBig(t *testing.T) {
	const n, m = 10000, 3000
	rng := rand.New(rand.NewPCG(1, 1))
	p := &pairing.Problem{Seed: "s"}
	for j := range n { p.Mentees = append(p.Mentees, pairing.Mentee{ID: fmt.Sprintf("e%05d", j), Demand: 1}) }
	for i := range m { p.Mentors = append(p.Mentors, pairing.Mentor{ID: fmt.Sprintf("o%05d", i), Seats: 1 + rng.IntN(4)}) }
	d := make(pairing.Dense, n*m)
	h := pairing.HardRules{Names: []string{"a", "b", "c", "d", "e", "f", "g", "h"}, Rows: noMask{m, 5}}
	mask := make([]uint64, m)
	pop := make([]int, m)
	for i := range pop { pop[i] = rng.IntN(400) }
	for j := range n {
		h.Rows.Blocked(j, mask)
		need := rng.IntN(300)
		for i := range m {
			d[j*m+i] = int16(min(1000, need+pop[i]+rng.IntN(300)))
			if mask[i] != 0 { d[j*m+i] = -1 }
		}
		if j%50 == 0 { for i := 30; i < m; i++ { d[j*m+i] = -1 } }
	}
	p.Scores = d
	t0 := time.Now()
	r := mustSolve(t, p)
	fmt.Println("solve", time.Since(t0), r.Covered, r.Total, r.Worst)
	t0 = time.Now()
	why, err := pairing.WhyUnmatched(context.Background(), p, r, nil)
	fmt.Println("why", time.Since(t0), len(why), err)
	ws := map[*pairing.Witness]int{}
	for _, u := range why { ws[u.Witness]++ }
	for w, c := range ws { fmt.Println("  block", c, len(w.Mentees), len(w.Mentors), w.Seats) ; if len(ws)>5 {break} }
	t0 = time.Now()
	why, err = pairing.WhyUnmatched(context.Background(), p, r, &h)
	fmt.Println("why with rules", time.Since(t0), len(why), err)
	t0 = time.Now()
	_, err = pairing.PriceRules(context.Background(), p, h)
	fmt.Println("price", time.Since(t0), err)
	g := pairing.Grouping{Attribute: "x", Of: make([][]string, n)}
	for j := range n { g.Of[j] = []string{fmt.Sprint(j % 50 % 12)} }
	t0 = time.Now()
	_, err = pairing.AuditEquity(context.Background(), p, r, []pairing.Grouping{g, g, g}, pairing.AuditOptions{})
	fmt.Println("audit", time.Since(t0), err)
	t0 = time.Now()
	_, err = pairing.AuditEquity(context.Background(), p, r, []pairing.Grouping{g, g, g}, pairing.AuditOptions{Rules: &h})
	fmt.Println("audit with rules", time.Since(t0), err)
	t0 = time.Now()
	rec, err := pairing.Recruit(context.Background(), p, r, pairing.RecruitOptions{})
	fmt.Println("recruit", time.Since(t0), len(rec.Seats), err)
	var all []time.Duration
	for range 60 {
		pair := pairing.Pair{Mentee: p.Mentees[rng.IntN(n)].ID, Mentor: p.Mentors[rng.IntN(m)].ID}
		t0 = time.Now()
		w, err := pairing.WhyNot(context.Background(), r, pair)
		if err != nil { t.Fatal(err) }
		if w.Possible && !w.Matched { all = append(all, time.Since(t0)) }
	}
	slices.Sort(all)
	fmt.Println("whynot", len(all), all[len(all)/2], all[len(all)-1])
}
