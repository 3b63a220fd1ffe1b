package mentoring

import "time"

// Plan is what a program has set for its mentoring: who may enroll, how people
// are matched, and how long they have to answer. A program without one has no
// mentoring.
type Plan struct {
	Program string
	// Open lets mentors and mentees enroll by themselves. Closed, only staff
	// enroll them.
	Open bool
	// Screening wants staff to look at everybody who enrolled before they can be
	// matched; without it who submits is AVAILABLE at once.
	Screening bool
	// MaxSeats is how many mentees one mentor may take, MaxWanted how many
	// mentors one mentee may ask for; MaxNever how many people somebody may name
	// whom they never want to be matched with, and MaxWishes how many they wish for.
	MaxSeats, MaxWanted, MaxNever, MaxWishes int
	// Rules is the rules file of package scoring, as text: features, weights and
	// hard rules. Empty: the rules that ship.
	Rules string
	// Objectives are the terms of pairing in their order. Empty: the default.
	Objectives []string
	// Audited are columns of the mentees' profiles whose groups every run is audited
	// by, for how each was served.
	Audited []string
	// Floors are the coverage floors on one column of the mentees' profiles.
	Floors *Floors
	// AnswerTime is how long a proposal waits for its answers.
	AnswerTime time.Duration
	// Contact is the person whom a safe exit leads to, as mentors and mentees
	// see it: a name, and how to reach them.
	Contact string

	Revision               int64
	CreateTime, UpdateTime time.Time
}

// Floors asks for mentors for at least so many mentees of each value of one
// attribute, as far as that can be. Who has a mentor, or is proposed one, counts.
type Floors struct {
	Attribute string
	Min       map[string]int // by value
}

// Bounds of a plan.
const (
	mostSeats     = 50 // mentees of one mentor
	mostWanted    = 3  // mentors of one mentee: cover, cover2, cover3
	mostNever     = 100
	mostWishes    = 20
	mostRules     = 256 << 10 // bytes
	shortestReply = time.Hour
	longestReply  = 90 * 24 * time.Hour
	mostAudited   = 10
)
