package demo

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
)

// person is an invented applicant. Nobody behind it exists: the name says so,
// the address lies in a domain that is reserved for examples, and the phone
// number in the range that is reserved for fiction.
type person struct {
	Name, Email, Phone string
	Answers            map[string]answer
}

// answer is one answer in the form's codes.
type answer struct {
	Values     []string
	Qualifiers map[string][]string
	Text       string
	Declined   bool
}

// question is what the generator needs to know of an attribute of the form.
type question struct {
	Key       string
	Kind      string // SINGLE, MULTI, ENTITY; others are left unanswered
	Values    []value
	MaxValues int // of MULTI; 0: no limit
	Qualifier []string
	Required  bool
	Decline   bool
	When      *condition
}

type value struct {
	Code      string
	Exclusive bool
	WriteIn   bool
	When      *condition
}

// condition holds when the answer to Key has one of Values.
type condition struct {
	Key    string
	Values []string
}

func (c *condition) holds(answers map[string]answer) bool {
	return c == nil || slices.ContainsFunc(answers[c.Key].Values, func(v string) bool { return slices.Contains(c.Values, v) })
}

// weights say how often an answer is given, per thousand, for the questions of
// the North Sound form; values and questions that are not here are equally
// likely. Each question is drawn by itself, so that no answer follows from
// another one, least of all a hardship from a group.
var weights = map[string]map[string]int{
	"county":         {"island": 110, "san_juan": 60, "skagit": 180, "snohomish": 420, "whatcom": 230},
	"race_ethnicity": {"aian": 80, "asian": 120, "black": 70, "hispanic": 160, "mena": 30, "nhpi": 40, "white": 500},
	"gender":         {"woman": 540, "man": 370, "nonbinary": 50, "two_spirit": 15, "different_term": 15, "unsure": 10},
	"tribal_relationship": {
		"citizen": 60, "descendant": 50, "works_for": 50, "serves": 80, "none": 760,
	},
	"role_authority": {"structural_change": 450, "supervises_change_staff": 430, "influences": 80, "neither": 40},
	"role_level": {
		"executive": 220, "senior_manager": 200, "manager_supervisor": 270, "lead": 200, "elected_board": 60, "other": 50,
	},
	"kind_of_place":      {"island": 130, "rural": 230, "small_town": 270, "city": 310, "tribal_land": 60},
	"preferred_language": {"en": 870, "es": 130},
}

// Of people who answer a question that takes several values, how many give a
// second one, per thousand, and of these how many a third one.
var secondValue = map[string]int{"race_ethnicity": 110, "gender": 30, "lived_experience": 450, "role_authority": 350}

const (
	secondElsewhere = 150 // for every other question
	thirdValue      = 200
)

// Of all people, how many decline a question that can be declined, and how
// many leave an optional one open, per thousand.
const (
	declines   = 60
	leavesOpen = 30
)

// organizations is how many employers the applicants share. A third of the
// people come from the first few, so that several have more than one.
const (
	organizations = 70
	large         = 8
	fromLarge     = 330 // per thousand
)

// people invents n applicants who answer the form. The same seed and form give
// the same people.
func people(seed string, n int, form []question) []person {
	sum := sha256.Sum256([]byte("applicants\x00" + seed))
	r := rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
	all := make([]person, n)
	for i := range all {
		p := person{
			Name:    fmt.Sprintf("Invented Applicant %03d", i+1),
			Email:   fmt.Sprintf("applicant-%03d@example.org", i+1),
			Phone:   fmt.Sprintf("360-555-01%02d", i%100),
			Answers: map[string]answer{},
		}
		for _, q := range form {
			if !q.When.holds(p.Answers) {
				continue
			}
			if a, ok := reply(r, q, p.Answers); ok {
				p.Answers[q.Key] = a
			}
		}
		all[i] = p
	}
	return all
}

func reply(r *rand.Rand, q question, before map[string]answer) (answer, bool) {
	chance := func(perThousand int) bool { return r.IntN(1000) < perThousand }
	switch {
	case q.Decline && chance(declines):
		return answer{Declined: true}, true
	case !q.Required && chance(leavesOpen):
		return answer{}, false
	}
	switch q.Kind {
	case "ENTITY":
		k := large + r.IntN(organizations-large)
		if chance(fromLarge) {
			k = r.IntN(large)
		}
		return answer{Text: fmt.Sprintf("Invented Organization %02d", k+1)}, true
	case "SINGLE", "MULTI":
	default:
		return answer{}, false
	}
	// An answer in one's own words is nothing to invent.
	var open []value
	for _, v := range q.Values {
		if v.When.holds(before) && !v.WriteIn || weights[q.Key][v.Code] > 0 {
			open = append(open, v)
		}
	}
	want := 1
	second, ok := secondValue[q.Key]
	if !ok {
		second = secondElsewhere
	}
	if q.Kind == "MULTI" && chance(second) {
		want = 2
		if chance(thirdValue) {
			want = 3
		}
	}
	if q.MaxValues > 0 {
		want = min(want, q.MaxValues)
	}
	var chosen []string
	for len(chosen) < want && len(open) > 0 {
		i := pick(r, q.Key, open)
		v := open[i]
		open = slices.Delete(open, i, i+1)
		if v.Exclusive {
			if len(chosen) == 0 {
				chosen = []string{v.Code}
			}
			break
		}
		chosen = append(chosen, v.Code)
	}
	if len(chosen) == 0 {
		return answer{}, false
	}
	a := answer{Values: inFormOrder(chosen, q.Values)}
	if len(q.Qualifier) > 0 {
		a.Qualifiers = map[string][]string{}
		for _, v := range a.Values {
			if !slices.ContainsFunc(q.Values, func(x value) bool { return x.Code == v && x.Exclusive }) {
				a.Qualifiers[v] = []string{q.Qualifier[r.IntN(len(q.Qualifier))]}
			}
		}
	}
	return a, true
}

func pick(r *rand.Rand, key string, values []value) int {
	weight := func(v value) int {
		if w, ok := weights[key]; ok {
			return w[v.Code]
		}
		return 1
	}
	total := 0
	for _, v := range values {
		total += weight(v)
	}
	if total == 0 {
		return r.IntN(len(values))
	}
	x := r.IntN(total)
	for i, v := range values {
		if x -= weight(v); x < 0 {
			return i
		}
	}
	return len(values) - 1
}

func inFormOrder(codes []string, values []value) []string {
	var out []string
	for _, v := range values {
		if slices.Contains(codes, v.Code) {
			out = append(out, v.Code)
		}
	}
	return out
}
