package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/draw"
)

// formatVersion is the version of the files that this package writes, and the
// last one that it reads.
const formatVersion = 1

const (
	formatPublic = "fairlead public record"
	formatSeal   = "fairlead seal"
	formatSlip   = "fairlead slip"
	formatAudit  = "fairlead audit record"
)

// How a cohort came about, as a public record says it.
const (
	Sealed         = "SEALED" // not drawn yet
	Drawn          = "DRAWN"
	DrawnWithLocks = "DRAWN_WITH_LOCKS"
	Computed       = "COMPUTED"
	Chosen         = "CHOSEN"
)

// Where the seed of a draw comes from.
const (
	SeedServer       = "SERVER"        // 64 hex digits from the server
	SeedPublicNumber = "PUBLIC_NUMBER" // a number thrown or drawn in public
	SeedCommitReveal = "COMMIT_REVEAL" // texts of people who committed to them before
)

// PublicRecord is what everybody may see of a draw. It names nobody, and has no
// answer, group or chance: every digest in it is over something that nobody
// can guess, because of salts that only the audit record has.
type PublicRecord struct {
	Selection  string
	Method     string // matcher.LotteryLeximin, …
	Provenance string // Sealed, Drawn, …
	Size       int    // seats
	Applicants int    // leaves of the pool's tree

	// What was sealed before the seed was known, "sha256:" and hex. With method
	// NONE there are no types and no book, and both are "".
	PoolRoot, TypesRoot     string
	RulesDigest, BookDigest string
	Source                  SeedSource
	SealDigest              string // over all of the above; Seal computes it

	Attempts     []PublicAttempt // the last one counts
	RecordDigest string          // Salted(salt, "record", …); "" before a draw

	// Runs are earlier runs of the program that were sealed and no trials.
	Runs, Trials, CriteriaVersions, Locks, Swaps int

	Digest string // Seal computes it
}

// SeedSource says, before the draw, where its seed will come from.
type SeedSource struct {
	Kind   string // SeedServer, …
	Words  string // in words: which dice, whose hand
	People []string
}

// PublicAttempt is one draw.
type PublicAttempt struct {
	Attempt int // from 1
	// Commitments and Reveals are those of Source.People, with SeedCommitReveal:
	// a commitment is the SHA-256 of the reveal, in hex.
	Commitments, Reveals []string
	Value                string // the public value
	Ticket               int64
	CohortDigest         string // Salted(salt, "cohort", CohortBytes(ids))
	Reason               string // why it was drawn again; of the first: ""
}

// Salted is a digest that tells nothing to who does not have the salt.
func Salted(salt []byte, what string, b []byte) string { return text(draw.Commit(salt, what, b)) }

// CohortBytes are the bytes of a cohort, for Salted.
func CohortBytes(ids []string) []byte {
	sorted := slices.Clone(ids)
	slices.Sort(sorted)
	var parts [][]byte
	for _, id := range sorted {
		parts = append(parts, []byte(id))
	}
	return draw.Parts(parts...)
}

// AnswersDigest is the digest of answers, SHA-256 of their canonical JSON:
// attributes sorted, the values of each sorted and each once.
func AnswersDigest(answers map[string][]string) [sha256.Size]byte {
	w := &writer{}
	w.answers(answers)
	return sha256.Sum256(w.b)
}

// PoolLeaf is the leaf of an application in the pool's tree.
func PoolLeaf(salt []byte, application string, answers [sha256.Size]byte) [sha256.Size]byte {
	return draw.Leaf(salt, []byte(application), answers[:])
}

// TypeLeaf is the leaf of an application in the tree of types: typ is "t7", or
// "" for who can be in no cohort.
func TypeLeaf(salt []byte, code, typ string) [sha256.Size]byte {
	return draw.Leaf(salt, []byte(code), []byte(typ))
}

// SealBytes is what SealDigest is the SHA-256 of: everything that is fixed
// before the draw.
func (r *PublicRecord) SealBytes() []byte {
	w := &writer{}
	w.open('{')
	w.str("format", formatSeal)
	w.int("version", formatVersion)
	r.sealedPart(w)
	w.close('}')
	return w.b
}

func (r *PublicRecord) sealedPart(w *writer) {
	w.str("selection", r.Selection)
	w.str("method", r.Method)
	w.int("size", int64(r.Size))
	w.int("applicants", int64(r.Applicants))
	w.str("poolRoot", r.PoolRoot)
	w.str("typesRoot", r.TypesRoot)
	w.str("rulesDigest", r.RulesDigest)
	w.str("bookDigest", r.BookDigest)
	w.key("source")
	w.open('{')
	w.str("kind", r.Source.Kind)
	w.str("words", r.Source.Words)
	w.strs("people", r.Source.People)
	w.close('}')
}

// Seal computes the digests.
func (r *PublicRecord) Seal() {
	r.SealDigest = digestOf(r.SealBytes())
	r.Digest = digestOf(r.body())
}

// AppendJSON appends the canonical JSON of the record.
func (r *PublicRecord) AppendJSON(b []byte) []byte {
	w := &writer{b: r.body(), comma: true}
	w.str("digest", r.Digest)
	w.close('}')
	return append(b, w.b...)
}

func (r *PublicRecord) body() []byte {
	w := &writer{}
	w.open('{')
	w.str("format", formatPublic)
	w.int("version", formatVersion)
	w.str("provenance", r.Provenance)
	r.sealedPart(w)
	w.str("sealDigest", r.SealDigest)
	w.key("attempts")
	w.open('[')
	for _, t := range r.Attempts {
		w.open('{')
		w.int("attempt", int64(t.Attempt))
		w.strs("commitments", t.Commitments)
		w.strs("reveals", t.Reveals)
		w.str("value", t.Value)
		w.int("ticket", t.Ticket)
		w.str("cohortDigest", t.CohortDigest)
		w.str("reason", t.Reason)
		w.close('}')
	}
	w.close(']')
	w.str("recordDigest", r.RecordDigest)
	w.int("runs", int64(r.Runs))
	w.int("trials", int64(r.Trials))
	w.int("criteriaVersions", int64(r.CriteriaVersions))
	w.int("locks", int64(r.Locks))
	w.int("swaps", int64(r.Swaps))
	return w.b
}

type publicJSON struct {
	Format      string `json:"format"`
	Version     int    `json:"version"`
	Provenance  string `json:"provenance"`
	Selection   string `json:"selection"`
	Method      string `json:"method"`
	Size        int    `json:"size"`
	Applicants  int    `json:"applicants"`
	PoolRoot    string `json:"poolRoot"`
	TypesRoot   string `json:"typesRoot"`
	RulesDigest string `json:"rulesDigest"`
	BookDigest  string `json:"bookDigest"`
	Source      struct {
		Kind   string   `json:"kind"`
		Words  string   `json:"words"`
		People []string `json:"people"`
	} `json:"source"`
	SealDigest string `json:"sealDigest"`
	Attempts   []struct {
		Attempt      int      `json:"attempt"`
		Commitments  []string `json:"commitments"`
		Reveals      []string `json:"reveals"`
		Value        string   `json:"value"`
		Ticket       int64    `json:"ticket"`
		CohortDigest string   `json:"cohortDigest"`
		Reason       string   `json:"reason"`
	} `json:"attempts"`
	RecordDigest     string `json:"recordDigest"`
	Runs             int    `json:"runs"`
	Trials           int    `json:"trials"`
	CriteriaVersions int    `json:"criteriaVersions"`
	Locks            int    `json:"locks"`
	Swaps            int    `json:"swaps"`
	Digest           string `json:"digest"`
}

// ParsePublicRecord reads what AppendJSON wrote. It checks the form only.
func ParsePublicRecord(b []byte) (*PublicRecord, error) {
	var in publicJSON
	if err := strictly(b, &in); err != nil {
		return nil, err
	}
	r := &PublicRecord{
		Selection: in.Selection, Method: in.Method, Provenance: in.Provenance, Size: in.Size, Applicants: in.Applicants,
		PoolRoot: in.PoolRoot, TypesRoot: in.TypesRoot, RulesDigest: in.RulesDigest, BookDigest: in.BookDigest,
		Source:     SeedSource{in.Source.Kind, in.Source.Words, in.Source.People},
		SealDigest: in.SealDigest, RecordDigest: in.RecordDigest,
		Runs: in.Runs, Trials: in.Trials, CriteriaVersions: in.CriteriaVersions, Locks: in.Locks, Swaps: in.Swaps, Digest: in.Digest,
	}
	for _, t := range in.Attempts {
		r.Attempts = append(r.Attempts, PublicAttempt{t.Attempt, t.Commitments, t.Reveals, t.Value, t.Ticket, t.CohortDigest, t.Reason})
	}
	if err := canonical(b, r.AppendJSON(nil)); err != nil {
		return nil, err
	}
	return r, r.form()
}

func (r *PublicRecord) form() error {
	lottery := r.Method == matcher.LotteryLeximin || r.Method == matcher.LotteryMaximin
	if !lottery && r.Method != matcher.LotteryNone {
		return fmt.Errorf("method: unknown word %q", r.Method)
	}
	if !slices.Contains([]string{Sealed, Drawn, DrawnWithLocks, Computed, Chosen}, r.Provenance) {
		return fmt.Errorf("provenance: unknown word %q", r.Provenance)
	}
	if !slices.Contains([]string{SeedServer, SeedPublicNumber, SeedCommitReveal}, r.Source.Kind) {
		return fmt.Errorf("source.kind: unknown word %q", r.Source.Kind)
	}
	if slices.Min([]int{r.Size, r.Applicants, r.Runs, r.Trials, r.CriteriaVersions, r.Locks, r.Swaps}) < 0 {
		return errors.New("a number is negative")
	}
	digests := map[string]string{"poolRoot": r.PoolRoot, "rulesDigest": r.RulesDigest, "sealDigest": r.SealDigest}
	if lottery {
		digests["typesRoot"], digests["bookDigest"] = r.TypesRoot, r.BookDigest
	} else if r.TypesRoot+r.BookDigest != "" {
		return errors.New("there are types or a book, but no lottery")
	}
	if r.RecordDigest != "" || len(r.Attempts) > 0 {
		digests["recordDigest"] = r.RecordDigest
	}
	for i, t := range r.Attempts {
		digests[fmt.Sprintf("attempts[%d].cohortDigest", i)] = t.CohortDigest
		if t.Ticket < 0 || t.Ticket >= matcher.Tickets {
			return fmt.Errorf("attempts[%d].ticket: %d is none", i, t.Ticket)
		}
	}
	for field, d := range digests {
		if _, err := matcher.ParseDigest(d); err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
	}
	return nil
}

// public runs the checks of a public record.
func (c *checks) public(b []byte) *PublicRecord {
	r, err := ParsePublicRecord(b)
	bad := sealed(b)
	if bad != nil && err == nil {
		err = bad
	}
	formed := c.is("P1", "form: known keys and words, numbers in range, canonical bytes", err)
	c.is("P2", "digest of the public record", bad)
	if !formed {
		for _, n := range []string{"P3", "P4", "P5", "P6"} {
			c.add(n, publicTitles[n], NotRun, "the public record could not be read")
		}
		return nil
	}
	err = nil
	if digestOf(r.SealBytes()) != r.SealDigest {
		err = errors.New("it is not that of what was sealed")
	}
	c.is("P3", publicTitles["P3"], err)
	c.is("P4", publicTitles["P4"], r.seeds())
	c.is("P5", publicTitles["P5"], r.tickets())
	c.is("P6", publicTitles["P6"], r.came())
	if c.level == LevelPublic {
		c.add("P7", publicTitles["P7"], NotHere, "not at this level: it takes the audit record, which says everything about everybody")
		c.add("P8", publicTitles["P8"], NotHere, "not at this level: it takes each applicant's slip")
	}
	return r
}

var publicTitles = map[string]string{
	"P3": "digest of what was sealed before the draw",
	"P4": "the seed comes from where it was to come from",
	"P5": "each seed draws its ticket",
	"P6": "the word for how the cohort came about",
	"P7": "the ticket draws this cohort; rules, chances, nothing is better",
	"P8": "who was in, with which answers",
}

// seeds checks each attempt against the source that was sealed.
func (r *PublicRecord) seeds() error {
	used := map[string]bool{}
	for i, t := range r.Attempts {
		if t.Attempt != i+1 {
			return fmt.Errorf("attempts[%d] has number %d", i, t.Attempt)
		}
		if (t.Reason == "") != (i == 0) {
			return fmt.Errorf("attempt %d: the first one needs no reason, the others do", t.Attempt)
		}
		if used[t.Value] {
			return fmt.Errorf("attempt %d: its value was used before", t.Attempt)
		}
		used[t.Value] = true
		if r.Source.Kind != SeedCommitReveal && len(t.Commitments)+len(t.Reveals) > 0 {
			return fmt.Errorf("attempt %d: nobody was to commit to a seed", t.Attempt)
		}
		switch r.Source.Kind {
		case SeedServer:
			if _, err := hex.DecodeString(t.Value); err != nil || len(t.Value) != 64 || strings.ToLower(t.Value) != t.Value {
				return fmt.Errorf("attempt %d: the value is not 64 hex digits", t.Attempt)
			}
		case SeedPublicNumber:
			if !publicNumber(t.Value) {
				return fmt.Errorf("attempt %d: the value is no number: digits, in groups with one space between them, without leading zeros", t.Attempt)
			}
		case SeedCommitReveal:
			if len(t.Reveals) != len(r.Source.People) || len(t.Commitments) != len(t.Reveals) || len(t.Reveals) == 0 {
				return fmt.Errorf("attempt %d: not everybody revealed, or committed", t.Attempt)
			}
			for k, reveal := range t.Reveals {
				sum := sha256.Sum256([]byte(reveal))
				if t.Commitments[k] != hex.EncodeToString(sum[:]) {
					return fmt.Errorf("attempt %d: reveal %d is not what was committed to", t.Attempt, k+1)
				}
			}
			if t.Value != strings.Join(t.Reveals, "\n") {
				return fmt.Errorf("attempt %d: the value is not what was revealed", t.Attempt)
			}
		}
	}
	return nil
}

func publicNumber(s string) bool {
	for _, group := range strings.Split(s, " ") {
		if group == "" || len(group) > 1 && group[0] == '0' || strings.Trim(group, "0123456789") != "" {
			return false
		}
	}
	return true
}

func (r *PublicRecord) tickets() error {
	root, err := matcher.ParseDigest(r.PoolRoot)
	if err != nil {
		return err
	}
	for _, t := range r.Attempts {
		seed := draw.Seed(root, t.Value, r.Selection, t.Attempt)
		if ticket := draw.NewStream(seed[:]).Below(matcher.Tickets); ticket != t.Ticket {
			return fmt.Errorf("attempt %d draws ticket %d, not %d", t.Attempt, ticket, t.Ticket)
		}
	}
	return nil
}

// came checks the provenance against method, attempts, locks and swaps.
func (r *PublicRecord) came() error {
	want := Sealed
	switch {
	case r.Swaps > 0:
		want = Chosen
	case r.Method == matcher.LotteryNone:
		want = Computed
	case len(r.Attempts) > 0 && r.Locks > 0:
		want = DrawnWithLocks
	case len(r.Attempts) > 0:
		want = Drawn
	}
	if r.Provenance != want {
		return fmt.Errorf("it is %s, and what happened is %s", r.Provenance, want)
	}
	if r.Method == matcher.LotteryNone && len(r.Attempts) > 0 {
		return errors.New("a run without a lottery has no draw")
	}
	return nil
}
