package applications

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/matcher"
)

// SeedKind is where the seed of a draw comes from.
type SeedKind string

const (
	// SeedServer is a random number of the server's, made at the draw. Nobody
	// can check that it was not made twice; it is always told as what it is.
	SeedServer SeedKind = "SERVER"
	// SeedPublicNumber is a number that is drawn in public: dice, a lottery.
	SeedPublicNumber SeedKind = "PUBLIC_NUMBER"
	// SeedCommitReveal are the texts of two people, each bound to theirs by its
	// digest before either is known.
	SeedCommitReveal SeedKind = "COMMIT_REVEAL"
)

// Bounds of seeds.
const (
	maxSeed = 200
	// minReveal is long enough that nobody finds a text by trying digests.
	minReveal = 16
)

// SeedCommitment binds one of two people to a text: Digest is the SHA-256, in
// hex, of its UTF-8.
type SeedCommitment struct {
	Attempt        int
	Person, Digest string
	By             string // principal's subject
	Time           time.Time
}

// Seal is what was fixed before any seed existed. Everything in it is in the
// audit log as well, and none of it tells of anybody: roots and digests are
// salted.
type Seal struct {
	Time time.Time
	// PoolRoot is the Merkle root over the fingerprints of the pool, by code, and
	// TypesRoot the one over who is alike to the rules, in the same order.
	PoolRoot, TypesRoot string // sha256:…
	// RulesDigest is the registered digest of the criteria, and BookDigest a
	// salted one of the ticket book.
	RulesDigest, BookDigest string
	// Digest is over all of these, and over how the seed is to come about.
	Digest                        string
	Seats, People, Types, Cohorts int
	// Trials and Runs are how many trials and how many sealed runs of the program
	// were made before this one, CriteriaVersions how many were registered.
	Trials, Runs, CriteriaVersions int
	Chances                        ChanceSummary
}

// ChanceSummary is what can be told of chances before a draw. Chances are in
// billionths.
type ChanceSummary struct {
	Method string // as Selection.Lottery
	Proved bool   // false: work ran out; then Bound limits Smallest
	// Smallest is over those who can be chosen.
	Smallest, Largest, Bound, Gap int64
	Certain, Impossible           int // people; or TooFew, for some callers
	// Exclusions say why people are impossible.
	Exclusions []ExclusionSummary
	// Confirm: more than a tenth of the pool cannot be chosen at all, and the draw
	// needs a reason for that.
	Confirm bool
}

// ExclusionSummary says why some people cannot be chosen: what could not be
// had with one of them in.
type ExclusionSummary struct {
	People         int
	Reason         string // as selection.Exclusion
	Least, Allowed int64
	Rows           []int // of the criteria
}

// Draw is one attempt: what the public value gave.
type Draw struct {
	Attempt   int
	Kind      SeedKind
	Value     string // public
	Reason    string // of every attempt but the first
	Confirmed string // why it was drawn although many had no chance
	By        string // principal's subject
	Time      time.Time
	Ticket    int64    // 0…999,999
	Cohort    []string // codes, sorted
	// CohortDigest and RecordDigest are salted, for the public record.
	CohortDigest, RecordDigest string
}

// Choice is what a person made of a draw: an alternative, or a swap.
type Choice struct {
	Attempt int // after which draw
	Out, In []string
	Reason  string
	By      string
	Time    time.Time
	Cohort  []string // codes, sorted
}

// lotteryProblems says what is wrong with how criteria say a draw is to be.
func (c *Criteria) lotteryProblems() []Violation {
	bad := methodProblems(c.Lottery, c.MaxChance)
	people, source, problems := cleanSource(c.SeedKind, c.SeedPeople, c.SeedSource)
	c.SeedPeople, c.SeedSource = people, source
	return append(bad, problems...)
}

func methodProblems(method string, maxChance int) []Violation {
	var bad []Violation
	switch method {
	case "", matcher.LotteryNone, matcher.LotteryMaximin, matcher.LotteryLeximin:
	default:
		bad = append(bad, Violation{Field: "lottery", Message: "one of NONE, MAXIMIN, LEXIMIN"})
	}
	switch {
	case maxChance < 0 || maxChance > 1000:
		bad = append(bad, Violation{Field: "max_chance", Message: "from 1 to 1000 thousandths; 0 is no limit"})
	case maxChance > 0 && method == matcher.LotteryNone:
		bad = append(bad, Violation{Field: "max_chance", Message: "without a lottery there are no chances to limit"})
	}
	return bad
}

// cleanSource checks where a seed is to come from.
func cleanSource(kind SeedKind, people []string, source string) (cleanPeople []string, cleanWords string, bad []Violation) {
	words, problem := cleanText(source, true, 1000)
	if problem != "" {
		bad = append(bad, Violation{Field: "seed_source", Message: problem})
	}
	for i, person := range people {
		name, problem := cleanText(person, false, 200)
		switch {
		case problem != "":
			bad = append(bad, Violation{Field: fmt.Sprintf("seed_people[%d]", i), Message: problem})
		case name == "":
			bad = append(bad, Violation{Field: fmt.Sprintf("seed_people[%d]", i), Message: "who? a name or a role, as people know them"})
		case slices.ContainsFunc(cleanPeople, func(other string) bool { return strings.EqualFold(other, name) }):
			bad = append(bad, Violation{Field: fmt.Sprintf("seed_people[%d]", i), Message: "two different people: one alone could choose the seed"})
		}
		cleanPeople = append(cleanPeople, name)
	}
	switch kind {
	case "", SeedServer:
	case SeedPublicNumber:
		if words == "" && problem == "" {
			bad = append(bad, Violation{Field: "seed_source", Message: "say how, when and where the number will be drawn: it is published"})
		}
	case SeedCommitReveal:
		if len(people) != 2 {
			bad = append(bad, Violation{Field: "seed_people", Message: "name the two people who will each give a text"})
		}
		return cleanPeople, words, bad
	default:
		bad = append(bad, Violation{Field: "seed_kind", Message: "one of SERVER, PUBLIC_NUMBER, COMMIT_REVEAL"})
	}
	if len(people) > 0 {
		bad = append(bad, Violation{Field: "seed_people", Message: "only with COMMIT_REVEAL"})
	}
	return cleanPeople, words, bad
}

// resolveLottery fills in how the draw of a run is to be: what the criteria
// registered, else what was asked for, else leximin and a seed of the server's.
// What was registered cannot be changed by a run: that would bend the criteria
// after people were seen.
func (sel *Selection) resolveLottery(c *Criteria, asked *Selection) error {
	bad := methodProblems(asked.Lottery, asked.MaxChance)
	people, source, problems := cleanSource(asked.SeedKind, asked.SeedPeople, asked.SeedSource)
	if asked.SeedKind != "" || len(asked.SeedPeople) > 0 || asked.SeedSource != "" {
		bad = append(bad, problems...)
	}
	if asked.SeedKind == "" && c.SeedKind == "" && (asked.SeedSource != "" || len(asked.SeedPeople) > 0) {
		bad = append(bad, Violation{Field: "seed_kind", Message: "say where the seed comes from: SERVER, PUBLIC_NUMBER or COMMIT_REVEAL"})
	}
	if len(bad) > 0 {
		return Invalid("SELECTION_INVALID", "the run cannot begin like this", bad...)
	}
	sel.Lottery = c.Lottery
	if sel.Lottery == "" {
		sel.Lottery = asked.Lottery
	}
	if sel.Lottery == "" {
		sel.Lottery = matcher.LotteryLeximin
	}
	sel.MaxChance = c.MaxChance
	if c.Lottery == "" && c.MaxChance == 0 {
		sel.MaxChance = asked.MaxChance
	}
	registered := Errorf(FailedPrecondition, "LOTTERY_NOT_REGISTERED", "the criteria registered another lottery: leave it out, or register criteria that say this one")
	if asked.Lottery != "" && asked.Lottery != sel.Lottery || asked.MaxChance != 0 && asked.MaxChance != sel.MaxChance {
		return registered
	}
	for priority, allowed := range c.Allow {
		if sel.Allow == nil {
			sel.Allow = map[int]int64{}
		}
		sel.Allow[priority] = allowed
	}
	if sel.Lottery == matcher.LotteryNone {
		if sel.MaxChance > 0 {
			return Invalid("SELECTION_INVALID", "the run cannot begin like this", methodProblems(sel.Lottery, sel.MaxChance)...)
		}
		return nil
	}
	if asked.Seed != "" {
		return &Error{
			Code: FailedPrecondition, Reason: "SEED_TOO_EARLY", Violations: []Violation{{Field: "seed", Message: "only with lottery NONE"}},
			Message: "a draw's seed must not be known before the pool and the ticket book are sealed: leave it out, and give it to the draw",
		}
	}
	sel.SeedKind, sel.SeedSource, sel.SeedPeople = c.SeedKind, c.SeedSource, slices.Clone(c.SeedPeople)
	if asked.SeedKind != "" {
		if c.SeedKind != "" && (asked.SeedKind != c.SeedKind || !slices.Equal(people, c.SeedPeople) || source != "" && source != c.SeedSource) {
			return Errorf(FailedPrecondition, "SEED_SOURCE_REGISTERED", "the criteria registered where the seed comes from (%s): leave it out", c.SeedKind)
		}
		if c.SeedKind == "" {
			sel.SeedKind, sel.SeedPeople = asked.SeedKind, people
			if source != "" {
				sel.SeedSource = source
			}
		}
	}
	if sel.SeedKind == "" {
		sel.SeedKind = SeedServer
	}
	return nil
}

// publicNumber is the one way to write a number that was drawn in public: its
// digits, one space between them. If there were two ways, whoever types it could
// pick the better draw: so "2 4" and "24" are one, and "04" is refused, as "4" is
// the same number.
func publicNumber(given string) (string, error) {
	wrong := func(message string) error {
		return Invalid("SEED_INVALID", "this is no number that was drawn", Violation{Field: "value", Message: message})
	}
	if len(given) > maxSeed {
		return "", wrong(fmt.Sprintf("at most %d characters", maxSeed))
	}
	digits := ""
	for _, g := range strings.FieldsFunc(given, func(r rune) bool { return strings.ContainsRune(" \t-–,;.:/+", r) }) {
		if strings.Trim(g, "0123456789") != "" {
			return "", wrong("digits, in groups if there are several numbers, in the order in which they were drawn")
		}
		if len(g) > 1 && g[0] == '0' {
			return "", wrong(fmt.Sprintf("%.20s begins with 0: write the number without zeros before it or, if each digit was drawn by itself, a space between them", g))
		}
		digits += g
	}
	if digits == "" {
		return "", wrong("is missing")
	}
	return strings.Join(strings.Split(digits, ""), " "), nil
}

// commitmentOf is the digest that binds somebody to a text.
func commitmentOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
