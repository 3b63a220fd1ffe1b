// Package pairing matches mentees to mentors: who is served, how well the
// worst-served is served, how good the whole is and how evenly mentors are
// asked, strictly in the order of the objective, and proved.
//
// One min-cost flow over tuples that are compared lexicographically decides
// everything; docs/matching.md explains it to coordinators and engineers. All
// arithmetic is in integers, and a lottery by the seed is the last term, so that
// the same problem gives the same pairs on every machine, in whatever order
// people are listed and on however many processors.
package pairing

import (
	"context"
	"fmt"
	"strings"
)

// Bounds of a problem.
const (
	MaxScore      = 1000
	MaxStickiness = 1000
	MaxDemand     = 1000
	MaxSeats      = 100_000
	MaxPeople     = 32_768 // on the smaller side: lottery sums stay below 2^60
)

// NotEligible is the score of a pair that must not be matched.
const NotEligible = -1

// Term is one part of the objective.
type Term uint8

// The terms. Each is decided before the next one of the objective counts.
const (
	Cover  Term = iota + 1 // most mentees with at least one mentor, those included that they have
	Cover2                 // most with at least two
	Cover3                 // most with at least three
	Worst                  // the smallest, over mentees whose first mentor it is, of the best pair, as large as possible
	Bands                  // fewest pairs with score ≤ 200, then ≤ 400, ≤ 600, ≤ 800
	Total                  // largest sum of scores, stickiness included
	Even                   // smallest Σ over mentors and l = 1…load of ⌊5040·(2l−1)/seats⌋
)

var termNames = [...]string{Cover: "cover", Cover2: "cover2", Cover3: "cover3", Worst: "worst", Bands: "bands", Total: "total", Even: "even"}

func (t Term) String() string {
	if t == 0 || int(t) >= len(termNames) {
		return fmt.Sprintf("Term(%d)", uint8(t))
	}
	return termNames[t]
}

// DefaultObjective is cover,cover2,cover3,worst,total,even.
func DefaultObjective() []Term { return []Term{Cover, Cover2, Cover3, Worst, Total, Even} }

// TermNames lists the words that an objective is written with.
func TermNames() []string { return termNames[1:] }

// ParseObjective reads a comma list of terms, most important first.
func ParseObjective(list string) ([]Term, error) {
	var terms []Term
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		found := Term(0)
		for t, name := range termNames {
			if name != "" && strings.EqualFold(name, word) {
				found = Term(t)
			}
		}
		if found == 0 {
			return nil, &ObjectiveError{Word: word, Message: "is no term of an objective"}
		}
		terms = append(terms, found)
	}
	return terms, checkObjective(terms)
}

// checkObjective refuses what cannot be one flow, and what means nothing.
func checkObjective(terms []Term) error {
	var seen [len(termNames)]bool
	for _, t := range terms {
		refuse := func(why string) error { return &ObjectiveError{Word: t.String(), Message: why} }
		switch {
		case t == 0 || int(t) >= len(termNames):
			return refuse("is no term of an objective")
		case seen[t]:
			return refuse("is named twice")
		case t == Worst && !seen[Cover]:
			return refuse("has to come after cover: without it the best worst pair is no pair at all")
		// A second mentor for somebody without a first one is no flow.
		case t == Cover2 && !seen[Cover]:
			return refuse("has to come after cover")
		case t == Cover3 && !seen[Cover2]:
			return refuse("has to come after cover2")
		}
		seen[t] = true
	}
	return nil
}

// ObjectiveError is an objective that cannot be followed.
type ObjectiveError struct{ Word, Message string }

func (e *ObjectiveError) Error() string { return fmt.Sprintf("%q %s", e.Word, e.Message) }

// Mentee is somebody who wants mentors.
type Mentee struct {
	ID      string
	Demand  int    // mentors wanted, besides those that they have: 0…MaxDemand
	Waiting bool   // left over from an earlier round: covered before anybody else
	Group   string // of the one partition that Floors are about; "" is no group

	// Has is how many mentors they have already, 0…MaxDemand: the first of this
	// matching is one more. HasScore is the score of the best of these pairs, as far
	// as it is known: audits count it, and nothing else does.
	Has, HasScore int
}

// Mentor is somebody who has seats for mentees.
type Mentor struct {
	ID    string
	Seats int // free ones, 0…MaxSeats
}

// Pair names a mentee and a mentor.
type Pair struct{ Mentee, Mentor string }

// Floor asks that at least Covered mentees of a group have a mentor.
type Floor struct {
	Group   string
	Covered int
}

// Scorer scores pairs. Row writes the scores of mentee j with every mentor, both
// as they are listed in the problem: 0…MaxScore, or NotEligible. It is called
// once for each mentee, from several goroutines at once.
type Scorer interface {
	Row(j int, into []int16)
}

// Dense is a Scorer that holds all scores: mentee by mentee, mentor by mentor.
// The solver reads it in place where it can and never writes to it.
type Dense []int16

// Row copies a row.
func (d Dense) Row(j int, into []int16) { copy(into, d[j*len(into):]) }

// Problem is what is to be matched. Ids are not empty and unique within a role;
// the pair of a mentee and a mentor with the same id is never eligible.
type Problem struct {
	Mentees   []Mentee
	Mentors   []Mentor
	Scores    Scorer
	Objective []Term // nil: DefaultObjective

	Locks     []Pair // are matched, whatever it costs; they must be eligible
	Forbidden []Pair // are not eligible
	Floors    []Floor

	// Standing pairs (proposals that are out) count Stickiness points more in
	// Total, and in no other term.
	Standing   []Pair
	Stickiness int

	Seed string
}

// InputError is a problem that contradicts itself. List is the field of Problem,
// Row the place in it, from 0.
type InputError struct {
	List    string
	Row     int
	Message string
}

func (e *InputError) Error() string { return fmt.Sprintf("%s[%d]: %s", e.List, e.Row, e.Message) }

// Options of a run.
type Options struct {
	// Work limits the people that searches visit; 0: no limit. The same limit cuts
	// at the same place on every machine.
	Work int64
	// Progress is called now and then, by the goroutine that called Solve.
	Progress func(Progress)
	// Near is a result of nearly the same problem, to start from: it changes no
	// pair and no value, only the prices that prove them, and the time.
	Near *Result

	// Of tests: how long shortlists are and how many bits a stage may fill; 0: as
	// they are best. Neither changes a result.
	list, bits int
}

// Progress is what a run is at.
type Progress struct {
	Stage, Stages int    // from 1; Stages is 0 until it is known
	Step          string // scoring, worst, shortlists, placing, pricing
	Done, Of      int    // mentees of the step
	Round         int    // of pricing, from 1
	Visited       int64  // people that searches visited so far
}

// Status says what is known of a result.
type Status uint8

const (
	Optimal    Status = iota + 1 // no matching is better; Proof shows it
	Feasible                     // a matching that keeps every rule; the work ran out before the proof
	Undecided                    // the work ran out before the floors were kept
	Infeasible                   // no matching keeps the floors; Proof shows it
)

var statusNames = [...]string{Optimal: "OPTIMAL", Feasible: "FEASIBLE", Undecided: "UNDECIDED", Infeasible: "INFEASIBLE"}

func (s Status) String() string { return statusNames[s] }

// Match is one pair of a result.
type Match struct {
	Mentee, Mentor string
	Score          int // without stickiness
	Locked         bool
	Standing       bool
}

// Value is what a matching attains in one tier: a term, or a part of one.
type Value struct {
	Tier  Tier
	Value int64
}

// Result is a matching with its proof.
type Result struct {
	Status  Status
	Matches []Match // by mentee id, then mentor id
	Values  []Value // tier by tier; larger is better in each
	Covered int     // mentees with at least one mentor, of this matching or before it
	Total   int64   // sum of the scores, without stickiness
	Worst   int     // the smallest, over mentees who had none before, of the best pair; -1: of nobody
	Visited int64   // people that searches visited

	objective []Term
	threshold int  // of worst: 0 if it decides nothing
	run       *run // what explanations and re-matching go on from
}

// Solve matches. Canceling ctx, or running out of work, gives a Feasible result
// with whoever was placed until then, and no error. An error is an *InputError,
// or an *ObjectiveError.
func Solve(ctx context.Context, p *Problem, o Options) (*Result, error) { return solve(ctx, p, o) }
