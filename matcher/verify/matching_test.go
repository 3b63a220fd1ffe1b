package verify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// problemOf is a random problem with everything that may be in one, and its scores.
func problemOf(t testing.TB, seed uint64) (*pairing.Problem, []int16) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	nJ, nI := 3+r.IntN(8), 2+r.IntN(6)
	p := &pairing.Problem{Seed: fmt.Sprint(seed), Stickiness: r.IntN(2) * 40}
	for j := range nJ {
		p.Mentees = append(p.Mentees, pairing.Mentee{ID: fmt.Sprintf("e%02d", j), Demand: 1 + r.IntN(3), Waiting: seed%3 == 0 && r.IntN(3) == 0, Group: []string{"", "a"}[r.IntN(2)]})
		if seed%5 == 4 && j%3 == 0 {
			p.Mentees[j].Has = 1 + j%2
		}
	}
	for i := range nI {
		p.Mentors = append(p.Mentors, pairing.Mentor{ID: fmt.Sprintf("r%02d", i), Seats: 1 + r.IntN(3)})
	}
	rows := make(pairing.Dense, nJ*nI)
	locked := false
	for k := range rows {
		rows[k] = int16(r.IntN(1001))
		pair := pairing.Pair{Mentee: p.Mentees[k/nI].ID, Mentor: p.Mentors[k%nI].ID}
		switch r.IntN(10) {
		case 0, 1, 2:
			rows[k] = -1
		case 3:
			p.Forbidden = append(p.Forbidden, pair)
		case 4:
			p.Standing = append(p.Standing, pair)
		case 5:
			if !locked && seed%2 == 0 {
				p.Locks, locked = append(p.Locks, pair), true
			}
		}
	}
	if slices.ContainsFunc(p.Mentees, func(m pairing.Mentee) bool { return m.Group == "a" }) && seed%4 == 1 {
		p.Floors = []pairing.Floor{{Group: "a", Covered: 1}}
	}
	var err error
	objectives := []string{"cover,cover2,cover3,worst,total,even", "cover,worst,total", "total,even", "cover,bands,total,even"}
	if p.Objective, err = pairing.ParseObjective(objectives[seed%4]); err != nil {
		t.Fatal(err)
	}
	p.Scores = rows
	return p, rows
}

// matched is such a problem solved with so much work, and its record.
func matched(t testing.TB, seed uint64, work int64) (*matcher.Matching, []int16) {
	t.Helper()
	p, rows := problemOf(t, seed)
	res, err := pairing.Solve(t.Context(), p, pairing.Options{Work: work})
	if err != nil {
		t.Fatal(err)
	}
	m, err := res.Record(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return m, rows
}

const noLimit = 0

func verdict(t testing.TB, b []byte, rows []int16) *verify.Report {
	t.Helper()
	report, err := verify.File(b, verify.Options{Scores: func(mentees, mentors []string) ([]int16, error) {
		if len(mentees)*len(mentors) != len(rows) {
			return make([]int16, len(mentees)*len(mentors)), nil
		}
		return rows, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// copied is a matching that can be changed.
func copied(t testing.TB, m *matcher.Matching) *matcher.Matching {
	t.Helper()
	c, err := matcher.ReadMatching(m.AppendJSON(nil))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// recounted makes everything that can be counted from the pairs agree with them, as a
// careful forger would, and leaves the prices.
func recounted(m *matcher.Matching) {
	slices.SortFunc(m.Pairs, func(a, b matcher.MatchedPair) int {
		return slices.Compare([]string{a.Mentee, a.Mentor}, []string{b.Mentee, b.Mentor})
	})
	m.PairsTotal, m.Total, m.Covered, m.Worst = len(m.Pairs), 0, 0, -1
	best := map[string]int{}
	for k := range m.Pairs {
		x := &m.Pairs[k]
		m.Total += int64(x.Score)
		if b, ok := best[x.Mentee]; !ok || x.Score > b {
			best[x.Mentee] = x.Score
		}
	}
	m.Unmatched = m.Unmatched[:0]
	for _, e := range m.Input.Mentees {
		b, ok := best[e.ID]
		if e.Has > 0 {
			m.Covered++
			continue
		}
		if !ok {
			m.Unmatched = append(m.Unmatched, matcher.Unmatched{Mentee: e.ID})
			continue
		}
		m.Covered++
		if m.Worst < 0 || b < m.Worst {
			m.Worst = b
		}
	}
}

// settled lets the forger write whatever values the checker says it counts, until
// the checker only has its proof left to refuse the file with.
func settled(t testing.TB, m *matcher.Matching, rows []int16) *verify.Report {
	t.Helper()
	for range 2 * len(m.Values) {
		m.Seal()
		report := verdict(t, m.AppendJSON(nil), rows)
		last := report.Checks[len(report.Checks)-1]
		var tier, number int
		var kind string
		var value int64
		if last.Number != "4" || last.State != verify.Broken {
			return report
		}
		if n, _ := fmt.Sscanf(last.Why, "tier %d is %s %d with %d,", &tier, &kind, &number, &value); n != 4 {
			for k := range m.Values {
				if m.Values[k].Kind == "below" && m.Worst > 0 {
					m.Values[k].Number = m.Worst
				}
			}
			continue
		}
		m.Values[tier] = matcher.TierValue{Kind: kind, Number: number, Value: value}
	}
	return verdict(t, m.AppendJSON(nil), rows)
}

// 1,000 forged matchings, each sealed anew so that only its content can betray it,
// are refused: pairs moved, dropped or swapped, with all counts and values made to
// fit; what a cut search found called the best, with the prices of the best; prices,
// values, scores, rules and statuses changed.
func TestForgedMatchings(t *testing.T) {
	const wanted = 1000
	// Moving pairs is what people would do: ten times as often as the rest.
	kindsOf := append(slices.Sorted(maps.Keys(matchingForgeries)), cutCalledBest)
	for _, kind := range slices.Clone(kindsOf) {
		if strings.HasPrefix(kind, "pair") {
			kindsOf = append(kindsOf, slices.Repeat([]string{kind}, 9)...)
		}
	}
	kinds := map[string]int{}
	proof := 0
	forged := 0
	for seed := uint64(1); forged < wanted; seed++ {
		m, rows := matched(t, seed, noLimit)
		if report := verdict(t, m.AppendJSON(nil), rows); !report.Certified {
			t.Fatalf("seed %d: a true one is not certified: %+v", seed, report.Checks)
		}
		for k, kind := range kindsOf {
			pairs := strings.HasPrefix(kind, "pair")
			f := copied(t, m)
			if kind == cutCalledBest {
				cut, _ := matched(t, seed, 1)
				if cut.Status != matcher.Feasible || slices.Equal(cut.Values, m.Values) {
					continue // as good by chance: what it says is true
				}
				f.Status, f.Pairs, f.Values, f.Unmatched = m.Status, cut.Pairs, cut.Values, cut.Unmatched
				f.Covered, f.PairsTotal, f.Total, f.Worst = cut.Covered, cut.PairsTotal, cut.Total, cut.Worst
			} else if !matchingForgeries[kind](f, rows, rand.New(rand.NewPCG(seed, uint64(k)))) {
				continue
			}
			f.Seal()
			if bytes.Equal(f.AppendJSON(nil), m.AppendJSON(nil)) {
				continue
			}
			report := verdict(t, f.AppendJSON(nil), rows)
			if pairs {
				report = settled(t, f, rows)
				if b := report.Broken(); b >= "6" {
					proof++
				}
			}
			if report.Certified && strings.HasPrefix(kind, "price") {
				continue // other prices that prove the same: no forgery
			}
			if report.Certified || report.Broken() == "" {
				t.Errorf("seed %d: a forged matching (%s) is not refused (certified: %v): %s", seed, kind, report.Certified, f.AppendJSON(nil))
				return
			}
			forged++
			kinds[kind]++
		}
	}
	if len(kinds) != len(matchingForgeries)+1 {
		t.Errorf("only %v", kinds)
	}
	if proof < wanted/10 {
		t.Errorf("only %d are refused by the scores and the proof alone", proof)
	}
	t.Logf("figure: %d forged matchings of %d kinds refused, %d of them by the scores and the prices alone; %d were what a cut search found", forged, len(kinds), proof, kinds[cutCalledBest])
}

const cutCalledBest = "cut, called the best"

var matchingForgeries = map[string]func(m *matcher.Matching, rows []int16, r *rand.Rand) bool{
	"pair moved": func(m *matcher.Matching, rows []int16, r *rand.Rand) bool {
		if len(m.Pairs) == 0 {
			return false
		}
		x := &m.Pairs[r.IntN(len(m.Pairs))]
		i := r.IntN(len(m.Input.Mentors))
		place(m, rows, x, i)
		recounted(m)
		return x.Score >= 0
	},
	"pair dropped": func(m *matcher.Matching, rows []int16, r *rand.Rand) bool {
		if len(m.Pairs) == 0 {
			return false
		}
		k := r.IntN(len(m.Pairs))
		m.Pairs = slices.Delete(m.Pairs, k, k+1)
		recounted(m)
		return true
	},
	"pair added": func(m *matcher.Matching, rows []int16, r *rand.Rand) bool {
		x := matcher.MatchedPair{Mentee: m.Input.Mentees[r.IntN(len(m.Input.Mentees))].ID}
		place(m, rows, &x, r.IntN(len(m.Input.Mentors)))
		if x.Score < 0 {
			return false
		}
		m.Pairs = append(m.Pairs, x)
		recounted(m)
		return true
	},
	"pairs swapped": func(m *matcher.Matching, rows []int16, r *rand.Rand) bool {
		if len(m.Pairs) < 2 {
			return false
		}
		x, y := &m.Pairs[r.IntN(len(m.Pairs))], &m.Pairs[r.IntN(len(m.Pairs))]
		a, b := mentorAt(m, x.Mentor), mentorAt(m, y.Mentor)
		place(m, rows, x, b)
		place(m, rows, y, a)
		recounted(m)
		return a != b && x.Score >= 0 && y.Score >= 0
	},
	"score": func(m *matcher.Matching, rows []int16, r *rand.Rand) bool {
		if len(m.Pairs) == 0 {
			return false
		}
		m.Pairs[r.IntN(len(m.Pairs))].Score++
		recounted(m)
		return true
	},
	"price of a mentee":    priced(func(p *matcher.Prices) [][]int64 { return p.Mentees }),
	"price of a mentor":    priced(func(p *matcher.Prices) [][]int64 { return p.Mentors }),
	"price of a good pair": priced(func(p *matcher.Prices) [][]int64 { return p.Good }),
	"huge price": func(m *matcher.Matching, _ []int16, r *rand.Rand) bool {
		m.Certificate.Best.Mentors[0][0] = 1<<63 - 1
		return true
	},
	"no prices": func(m *matcher.Matching, _ []int16, _ *rand.Rand) bool {
		m.Certificate.Best = matcher.Prices{}
		return true
	},
	"second prices for none": func(m *matcher.Matching, _ []int16, _ *rand.Rand) bool {
		none := m.Certificate.Worst.None()
		m.Certificate.Worst = matcher.Prices{}
		return !none
	},
	"value": func(m *matcher.Matching, _ []int16, r *rand.Rand) bool {
		m.Values[r.IntN(len(m.Values))].Value++
		return true
	},
	"covered": func(m *matcher.Matching, _ []int16, _ *rand.Rand) bool { m.Covered++; return true },
	"mentor from before": func(m *matcher.Matching, _ []int16, r *rand.Rand) bool {
		if len(m.Unmatched) == 0 {
			return false
		}
		left := m.Unmatched[r.IntN(len(m.Unmatched))].Mentee
		at := slices.IndexFunc(m.Input.Mentees, func(e matcher.MenteeInput) bool { return e.ID == left })
		m.Input.Mentees[at].Has = 1
		recounted(m)
		m.Values[0].Value++
		return true
	},
	"worst": func(m *matcher.Matching, _ []int16, _ *rand.Rand) bool { m.Worst++; return true },
	"total": func(m *matcher.Matching, _ []int16, _ *rand.Rand) bool { m.Total++; return true },
	"unmatched": func(m *matcher.Matching, _ []int16, _ *rand.Rand) bool {
		if len(m.Unmatched) == 0 {
			return false
		}
		m.Unmatched = m.Unmatched[1:]
		return true
	},
	"seed": func(m *matcher.Matching, _ []int16, _ *rand.Rand) bool { m.Seed += "x"; return true },
	"demand": func(m *matcher.Matching, _ []int16, r *rand.Rand) bool {
		m.Input.Mentees[r.IntN(len(m.Input.Mentees))].Demand++
		return true
	},
	"seats": func(m *matcher.Matching, _ []int16, r *rand.Rand) bool {
		m.Input.Mentors[r.IntN(len(m.Input.Mentors))].Seats++
		return true
	},
	"locked": func(m *matcher.Matching, _ []int16, r *rand.Rand) bool {
		if len(m.Pairs) == 0 {
			return false
		}
		x := &m.Pairs[r.IntN(len(m.Pairs))]
		x.Locked = !x.Locked
		return true
	},
	"forbidden away": func(m *matcher.Matching, _ []int16, _ *rand.Rand) bool {
		if len(m.Input.Forbidden) == 0 {
			return false
		}
		m.Input.Forbidden = m.Input.Forbidden[1:]
		return true
	},
	"order of the objective": func(m *matcher.Matching, _ []int16, _ *rand.Rand) bool {
		slices.Reverse(m.Input.Objective)
		return true
	},
	"infeasible": func(m *matcher.Matching, _ []int16, _ *rand.Rand) bool { m.Status = matcher.Infeasible; return true },
	"stickiness": func(m *matcher.Matching, _ []int16, _ *rand.Rand) bool { m.Input.Stickiness++; return true },
}

func mentorAt(m *matcher.Matching, id string) int {
	return slices.IndexFunc(m.Input.Mentors, func(x matcher.MentorInput) bool { return x.ID == id })
}

func place(m *matcher.Matching, rows []int16, x *matcher.MatchedPair, i int) {
	j := slices.IndexFunc(m.Input.Mentees, func(e matcher.MenteeInput) bool { return e.ID == x.Mentee })
	x.Mentor = m.Input.Mentors[i].ID
	x.Score = int(rows[j*len(m.Input.Mentors)+i])
	x.Standing = slices.Contains(m.Input.Standing, [2]string{x.Mentee, x.Mentor})
}

// priced makes one price a little larger or smaller.
func priced(of func(*matcher.Prices) [][]int64) func(*matcher.Matching, []int16, *rand.Rand) bool {
	return func(m *matcher.Matching, _ []int16, r *rand.Rand) bool {
		list := of(&m.Certificate.Best)
		if len(list) == 0 {
			return false
		}
		tuple := list[r.IntN(len(list))]
		if len(tuple) == 0 {
			return false
		}
		tuple[0] += []int64{-3, 3}[r.IntN(2)]
		return true
	}
}

// What cannot be read as a matching is refused by the first check.
func TestUnreadableMatchings(t *testing.T) {
	m, rows := matched(t, 1, noLimit)
	good := m.AppendJSON(nil)
	var indented bytes.Buffer
	if err := json.Indent(&indented, good, "", " "); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"indented":     indented.Bytes(),
		"unknown key":  bytes.Replace(good, []byte(`"covered":`), []byte(`"more":1,"covered":`), 1),
		"other digest": bytes.Replace(good, []byte(`"digest":"sha256:`), []byte(`"digest":"sha256:0`), 1),
		"negative":     bytes.Replace(good, []byte(`"demand":`), []byte(`"demand":-`), 1),
		"null":         []byte(`{"format":"fairlead matching","version":1,"pairs":null}`),
	} {
		if report := verdict(t, b, rows); report.Accepted || report.Broken() != "1" {
			t.Errorf("%s: %+v", name, report.Checks)
		}
	}
	if _, err := verify.File(bytes.Replace(good, []byte(`"version":1`), []byte(`"version":2`), 1), verify.Options{}); err != verify.ErrNewer {
		t.Errorf("a newer version: %v", err)
	}
	if report, err := verify.File(good, verify.Options{}); err != nil || !report.Accepted || report.Certified {
		t.Errorf("without scores: %v %+v", err, report)
	}
}
