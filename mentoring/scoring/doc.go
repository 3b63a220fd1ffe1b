// Package scoring turns the profiles of mentees and mentors into whole scores
// from 0 to 1000, each with parts that sum to it and the evidence for them.
//
// A score is
//
//	round(1000 · Σ w·f / Σ w)
//
// over the features that say something about the pair, f from 0 to 1. What
// somebody left blank drops out of both sums and lowers the completeness that
// comes with the score: blank is never a mismatch. Hard rules are apart from
// scores: a pair that one of them forbids has none.
//
// Everything that a score is made of is a whole number, in billionths or
// thousandths, logarithms included, so the same profiles give the same scores
// on every machine. docs/scoring.md says it all for people, with an example.
//
// Profiles hold no protected attribute. What a mentor has lived enters only by
// [Trait] and [Seek], when the mentor released it for matching and the mentee
// asked for it; a trait that was not released is dropped before anything is
// computed, so that it influences nothing and appears in nothing.
package scoring

// A Feature is one thing that a score is made of.
type Feature uint8

// The features, in the order in which parts are listed.
const (
	Skills       Feature = iota // topics wanted and offered
	Goals                       // what both wrote in their own words
	Experience                  // how far the mentor is ahead
	Availability                // hours that both have
	Distance                    // minutes between them, if somebody wants to meet in person
	Language                    // the language that the mentee prefers
	Style                       // answers about the way of working
	Preferences                 // whom both wished for
	Affinity                    // what the mentee seeks and the mentor released
	features                    // how many
)

var featureNames = [features]string{"skills", "goals", "experience", "availability", "travel", "language", "style", "preferences", "affinity"}

func (f Feature) String() string { return featureNames[f] }

// A Rule is a hard rule: a pair that breaks one of those in force is not
// eligible.
type Rule uint8

// The hard rules, in the order of their bits.
const (
	Self             Rule = iota // nobody is their own mentor
	Unit                         // not of one unit
	Chain                        // neither is in the other's chain of managers
	Conflict                     // a conflict of interest that one of them declared
	Ended                        // the pair had ended with a concern
	Never                        // one of them never wants the other
	CommonLanguage               // a language that both speak
	CommonTime                   // a time that both have, unless writing at any time is fine for both
	AffinityRequired             // what a mentee requires and the mentor released
	ExperienceGap                // a gap of experience that counts for something
	TravelTime                   // not further than the longest way
	rules                        // how many
)

var ruleNames = [rules]string{"self", "unit", "chain", "conflict", "ended", "never", "language", "availability", "affinity", "experience", "travel"}

func (r Rule) String() string { return ruleNames[r] }

// Answer is yes, no or blank.
type Answer uint8

// The answers.
const (
	Blank Answer = iota
	Yes
	No
)

// Person is what profiles of both sides hold. An empty field is blank. The same
// id on both sides is the same person.
type Person struct {
	ID string
	// Text is the mentee's goals, or what the mentor offers, in their own words.
	Text string
	// TextLanguage is "en" or "es"; empty: told from the words.
	TextLanguage string
	// Experience is a rung: years, or a grade counted from the lowest. nil is
	// blank.
	Experience *int
	// Hours are the hours of an ordinary week in the person's own zone.
	Hours *Hours
	// Asynchronous: messages at any time are fine instead of meetings.
	Asynchronous Answer
	InPerson     Answer // wants to meet in person
	Places       []int  // of the travel table
	Languages    []string
	Units        []string
	Managers     []string // ids, the nearest first; chains go on through profiles
	Conflicts    []string // ids
	// Style has an answer from 1 to 5 per item of the rules, 0 is blank.
	Style []uint8
	// Wishes are ids of the other side, the first before the others; Never are
	// those whom the person never wants. Only the first few of both count in full.
	Wishes, Never []string
}

// Mentee is somebody who looks for a mentor.
type Mentee struct {
	Person
	Wants []Want
	// Preferred is the language that the mentee would rather speak.
	Preferred string
	Seeks     []Seek
}

// Mentor is somebody who offers to be one.
type Mentor struct {
	Person
	Offers []Offer
	Traits []Trait
}

// Want is a topic that a mentee wants to learn, and how much: 1, 2 or 3. A topic
// is an id of the vocabulary, or else somebody's own words, which match the same
// words only.
type Want struct {
	Topic      string
	Importance int
}

// Offer is a topic that a mentor can teach, and how well: 1, 2 or 3.
type Offer struct {
	Topic string
	Level int
}

// Strength is how much a mentee wants a trait in a mentor.
type Strength uint8

// The strengths. A mentee who chose none has no Seek.
const (
	Nice Strength = iota + 1
	Important
	Required
)

// Seek is a trait that a mentee would like a mentor to have.
type Seek struct {
	Attribute, Value string
	Strength         Strength
}

// Trait is one thing that a mentor has lived. It counts only if it is released
// for matching, and is named only if that is released too.
type Trait struct {
	Attribute, Value    string
	Matching, Explained bool
}
