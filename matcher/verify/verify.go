// Package verify checks what a selection has published, with no code of the
// solvers: it reads a record, counts everything again by the definitions of the
// rules, in integers, repeats the draw, and checks the proofs that nothing is
// better. docs/record.md numbers the checks.
//
// It imports the vocabulary (package matcher) and the arithmetic of draws
// (package draw), and nothing else of the engine; a test reads the imports.
package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/openfairlead/fairlead/matcher"
)

// State is what became of a check.
type State uint8

const (
	Held         State = iota
	Broken             // the file is refused
	NotCertified       // true as far as it goes, but the file does not prove it
	NotRun             // something is missing that the check needs
	NoMatter           // the file has nothing that the check is about
	NotHere            // it takes another file, and the level does not ask for it
)

var stateWords = [...]string{"held", "BROKEN", "not certified", "not run", "nothing to check", "not run"}

func (s State) String() string { return stateWords[s] }

// Check is one numbered check of a report. Why says, unless it held, what is
// wrong or missing; it names types, rows and places, never people.
type Check struct {
	Number string
	Title  string
	State  State
	Why    string
}

// Levels of a report: what kind of file it is about.
const (
	LevelPublic = "public"
	LevelSlip   = "slip"
	LevelAudit  = "audit"
)

// Report is what came of a file. Accepted: no check is broken. Certified: every
// check of the level ran, and everything the file claims is proved.
type Report struct {
	Level               string
	Checks              []Check
	Accepted, Certified bool
}

// Broken is the number of the first check that is broken, "" if there is none.
func (r *Report) Broken() string {
	for _, c := range r.Checks {
		if c.State == Broken {
			return c.Number
		}
	}
	return ""
}

// Options of a verification: what is at hand beside the file.
type Options struct {
	// Pool gives the people as somebody else has them, with their values for some
	// attributes: for example from the file that the selection was made from.
	// An error means that it has no such attributes. Nil: not at hand.
	Pool func(attributes []string) ([]matcher.Person, error)
	// Public is the public record, for a slip; nil: not at hand.
	Public []byte
	// Scores are those of all pairs, for a matching; nil: not at hand.
	Scores PairScores
}

// Errors of File: nothing can be said about the file.
var (
	ErrNoJSON = errors.New("the file is not JSON")
	ErrNewer  = matcher.ErrNewer
)

// maxFile is the size of the largest file that is read, in bytes.
const maxFile = 1 << 30

// File says which kind of file it is and runs the checks of its level. An error
// means that it is no JSON, too large, or of a newer version; whatever else may
// be wrong stands in the report.
func File(b []byte, o Options) (*Report, error) {
	if len(b) > maxFile {
		return nil, fmt.Errorf("the file is larger than %d bytes", maxFile)
	}
	if !json.Valid(b) {
		return nil, ErrNoJSON
	}
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	// What is no object, or has other types, is refused by the first check.
	_ = json.Unmarshal(b, &head)
	if head.Version > formatVersion {
		return nil, ErrNewer
	}
	c := &checks{}
	switch head.Format {
	case formatPublic:
		c.level = LevelPublic
		c.public(b)
	case formatSlip:
		c.level = LevelSlip
		c.slip(b, o)
	case formatAudit:
		c.level = LevelAudit
		if err := c.auditFile(b, o); err != nil {
			return nil, err
		}
	case matcher.MatchingFormat:
		c.level = LevelMatching
		if err := c.matching(b, o); err != nil {
			return nil, err
		}
	default:
		c.level = LevelAudit
		if err := c.record(b, o); err != nil {
			return nil, err
		}
	}
	return c.report(), nil
}

// checks collects the checks of one file.
type checks struct {
	level string
	list  []Check
}

func (c *checks) add(number, title string, state State, why string) bool {
	c.list = append(c.list, Check{number, title, state, why})
	return state != Broken
}

// is notes a check that held, or was broken by err.
func (c *checks) is(number, title string, err error) bool {
	if err != nil {
		return c.add(number, title, Broken, err.Error())
	}
	return c.add(number, title, Held, "")
}

func (c *checks) report() *Report {
	r := &Report{Level: c.level, Checks: c.list, Accepted: true, Certified: true}
	for _, k := range c.list {
		switch k.State {
		case Broken:
			r.Accepted, r.Certified = false, false
		case NotCertified, NotRun:
			r.Certified = false
		}
	}
	return r
}

// sealed checks the digest that ends a file against its bytes, without reading
// anything else of it.
func sealed(b []byte) error {
	at := bytes.LastIndex(b, []byte(`,"digest":`))
	if at < 0 {
		return errors.New("it has none")
	}
	if want := `,"digest":"` + digestOf(b[:at]) + `"}`; string(b[at:]) != want {
		return errors.New("it is not that of the bytes before it: the file was changed or cut")
	}
	return nil
}
