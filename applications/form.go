package applications

import "slices"

// AttributeKind is how an attribute is answered.
type AttributeKind string

const (
	Single   AttributeKind = "SINGLE"  // one value
	Multi    AttributeKind = "MULTI"   // several values, up to MaxValues
	Derived  AttributeKind = "DERIVED" // rolled up from another attribute; never asked, never stored
	Entity   AttributeKind = "ENTITY"  // an organization, by name
	FreeText AttributeKind = "TEXT"
	Number   AttributeKind = "NUMBER" // an integer
)

// Purpose is what an answer may be used for.
type Purpose string

const (
	ForEligibility Purpose = "ELIGIBILITY"
	ForScoring     Purpose = "SCORING"
	ForBalance     Purpose = "BALANCE" // identity attributes: only with a Policy in force
	ForMentoring   Purpose = "MENTORING"
	ForReport      Purpose = "REPORT"
	ForLogistics   Purpose = "LOGISTICS"
)

// Sensitivity says how an answer is protected. Identity answers (everything
// but Internal) are shown only with identity.read, and each reading is
// recorded.
type Sensitivity string

const (
	InternalFact     Sensitivity = "INTERNAL"          // a fact about the job, not the person
	Personal         Sensitivity = "PERSONAL"          // for example county
	Special          Sensitivity = "SPECIAL"           // race, gender, …
	SpecialHealth    Sensitivity = "SPECIAL_HEALTH"    // needs a consent of its own
	SpecialSovereign Sensitivity = "SPECIAL_SOVEREIGN" // relation with a Tribal Nation
)

// Value is one answer that can be chosen.
type Value struct {
	Code        string // [a-z0-9_]{1,40}
	Label       Text
	Exclusive   bool // cannot be chosen together with another value
	WriteIn     bool // has a text of its own
	Health      bool // consumer health data: needs the health consent
	Uncounted   bool // chosen, but belongs to no group in rules ("none of these")
	VisibleWhen *Condition
	Rollup      *Rollup    // of a Derived attribute's value
	Benchmark   *Benchmark // nil where no verified figure exists
}

// Rollup says when an answer to the attribute that a Derived one is derived
// from rolls up to this value. The first value whose Rollup fits is the one.
// Exactly one of the three is set.
type Rollup struct {
	Any     []string // the answer has at least one of these
	Only    string   // the answer is this and nothing else
	AtLeast int      // the answer has so many values, or more
}

// Benchmark is a population figure with its source, to show beside a target.
// Only verified figures are kept: what is not verified is not a fact.
type Benchmark struct {
	Share  float64 // 0…1 of the population described by Basis
	Basis  string
	Source string // title of the source and where it was read
}

// Condition holds when the answer to Attribute has any of Values.
type Condition struct {
	Attribute string
	Values    []string
}

// Attribute is one question of a form and what may be done with its answer.
type Attribute struct {
	Key         string // [a-z0-9_]{1,40}
	Kind        AttributeKind
	Question    Text
	Hint        Text
	Why         Text // why we ask and who sees it
	Label       Text // short name for tables
	Values      []Value
	MaxValues   int // of Multi; 0: no limit
	Qualifier   *Qualifier
	DerivedFrom string
	VisibleWhen *Condition
	Required    bool // only for eligibility and logistics; never for an identity attribute
	Decline     bool // offers "I prefer not to say"
	Sensitivity Sensitivity
	Purposes    []Purpose
	Source      string
	MaxLength   int // of Text, in characters; 0: 500
}

// Qualifier is a second, small choice for each value chosen: "my own
// experience" or "family".
type Qualifier struct {
	Key    string
	Label  Text
	Values []Value
}

// Identity reports whether the answer tells who a person is rather than what
// their job is.
func (a *Attribute) Identity() bool { return a.Sensitivity != InternalFact }

// NeedsPolicy reports whether rules may name the attribute only under a Policy
// in force: always for race, gender, health and the relation with a Tribal
// Nation; for another personal fact, such as county, unless the form itself,
// which everybody can read, says that it is used for balance.
func (a *Attribute) NeedsPolicy() bool {
	switch a.Sensitivity {
	case InternalFact:
		return false
	case Personal:
		return !a.For(ForBalance)
	}
	return true
}

// For reports whether the form gives the attribute this purpose.
func (a *Attribute) For(p Purpose) bool { return slices.Contains(a.Purposes, p) }

// Value returns the value with the code, or nil.
func (a *Attribute) Value(code string) *Value { return findValue(a.Values, code) }

func findValue(values []Value, code string) *Value {
	for i := range values {
		if values[i].Code == code {
			return &values[i]
		}
	}
	return nil
}

func valueCodes(values []Value) []string {
	codes := make([]string, len(values))
	for i := range values {
		codes[i] = values[i].Code
	}
	return codes
}

// Page is one page of the form: a question or a tight group of them.
type Page struct {
	Key        string
	Title      Text
	Attributes []string // "contact" and "consent" pages have none
}

// ContactPage and ConsentPage are the pages every form has.
const (
	ContactPage = "contact"
	ConsentPage = "consent"
)

// Form is one published version of a program's questions. It never changes; a
// new version keeps old drafts' answers and asks only what is new.
type Form struct {
	Program    string
	Version    int
	Attributes []Attribute
	Pages      []Page
	// Eligibility: every condition must hold; none means everybody is eligible.
	Eligibility []Condition
	Consents    []ConsentText
	Digest      string // sha256:… of the canonical form
}

// ConsentText is one thing that an applicant agrees to, worded as an action.
type ConsentText struct {
	Key      string
	Text     Text
	Required bool
	Health   bool // needed before a health answer is kept
}

// Attribute returns the attribute with the key, or nil.
func (f *Form) Attribute(key string) *Attribute {
	for i := range f.Attributes {
		if f.Attributes[i].Key == key {
			return &f.Attributes[i]
		}
	}
	return nil
}

// tellsIdentity reports whether an answer, or that it can be given, tells who a
// person is. A question there is not tells nothing.
func (f *Form) tellsIdentity(a *Attribute) bool {
	if a == nil || a.Identity() {
		return a != nil
	}
	conditions := []*Condition{a.VisibleWhen}
	for i := range a.Values {
		conditions = append(conditions, a.Values[i].VisibleWhen)
	}
	return slices.ContainsFunc(conditions, func(c *Condition) bool {
		return c != nil && f.tellsIdentity(f.Attribute(c.Attribute))
	})
}

// AsksHealth reports whether an answer on the page can be health data, so that
// the page has to show the health consent beside the question.
func (f *Form) AsksHealth(page Page) bool {
	for _, key := range page.Attributes {
		if a := f.Attribute(key); a != nil && a.asksHealth() {
			return true
		}
	}
	return false
}

func (a *Attribute) asksHealth() bool {
	if a.Sensitivity == SpecialHealth && (a.Kind == FreeText || a.Kind == Number || a.Kind == Entity) {
		return true
	}
	return slices.ContainsFunc(a.Values, func(v Value) bool { return v.Health })
}
