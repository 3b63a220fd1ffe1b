// Package pairbench measures the matcher on generated networks of many shapes,
// and beside other solvers.
package pairbench

import (
	"fmt"
	"math/bits"
	"math/rand"
	"runtime"
	"slices"
	"sync"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// Families are the shapes of networks, the usual one first.
var Families = []string{"network", "random", "euclid", "levels", "thin", "threshold", "ties", "popular", "product"}

// Size of a generated problem. Capacity is every mentor's seats; in "network" it
// multiplies seats of 1 to 4.
type Size struct{ Mentees, Mentors, Demand, Capacity int }

// Generate makes a problem; the same arguments always make the same.
func Generate(family string, s Size) (*pairing.Problem, error) {
	if !slices.Contains(Families, family) {
		return nil, fmt.Errorf("there is no family %q", family)
	}
	p := &pairing.Problem{Seed: "bench"}
	for j := range s.Mentees {
		p.Mentees = append(p.Mentees, pairing.Mentee{ID: fmt.Sprintf("e%05d", j), Demand: s.Demand})
	}
	for i := range s.Mentors {
		p.Mentors = append(p.Mentors, pairing.Mentor{ID: fmt.Sprintf("r%05d", i), Seats: s.Capacity})
	}
	if family == "network" {
		p.Scores = network(p, s)
	} else {
		p.Scores = shape(family, s)
	}
	return p, nil
}

// shape draws the scores of the families that are formulas.
func shape(family string, s Size) pairing.Dense {
	r := rand.New(rand.NewSource(5))
	popular, need := make([]float64, s.Mentors), make([]float64, s.Mentees)
	for i := range popular {
		popular[i] = r.Float64()
	}
	for j := range need {
		need[j] = r.Float64()
	}
	scores := make(pairing.Dense, s.Mentees*s.Mentors)
	for k := range scores {
		pop, want, x := popular[k%s.Mentors], need[k/s.Mentors], r.Float64()
		score := float64(pairing.NotEligible)
		switch family {
		case "ties": // everybody is equal
			score = 500
		case "levels": // four scores only
			score = float64(r.Intn(4) * 300)
		case "random":
			if x < .67 {
				score = float64(r.Intn(pairing.MaxScore + 1))
			}
		case "popular": // everybody wants the same mentors
			if x < .67 {
				score = 900*pop*pop*pop + 100*r.Float64()
			}
		case "product": // popularity times need: multiplicative, long chains
			score = 1000 * pop * want
		case "euclid":
			score = 1000 * (1 - max(pop-want, want-pop))
		case "thin": // few eligible pairs, most of them with popular mentors
			if x < .02*pop*pop*pop {
				score = float64(r.Intn(pairing.MaxScore + 1))
			}
		case "threshold": // only mentors above one's own level: chains of Hall
			if pop > want+.02 {
				score = 1000 - 1000*(pop-want)
			}
		}
		scores[k] = int16(score)
	}
	return scores
}

// person is a member of the network, as bits.
type person struct {
	skills, languages, employer uint64
	free                        [3]uint64
	grade, county               int
}

func invent(r *rand.Rand, mentor bool) person {
	var p person
	skills := 5
	if mentor {
		skills = 10
	}
	for range skills {
		p.skills |= 1 << int(60*r.Float64()*r.Float64())
	}
	p.grade = r.Intn(8)
	if mentor {
		p.grade += 3
	}
	p.languages = 1
	if r.Float64() < .15 {
		p.languages |= 1 << (1 + r.Intn(5))
	}
	if r.Float64() < .04 {
		if p.languages &^= 1; p.languages == 0 {
			p.languages = 2
		}
	}
	p.employer, p.county = uint64(r.Intn(400)), r.Intn(5)
	for range 14 {
		h := r.Intn(168 - 2)
		for hour := h; hour < h+2; hour++ {
			p.free[hour/64] |= 1 << (hour % 64)
		}
	}
	return p
}

// network is like a program of mentoring between organizations: two thirds of the
// pairs are eligible.
func network(p *pairing.Problem, s Size) pairing.Dense {
	r := rand.New(rand.NewSource(7))
	mentees, mentors := make([]person, s.Mentees), make([]person, s.Mentors)
	for j := range mentees {
		mentees[j] = invent(r, false)
	}
	for i := range mentors {
		mentors[i] = invent(r, true)
	}
	for i := range p.Mentors {
		p.Mentors[i].Seats = (1 + r.Intn(4)) * s.Capacity
	}
	scores := make(pairing.Dense, s.Mentees*s.Mentors)
	workers := runtime.GOMAXPROCS(0)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for j := w; j < s.Mentees; j += workers {
				for i := range mentors {
					scores[j*s.Mentors+i] = fit(&mentors[i], &mentees[j])
				}
			}
		})
	}
	all.Wait()
	return scores
}

func fit(mentor, mentee *person) int16 {
	if mentor.employer == mentee.employer || mentor.languages&mentee.languages == 0 || mentor.grade <= mentee.grade {
		return pairing.NotEligible
	}
	hours := 0
	for k := range mentor.free {
		hours += bits.OnesCount64(mentor.free[k] & mentee.free[k])
	}
	if hours == 0 {
		return pairing.NotEligible
	}
	score := 500*bits.OnesCount64(mentor.skills&mentee.skills)/bits.OnesCount64(mentee.skills) + min(hours, 6)*40
	switch mentor.grade - mentee.grade {
	case 1, 2:
		score += 160
	case 3:
		score += 100
	case 4:
		score += 40
	}
	if mentor.county == mentee.county {
		score += 100
	}
	return int16(score)
}
