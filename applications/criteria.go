package applications

import "time"

// CriteriaRule is one rule as people write it, on a form's attributes. It
// becomes one or more matcher.Rule when resolved.
type CriteriaRule struct {
	Kind      string   // "quota", "company", "spread", "cap"
	Attribute string   // key
	Values    []string // codes; empty: every value of the attribute that rules count
	// Each: one quota per value. Otherwise a quota counts people with any (or,
	// with All, with every one) of Values.
	Each, All bool
	// And narrows a quota to people who also satisfy these, IDs to these
	// applicants, by code.
	And      []Condition
	IDs      []string
	Min, Max *int // nil: no bound on that side
	Priority int  // 0 must, 1…9
	Weight   int  // 1…1000; 0 reads as 1
	MinFlex  *int
	MaxFlex  *int
	Fixed    bool
	Note     string
}

// Criteria is what a program decides by: immutable once registered.
type Criteria struct {
	Program       string
	Version       int    // 1, 2, …
	Name          string // "neutral", "balanced", or the program's own
	Rules         []CriteriaRule
	Size, MinSize int
	HardCaps      map[string]int // attribute -> at most so many per value
	Ties          []Tie
	// Lottery is matcher.LotteryNone, LotteryMaximin or LotteryLeximin; "": each
	// run says, and leximin where it does not.
	Lottery   string
	MaxChance int // the largest chance anybody not locked in may have, in thousandths, 1…1000; 0: no limit
	Allow     map[int]int64
	// SeedKind is where the seed of a draw comes from; "": each run says, and the
	// server where it does not. SeedSource says it in words: how, when, by whom.
	// SeedPeople are the two people of SeedCommitReveal, as they are known.
	SeedKind     SeedKind
	SeedSource   string
	SeedPeople   []string
	Registered   bool
	RegisterTime time.Time
	RegisteredBy string
	Reason       string   // for a change after the first submission
	SecondBy     string   // the second person of such a change
	Policies     []string // ids of the policies in force that it relies on
	Digest       string   // sha256:… of the canonical criteria
	CreateTime   time.Time
}

// Tie holds named applicants together or apart, by code.
type Tie struct {
	Kind string // "apart", "together", "at_least_one"
	IDs  []string
}

// Policy is the approval to use identity attributes for balance in one
// program: by whom, why, until when.
type Policy struct {
	Program    string
	ID         string // UUIDv7
	Attributes []string
	Purpose    Purpose // ForBalance
	Approver   string  // as named by the person who recorded it
	RecordedBy string  // principal's subject
	Reason     string
	// SecondApprover is required before a rule that must hold may name race or
	// gender.
	SecondApprover string
	ApproveTime    time.Time
	ExpireTime     time.Time
	RevokeTime     time.Time // zero while in force
	Revision       int64
}

// InForce reports whether the policy covers the attribute at t.
func (p *Policy) InForce(attribute string, t time.Time) bool {
	if t.Before(p.ApproveTime) || !t.Before(p.ExpireTime) || (!p.RevokeTime.IsZero() && !t.Before(p.RevokeTime)) {
		return false
	}
	for _, a := range p.Attributes {
		if a == attribute {
			return true
		}
	}
	return false
}

// CheckCriteria returns everything that is wrong with criteria on a form.
func CheckCriteria(c *Criteria, form *Form) []Violation { return c.problems(form) }
