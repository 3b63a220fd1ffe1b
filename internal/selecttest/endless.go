package selecttest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Endless is a pool of 300 with 25 yes or no questions that are to come out
// exactly, and its rules, as CSV: proving the best cohort takes far longer than
// any test waits.
func Endless() (people, rules string) {
	var p, r strings.Builder
	p.WriteString("id")
	r.WriteString("feature,value,min,max,priority\n")
	for q := range 25 {
		fmt.Fprintf(&p, ",q%d", q)
		fmt.Fprintf(&r, "q%d,y,%d,%d,1\n", q, 7+q%3, 7+q%3)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		fmt.Fprintf(&p, "\nx%03d", i)
		for range 25 {
			p.WriteString([]string{",y", ",n"}[random.IntN(2)])
		}
	}
	return p.String(), r.String()
}
