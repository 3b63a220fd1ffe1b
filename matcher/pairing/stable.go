package pairing

import (
	"cmp"
	"slices"
)

// Prefers is a pair that was not matched and fits both better than what they have.
type Prefers struct {
	Pair  Pair
	Score int
	Gain  int // points by which the less eager of the two would be better off
}

// Unstable counts the eligible pairs that both would change to: each of the two
// has a free place, or somebody with a smaller score. A matching that serves as
// many as possible, or those served worst, has some as a rule. It also lists at
// most so many of them: those with the largest gain first, then by mentee and
// mentor. Its cost is one pass over the scores; mentors from before count as none.
func Unstable(p *Problem, r *Result, most int) (count int64, first []Prefers) {
	mentors := make(map[string]int, len(p.Mentors))
	for i, m := range p.Mentors {
		mentors[m.ID] = i
	}
	mentees := make(map[string]int, len(p.Mentees))
	for j, m := range p.Mentees {
		mentees[m.ID] = j
	}
	// What a score has to exceed for each: the worst of who has no free place, or -1.
	const never = MaxScore + 1
	have := make([][]int, len(p.Mentees)) // by mentee: mentors that cannot be changed to
	wants, load := make([]int, len(p.Mentees)), make([]int, len(p.Mentors))
	ofMentee, ofMentor := make([]int, len(p.Mentees)), make([]int, len(p.Mentors))
	for j := range ofMentee {
		ofMentee[j] = never
	}
	for i := range ofMentor {
		ofMentor[i] = never
	}
	for _, m := range r.Matches {
		j, i := mentees[m.Mentee], mentors[m.Mentor]
		have[j] = append(have[j], i)
		wants[j]++
		load[i]++
		ofMentee[j], ofMentor[i] = min(ofMentee[j], m.Score), min(ofMentor[i], m.Score)
	}
	for j, m := range p.Mentees {
		if wants[j] < m.Demand {
			ofMentee[j] = -1
		}
	}
	for i, m := range p.Mentors {
		if load[i] < m.Seats {
			ofMentor[i] = -1
		}
	}
	for _, f := range p.Forbidden {
		have[mentees[f.Mentee]] = append(have[mentees[f.Mentee]], mentors[f.Mentor])
	}
	row := make([]int16, len(p.Mentors))
	for j, m := range p.Mentees {
		if ofMentee[j] >= MaxScore {
			continue
		}
		p.Scores.Row(j, row)
		for _, i := range have[j] {
			row[i] = NotEligible
		}
		if i, ok := mentors[m.ID]; ok {
			row[i] = NotEligible
		}
		for i, score := range row {
			bar := max(ofMentee[j], ofMentor[i])
			if int(score) <= bar {
				continue
			}
			count++
			gain := int(score) - max(bar, 0)
			full := len(first) == most
			if full && (most == 0 || gain < first[most-1].Gain) { // nearly always
				continue
			}
			x := Prefers{Pair{m.ID, p.Mentors[i].ID}, int(score), gain}
			if full && compareGains(x, first[most-1]) >= 0 {
				continue
			}
			at, _ := slices.BinarySearchFunc(first, x, compareGains)
			first = slices.Insert(first, at, x)
			first = first[:min(len(first), most)]
		}
	}
	return count, first
}

func compareGains(a, b Prefers) int {
	return cmp.Or(cmp.Compare(b.Gain, a.Gain), cmp.Compare(a.Pair.Mentee, b.Pair.Mentee), cmp.Compare(a.Pair.Mentor, b.Pair.Mentor))
}
