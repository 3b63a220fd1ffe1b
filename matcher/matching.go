package matcher

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// MatchingFormat and MatchingVersion name the file that a Matching is written as.
const (
	MatchingFormat  = "fairlead matching"
	MatchingVersion = 1
)

// Matching is the canonical result of matching mentees to mentors, as a file and
// as what the service stores. AppendJSON fixes its bytes; docs/matching.md states
// them and what makes it a proof. It holds personal data.
type Matching struct {
	Format      string        `json:"format"`
	Version     int           `json:"version"`
	Status      Status        `json:"status"`
	Pairs       []MatchedPair `json:"pairs"`     // by mentee, then mentor
	Unmatched   []Unmatched   `json:"unmatched"` // who wants a mentor and has none, by id
	Covered     int           `json:"covered"`   // mentees with at least one mentor
	PairsTotal  int           `json:"pairsTotal"`
	Total       int64         `json:"total"` // sum of the scores, without stickiness
	Worst       int           `json:"worst"` // smallest, over covered mentees, of the best pair; -1: nobody is covered
	Values      []TierValue   `json:"values"`
	Input       MatchingInput `json:"input"`
	Certificate MatchingProof `json:"certificate"`
	Seed        string        `json:"seed"`
	InputDigest string        `json:"inputDigest"` // sha256:hex, over the scores too
	Engine      string        `json:"engine"`
	Digest      string        `json:"digest"` // sha256:hex of the canonical bytes before it
}

// MatchedPair is one pair. Parts say what its score is made of; they sum to it.
type MatchedPair struct {
	Mentee   string      `json:"mentee"`
	Mentor   string      `json:"mentor"`
	Score    int         `json:"score"` // 0…1000, without stickiness
	Locked   bool        `json:"locked"`
	Standing bool        `json:"standing"`
	Parts    []ScorePart `json:"parts"`
}

// ScorePart is what one feature gives a pair, of at most so many points.
type ScorePart struct {
	Feature  string   `json:"feature"`
	Points   int      `json:"points"`
	Most     int      `json:"most"`
	Evidence []string `json:"evidence"`
}

// Unmatched is somebody without a mentor and why. The witness counts a set of
// mentees that this one belongs to and the mentors who alone could serve them.
type Unmatched struct {
	Mentee  string       `json:"mentee"`
	Reason  string       `json:"reason"`
	Witness *HallWitness `json:"witness"`
}

// HallWitness counts mentees who can be served only by mentors with fewer seats.
type HallWitness struct {
	Mentees int `json:"mentees"`
	Mentors int `json:"mentors"`
	Seats   int `json:"seats"`
}

// TierValue is what the matching attains in one tier; larger is better. Anything
// in a tier counts before everything in the next.
type TierValue struct {
	Kind   string `json:"kind"`
	Number int    `json:"number"`
	Value  int64  `json:"value"`
}

// MatchingInput is everything that the pairs depend on but the scores and the
// seed. People are sorted by id, lists of pairs by mentee and mentor.
type MatchingInput struct {
	Objective  []string      `json:"objective"`
	Mentees    []MenteeInput `json:"mentees"`
	Mentors    []MentorInput `json:"mentors"`
	Groups     []GroupInput  `json:"groups"` // with a floor, by name
	Forbidden  [][2]string   `json:"forbidden"`
	Standing   [][2]string   `json:"standing"`
	Stickiness int           `json:"stickiness"`
}

// MenteeInput is a mentee as the matching took them.
type MenteeInput struct {
	ID      string `json:"id"`
	Demand  int    `json:"demand"`
	Waiting bool   `json:"waiting"`
	Group   string `json:"group"`
	Has     int    `json:"has"` // mentors from before; there only if not 0
}

// MentorInput is a mentor as the matching took them.
type MentorInput struct {
	ID    string `json:"id"`
	Seats int    `json:"seats"`
}

// GroupInput is a group of mentees of whom at least Floor must be covered.
type GroupInput struct {
	Group string `json:"group"`
	Floor int    `json:"floor"`
}

// MatchingProof holds prices, each a list of one integer (of up to 60 bits) per
// tier: of a place of each mentee, of a seat of each mentor, of each group. Those
// of Best prove that no matching has better values. Those of Worst, over the tiers
// before "below" and a "below" of one point more, prove that no matching that is as
// good in these has a better worst pair; it is empty where that is plain.
type MatchingProof struct {
	Best  Prices `json:"best"`
	Worst Prices `json:"worst"`
}

// Prices are in the order of the input. Good has a second price of mentees who
// want several mentors, one of them good; [] for the others.
type Prices struct {
	Mentees [][]int64 `json:"mentees"`
	Good    [][]int64 `json:"good"`
	Mentors [][]int64 `json:"mentors"`
	Groups  [][]int64 `json:"groups"`
}

// None is whether there are no prices at all.
func (p *Prices) None() bool {
	return len(p.Mentees)+len(p.Good)+len(p.Mentors)+len(p.Groups) == 0
}

// Seal computes the digest anew. Whoever changes a matching calls it last.
func (m *Matching) Seal() { m.Digest = digestOf(m.appendBody(nil)) }

// AppendJSON appends the canonical JSON of the matching.
func (m *Matching) AppendJSON(b []byte) []byte {
	b = m.appendBody(b)
	b = append(b, `,"digest":`...)
	b = appendString(b, m.Digest)
	return append(b, '}')
}

func (m *Matching) appendBody(b []byte) []byte {
	w := &canon{b: b, fresh: true}
	w.open('{')
	w.key("format")
	w.str(m.Format)
	w.key("version")
	w.int(int64(m.Version))
	w.key("status")
	w.str(string(m.Status))
	w.key("pairs")
	w.open('[')
	for _, p := range m.Pairs {
		w.matchedPair(&p)
	}
	w.close(']')
	w.key("unmatched")
	w.open('[')
	for _, u := range m.Unmatched {
		w.open('{')
		w.key("mentee")
		w.str(u.Mentee)
		w.key("reason")
		w.str(u.Reason)
		w.key("witness")
		if u.Witness == nil {
			w.null()
		} else {
			w.open('{')
			w.counts("mentees", u.Witness.Mentees, "mentors", u.Witness.Mentors, "seats", u.Witness.Seats)
			w.close('}')
		}
		w.close('}')
	}
	w.close(']')
	w.counts("covered", m.Covered, "pairsTotal", m.PairsTotal)
	w.key("total")
	w.int(m.Total)
	w.counts("worst", m.Worst)
	w.key("values")
	w.open('[')
	for _, v := range m.Values {
		w.open('{')
		w.key("kind")
		w.str(v.Kind)
		w.counts("number", v.Number)
		w.key("value")
		w.int(v.Value)
		w.close('}')
	}
	w.close(']')
	w.key("input")
	w.matchingInput(&m.Input)
	w.key("certificate")
	w.open('{')
	w.key("best")
	w.prices(&m.Certificate.Best)
	w.key("worst")
	w.prices(&m.Certificate.Worst)
	w.close('}')
	w.key("seed")
	w.str(m.Seed)
	w.key("inputDigest")
	w.str(m.InputDigest)
	w.key("engine")
	w.str(m.Engine)
	return w.b
}

// counts writes keys with small numbers: a key, a number, a key, …
func (w *canon) counts(list ...any) {
	for k := 0; k < len(list); k += 2 {
		w.key(list[k].(string))
		w.int(int64(list[k+1].(int)))
	}
}

func (w *canon) matchedPair(p *MatchedPair) {
	w.open('{')
	w.key("mentee")
	w.str(p.Mentee)
	w.key("mentor")
	w.str(p.Mentor)
	w.counts("score", p.Score)
	w.key("locked")
	w.bool(p.Locked)
	w.key("standing")
	w.bool(p.Standing)
	w.key("parts")
	w.open('[')
	for _, part := range p.Parts {
		w.open('{')
		w.key("feature")
		w.str(part.Feature)
		w.counts("points", part.Points, "most", part.Most)
		w.key("evidence")
		w.strs(part.Evidence)
		w.close('}')
	}
	w.close(']')
	w.close('}')
}

func (w *canon) matchingInput(in *MatchingInput) {
	w.open('{')
	w.key("objective")
	w.strs(in.Objective)
	w.key("mentees")
	w.open('[')
	for _, m := range in.Mentees {
		w.open('{')
		w.key("id")
		w.str(m.ID)
		w.counts("demand", m.Demand)
		w.key("waiting")
		w.bool(m.Waiting)
		w.key("group")
		w.str(m.Group)
		if m.Has != 0 {
			w.counts("has", m.Has)
		}
		w.close('}')
	}
	w.close(']')
	w.key("mentors")
	w.open('[')
	for _, m := range in.Mentors {
		w.open('{')
		w.key("id")
		w.str(m.ID)
		w.counts("seats", m.Seats)
		w.close('}')
	}
	w.close(']')
	w.key("groups")
	w.open('[')
	for _, g := range in.Groups {
		w.open('{')
		w.key("group")
		w.str(g.Group)
		w.counts("floor", g.Floor)
		w.close('}')
	}
	w.close(']')
	w.key("forbidden")
	w.pairs(in.Forbidden)
	w.key("standing")
	w.pairs(in.Standing)
	w.counts("stickiness", in.Stickiness)
	w.close('}')
}

func (w *canon) pairs(list [][2]string) {
	w.open('[')
	for _, p := range list {
		w.strs(p[:])
	}
	w.close(']')
}

func (w *canon) prices(p *Prices) {
	w.open('{')
	for _, of := range []struct {
		key  string
		list [][]int64
	}{{"mentees", p.Mentees}, {"good", p.Good}, {"mentors", p.Mentors}, {"groups", p.Groups}} {
		w.key(of.key)
		w.open('[')
		for _, tuple := range of.list {
			w.open('[')
			for _, x := range tuple {
				w.int(x)
			}
			w.close(']')
		}
		w.close(']')
	}
	w.close('}')
}

// MatchingDigest is "sha256:" and the SHA-256, in hex, of the canonical bytes of
// the input, the locked pairs, the seed, and then of every score, mentee by mentee
// and mentor by mentor in the order of their ids: two bytes, the higher one first,
// 0xFFFF for a pair that was not eligible, or forbidden. Row returns a mentee's
// scores, and what it returns is read before the next call.
func MatchingDigest(in *MatchingInput, locks [][2]string, seed string, row func(j int) []int16) string {
	w := &canon{fresh: true}
	w.open('{')
	w.counts("version", MatchingVersion)
	w.key("input")
	w.matchingInput(in)
	w.key("locks")
	w.pairs(locks)
	w.key("seed")
	w.str(seed)
	w.close('}')
	sum := sha256.New()
	sum.Write(append(w.b, 0))
	bytes := make([]byte, 0, 2*len(in.Mentors))
	for j := range in.Mentees {
		bytes = bytes[:0]
		for _, s := range row(j) {
			bytes = binary.BigEndian.AppendUint16(bytes, uint16(s))
		}
		sum.Write(bytes)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// ReadMatching reads what AppendJSON wrote. It takes nothing else: unknown keys,
// another order or other bytes than the canonical ones are errors, as is a digest
// that is not that of the bytes before it. ErrNewer: a file of a later version.
func ReadMatching(b []byte) (*Matching, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	m := &Matching{}
	if err := dec.Decode(m); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows it")
	}
	switch {
	case m.Format != MatchingFormat:
		return nil, fmt.Errorf("its format is not %q", MatchingFormat)
	case m.Version > MatchingVersion:
		return nil, ErrNewer
	case m.Version != MatchingVersion:
		return nil, fmt.Errorf("there is no version %d", m.Version)
	case !bytes.Equal(m.AppendJSON(nil), b):
		return nil, errors.New("it is not in canonical form: order of keys, spaces, escapes, missing or repeated keys")
	case m.Digest != digestOf(m.appendBody(nil)):
		return nil, errors.New("its digest is not that of the bytes before it: the file was changed or cut")
	}
	return m, nil
}
