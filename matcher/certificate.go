package matcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// CertificateVersion is the version of the certificates that this package
// writes, and the last one that it reads.
const CertificateVersion = 1

// ErrNewer: the record was made by a later version. Nothing can be said about it.
var ErrNewer = errors.New("a record of a newer version than this program knows")

// Certificate is what a record needs to be checked by itself: the whole input,
// where the draw came from, and the proofs.
type Certificate struct {
	Version int
	Input   *Input
	Draw    *DrawSource // nil: nothing was drawn
	Claims  []Claim
}

// Input is everything that a result depends on. Of each person it has the
// attributes that the criteria name.
type Input struct {
	People   []Person
	Criteria Criteria
	// Seed breaks ties. With a lottery it is empty: the seed of a draw is known
	// only after the lottery has been sealed.
	Seed string
	// MaxChance is the largest chance that a lottery may give to somebody who
	// is not included by name, in thousandths; 0: none.
	MaxChance int
}

// AppendJSON appends the canonical JSON that InputDigest is the digest of.
func (in *Input) AppendJSON(b []byte) []byte {
	w := &canon{b: b, fresh: true}
	w.input(in)
	return w.b
}

// Digest is the input's digest, "sha256:" and hex.
func (in *Input) Digest() string { return digestOf(in.AppendJSON(nil)) }

// DrawSource is what a ticket came from; package draw states how.
type DrawSource struct {
	// Root is "sha256:" and 64 hex digits: what was sealed before Value was known.
	Root string
	// Value is the public value: a number drawn in public, a seed.
	Value string
	// Selection and Attempt name the draw; Attempt counts from 1.
	Selection string
	Attempt   int
	Ticket    int64
}

func appendCertificate(w *canon, c *Certificate) {
	w.open('{')
	if c != nil {
		w.key("version")
		w.int(int64(c.Version))
		w.key("input")
		w.input(c.Input)
		w.key("draw")
		w.open('{')
		if d := c.Draw; d != nil {
			w.key("root")
			w.str(d.Root)
			w.key("value")
			w.str(d.Value)
			w.key("selection")
			w.str(d.Selection)
			w.key("attempt")
			w.int(int64(d.Attempt))
			w.key("ticket")
			w.int(d.Ticket)
		}
		w.close('}')
		w.key("claims")
		appendClaims(w, c.Claims)
	}
	w.close('}')
}

type (
	certificateJSON struct {
		Version *int        `json:"version"`
		Input   *inputJSON  `json:"input"`
		Draw    *drawJSON   `json:"draw"`
		Claims  []claimJSON `json:"claims"`
	}
	drawJSON struct {
		Root      string `json:"root"`
		Value     string `json:"value"`
		Selection string `json:"selection"`
		Attempt   int    `json:"attempt"`
		Ticket    int64  `json:"ticket"`
	}
	inputJSON struct {
		Version int `json:"version"`
		People  []struct {
			ID     string              `json:"id"`
			Values map[string][]string `json:"values"`
		} `json:"people"`
		Criteria  criteriaJSON `json:"criteria"`
		Seed      string       `json:"seed"`
		MaxChance int          `json:"maxChance"`
	}
	criteriaJSON struct {
		Size    int        `json:"size"`
		MinSize int        `json:"minSize"`
		Rules   []ruleJSON `json:"rules"`
		Caps    []struct {
			Attribute string `json:"attribute"`
			Max       int    `json:"max"`
		} `json:"caps"`
		Links []struct {
			Kind string   `json:"kind"`
			IDs  []string `json:"ids"`
		} `json:"links"`
		Include []string       `json:"include"`
		Exclude []string       `json:"exclude"`
		Scores  map[string]int `json:"scores"`
		Allow   []struct {
			Priority  int   `json:"priority"`
			Deviation int64 `json:"deviation"`
		} `json:"allow"`
	}
	ruleJSON struct {
		Row     int    `json:"row"`
		Feature string `json:"feature"`
		Value   string `json:"value"`
		Kind    string `json:"kind"`
		Terms   []struct {
			Attribute string   `json:"attribute"`
			Match     string   `json:"match"`
			Values    []string `json:"values"`
		} `json:"terms"`
		IDs      []string `json:"ids"`
		Min      int      `json:"min"`
		Max      int      `json:"max"`
		Priority int      `json:"priority"`
		Weight   int      `json:"weight"`
		MinFlex  int      `json:"minFlex"`
		MaxFlex  int      `json:"maxFlex"`
		Fixed    bool     `json:"fixed"`
		Alone    []string `json:"alone"`
		Relief   int      `json:"relief"`
	}
)

// newer looks at a record's version before anything else, since a later version
// may have keys that this one does not know.
func newer(b []byte) bool {
	var probe struct {
		Certificate struct {
			Version int `json:"version"`
		} `json:"certificate"`
	}
	return json.Unmarshal(b, &probe) == nil && probe.Certificate.Version > CertificateVersion
}

// certificate is nil for {}.
func (in *certificateJSON) certificate() (*Certificate, error) {
	if in.Version == nil && in.Input == nil && in.Draw == nil && in.Claims == nil {
		return nil, nil // {} is no error: there is nothing to read
	}
	if in.Version == nil || in.Input == nil || in.Draw == nil {
		return nil, errors.New("certificate: needs version, input, draw and claims, or nothing")
	}
	if *in.Version != CertificateVersion {
		return nil, fmt.Errorf("certificate.version: %d is no version", *in.Version)
	}
	c := &Certificate{Version: *in.Version}
	var err error
	if c.Input, err = in.Input.input(); err != nil {
		return nil, fmt.Errorf("certificate.input.%w", err)
	}
	if *in.Draw != (drawJSON{}) {
		d := DrawSource(*in.Draw)
		if d.Attempt < 1 || d.Ticket < 0 || d.Ticket >= Tickets {
			return nil, errors.New("certificate.draw: a number is out of range")
		}
		if _, err := ParseDigest(d.Root); err != nil {
			return nil, fmt.Errorf("certificate.draw.root: %w", err)
		}
		c.Draw = &d
	}
	if c.Claims, err = parseClaims(in.Claims); err != nil {
		return nil, err
	}
	return c, nil
}

func (in *inputJSON) input() (*Input, error) {
	if in.Version != 1 {
		return nil, fmt.Errorf("version: %d is no version", in.Version)
	}
	if in.MaxChance < 0 || in.MaxChance > 1000 {
		return nil, fmt.Errorf("maxChance: %d is not from 1 to 1000", in.MaxChance)
	}
	out := &Input{Seed: in.Seed, MaxChance: in.MaxChance, People: make([]Person, 0, len(in.People))}
	for i, p := range in.People {
		if p.ID == "" || i > 0 && p.ID <= in.People[i-1].ID {
			return nil, errors.New("people: must be sorted, without repeats or empty ids")
		}
		out.People = append(out.People, Person{ID: p.ID, Values: p.Values})
	}
	j := &in.Criteria
	c := Criteria{Size: j.Size, MinSize: j.MinSize, Include: j.Include, Exclude: j.Exclude, Scores: j.Scores}
	for i, r := range j.Rules {
		rule, err := r.rule()
		if err != nil {
			return nil, fmt.Errorf("criteria.rules[%d].%w", i, err)
		}
		c.Rules = append(c.Rules, rule)
	}
	for _, limit := range j.Caps {
		c.Caps = append(c.Caps, HardCap{Attribute: limit.Attribute, Max: limit.Max})
	}
	for i, l := range j.Links {
		kind := slices.Index(linkWords[:], l.Kind)
		if kind < 0 {
			return nil, fmt.Errorf("criteria.links[%d].kind: unknown word %q", i, l.Kind)
		}
		c.Links = append(c.Links, Link{Kind: LinkKind(kind), IDs: l.IDs})
	}
	for _, a := range j.Allow {
		if a.Priority < 1 || a.Priority > MaxPriority {
			return nil, fmt.Errorf("criteria.allow: %d is no priority", a.Priority)
		}
		if c.Allow == nil {
			c.Allow = map[int]int64{}
		}
		c.Allow[a.Priority] = a.Deviation
	}
	out.Criteria = c
	return out, nil
}

func (in *ruleJSON) rule() (Rule, error) {
	kind, ok := ParseKind(in.Kind)
	if !ok {
		return Rule{}, fmt.Errorf("kind: unknown word %q", in.Kind)
	}
	if in.Priority < 0 || in.Priority > MaxPriority {
		return Rule{}, fmt.Errorf("priority: %d is no priority", in.Priority)
	}
	r := Rule{
		Row: in.Row, Feature: in.Feature, Value: in.Value, Kind: kind, Min: in.Min, Max: in.Max,
		Priority: in.Priority, Weight: in.Weight, MinFlex: in.MinFlex, MaxFlex: in.MaxFlex, Fixed: in.Fixed,
		Alone: in.Alone, Relief: in.Relief,
	}
	r.Property.IDs = in.IDs
	for i, t := range in.Terms {
		term := Term{Attribute: t.Attribute, Values: t.Values}
		switch t.Match {
		case "any":
		case "all":
			term.Match = MatchAll
		case "*":
			term.Wildcard = true
		default:
			return Rule{}, fmt.Errorf("terms[%d].match: unknown word %q", i, t.Match)
		}
		r.Property.Terms = append(r.Property.Terms, term)
	}
	return r, nil
}

// ParseDigest reads "sha256:" and 64 hex digits in lower case.
func ParseDigest(text string) (sum [32]byte, err error) {
	digits, ok := strings.CutPrefix(text, "sha256:")
	if !ok || len(digits) != 64 {
		return sum, errors.New("must be sha256: and 64 hex digits")
	}
	for i := range sum {
		high, low := strings.IndexByte(hexDigits, digits[2*i]), strings.IndexByte(hexDigits, digits[2*i+1])
		if high < 0 || low < 0 {
			return sum, errors.New("must be sha256: and 64 hex digits")
		}
		sum[i] = byte(high<<4 | low)
	}
	return sum, nil
}
