package applications

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// frozen is everything that a run's result depends on. Its JSON is canonical:
// people sorted by code, maps by key.
//
// A person can be taken out of it later: then a salted digest stands in their
// place, and what is left can still be checked against the commitment.
type frozen struct {
	People   []matcher.Person
	Criteria matcher.Criteria
	Seed     string

	// MaxChance is the largest chance in thousandths, 0 for no limit.
	MaxChance int `json:",omitempty"`

	// Salts has one for each of People, by id. It goes with the person: without
	// it, their digest tells nothing.
	Salts map[string][]byte `json:",omitempty"`
	// Leaves are what the pool was sealed as, by id; they stay when a person goes.
	Leaves map[string]*leaf `json:",omitempty"`
	// Salt hides what the digests in a public record are of. It goes with the
	// first person who is taken out.
	Salt []byte `json:",omitempty"`
	// Erased are the digests of people who were taken out, by id.
	Erased map[string][]byte `json:",omitempty"`
}

func (f *frozen) bytes() ([]byte, error) { return json.Marshal(f) }

func (f *frozen) input() *matcher.Input {
	return &matcher.Input{People: f.People, Criteria: f.Criteria, Seed: f.Seed, MaxChance: f.MaxChance}
}

func (f *frozen) digest() string { return f.input().Digest() }

func readFrozen(b []byte) (*frozen, error) {
	var f frozen
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("frozen input of a run: %w", err)
	}
	return &f, nil
}

// saltSize is the length of a salt in bytes.
const saltSize = 16

// salt gives everybody a salt who has none.
func (f *frozen) salt(random io.Reader) error {
	if f.Salts == nil {
		f.Salts = map[string][]byte{}
	}
	for _, p := range f.People {
		if f.Salts[p.ID] == nil {
			f.Salts[p.ID] = make([]byte, saltSize)
			if _, err := io.ReadFull(random, f.Salts[p.ID]); err != nil {
				return fmt.Errorf("read random bytes: %w", err)
			}
		}
	}
	return nil
}

// entry is the salted digest of what the input holds about one person.
func (f *frozen) entry(p matcher.Person) []byte {
	var alone []int // rules that give way to them
	for i, r := range f.Criteria.Rules {
		if slices.Contains(r.Alone, p.ID) {
			alone = append(alone, i)
		}
	}
	about, err := json.Marshal(struct {
		Person matcher.Person
		Score  int
		Alone  []int `json:",omitempty"`
	}{p, f.Criteria.Scores[p.ID], alone})
	if err != nil {
		panic(err) // texts and numbers only
	}
	h := hmac.New(sha256.New, f.Salts[p.ID])
	h.Write([]byte("fairlead frozen entry 1\n"))
	h.Write(about)
	return h.Sum(nil)
}

// commitment is "sha256:" and a digest of the whole input that stays the same
// when people are taken out of it, and from which, without the salts, nobody's
// answers can be found by trying likely ones.
func (f *frozen) commitment() string {
	entries := maps.Clone(f.Erased)
	if entries == nil {
		entries = map[string][]byte{}
	}
	for _, p := range f.People {
		entries[p.ID] = f.entry(p)
	}
	h := sha256.New()
	write := func(b []byte) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(b)))
		h.Write(size[:])
		h.Write(b)
	}
	write([]byte("fairlead frozen input 1"))
	for _, id := range sortedKeys(entries) {
		write([]byte(id))
		write(entries[id])
	}
	criteria := f.Criteria
	// These are in the entries.
	criteria.Scores, criteria.Rules = nil, slices.Clone(criteria.Rules)
	for i := range criteria.Rules {
		criteria.Rules[i].Alone = nil
	}
	rest, err := json.Marshal(criteria)
	if err != nil {
		panic(err) // texts and numbers only
	}
	write(rest)
	write([]byte(f.Seed))
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// erase takes a person out and reports whether they were there.
func (f *frozen) erase(id string) bool {
	i := slices.IndexFunc(f.People, func(p matcher.Person) bool { return p.ID == id })
	if i < 0 {
		return false
	}
	if f.Erased == nil {
		f.Erased = map[string][]byte{}
	}
	f.Erased[id] = f.entry(f.People[i])
	f.Salt = nil
	if l := f.Leaves[id]; l != nil {
		l.Answers = nil
	}
	f.People = slices.Delete(f.People, i, i+1)
	delete(f.Salts, id)
	delete(f.Criteria.Scores, id)
	for i := range f.Criteria.Rules {
		r := &f.Criteria.Rules[i]
		r.Alone = slices.DeleteFunc(r.Alone, func(other string) bool { return other == id })
	}
	return true
}

// erase takes an application out of a run and reports whether the run held
// anything about it: in its frozen input, or as a lock with its reason.
//
// The result is counted anew over who is left. Every number that was computed
// from the person's answers goes, because with all others known it would tell
// them: what the rules are missed by, and the digests that bind the input as it
// was, which would confirm a guess. The commitment, which is salted, takes
// their place.
func (sel *Selection) erase(a *Application, random io.Reader) (held bool, err error) {
	for _, locks := range [][]Lock{sel.Include, sel.Exclude} {
		for i := range locks {
			if locks[i].Application == a.ID {
				locks[i].Reason, held = "", true
			}
		}
	}
	for i := range sel.Choices {
		if sel.Choices[i].about(a.Code) {
			sel.Choices[i].Reason, held = "", true
		}
	}
	if len(sel.Frozen) == 0 {
		return held, nil
	}
	f, err := readFrozen(sel.Frozen)
	if err != nil {
		return false, err
	}
	if sel.Commitment == "" { // frozen by a version that made none
		if err := f.salt(random); err != nil {
			return false, err
		}
		sel.Commitment = f.commitment()
		if f.digest() != sel.InputDigest {
			sel.Commitment = "" // never matches: the damage stays visible
		}
	}
	if !f.erase(a.Code) {
		return held, nil
	}
	if sel.Frozen, err = f.bytes(); err != nil {
		return false, err
	}
	sel.ErasedCount, sel.InputDigest = len(f.Erased), ""
	sel.Moves = nil
	if sel.Seal != nil {
		sel.Seal.Chances, sel.Seal.Types, sel.Seal.Cohorts = ChanceSummary{Method: sel.Lottery}, 0, 0
	}
	sel.withholdSteps()
	if len(sel.Record) == 0 {
		return true, nil
	}
	r, err := matcher.ParseRecord(sel.Record)
	if err != nil {
		return false, err
	}
	sel.Record = recordWithout(r, f, sel.Commitment).AppendJSON(nil)
	return true, nil
}

// recordWithout is a record over what is left of its input.
func recordWithout(r *matcher.Record, f *frozen, commitment string) *matcher.Record {
	o := r.Outcome
	o.Deviation, o.Score = nil, matcher.Bound{}
	if len(o.Rules) > 0 {
		o.Rules = selection.Count(f.People, f.Criteria, o.Cohort)
	}
	if why := o.Infeasibility; why != nil {
		left := *why
		left.LeastTotalDeviation = nil
		left.Conflict, left.Relaxations, left.Cut = nil, nil, nil
		if len(left.ClosestRules) > 0 {
			left.ClosestRules = selection.Count(f.People, f.Criteria, left.Closest)
		}
		o.Infeasibility = &left
	}
	return matcher.NewErasedRecord(r, &o, commitment, len(f.Erased))
}
