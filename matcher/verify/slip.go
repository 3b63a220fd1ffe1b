package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/draw"
)

// Slip is what one applicant gets: proof that the application was in the pool
// that was sealed, with these answers.
type Slip struct {
	Selection   string
	Application string
	Salt        string              // hex, 16 bytes or more
	Answers     map[string][]string // as the rules saw them
	// Index is the place of the leaf among Leaves, Path the neighbors on the way to PoolRoot,
	// all digests "sha256:" and hex.
	Index, Leaves int
	Path          []string
	PoolRoot      string
	Digest        string // Seal computes it
}

// NewSlip makes the slip of leaf i of a pool's tree.
func NewSlip(selection, application string, salt []byte, answers map[string][]string, leaves [][sha256.Size]byte, i int) *Slip {
	s := &Slip{
		Selection: selection, Application: application, Salt: hex.EncodeToString(salt), Answers: answers,
		Index: i, Leaves: len(leaves), PoolRoot: text(draw.Root(leaves)),
	}
	for _, step := range draw.Path(leaves, i) {
		s.Path = append(s.Path, text(step))
	}
	s.Seal()
	return s
}

// Seal computes the digest.
func (s *Slip) Seal() { s.Digest = digestOf(s.body()) }

// AppendJSON appends the canonical JSON of the slip.
func (s *Slip) AppendJSON(b []byte) []byte {
	w := &writer{b: s.body(), comma: true}
	w.str("digest", s.Digest)
	w.close('}')
	return append(b, w.b...)
}

func (s *Slip) body() []byte {
	w := &writer{}
	w.open('{')
	w.str("format", formatSlip)
	w.int("version", formatVersion)
	w.str("selection", s.Selection)
	w.str("application", s.Application)
	w.str("salt", s.Salt)
	w.key("answers")
	w.answers(s.Answers)
	w.int("index", int64(s.Index))
	w.int("leaves", int64(s.Leaves))
	w.strs("path", s.Path)
	w.str("poolRoot", s.PoolRoot)
	return w.b
}

type slipJSON struct {
	Format      string              `json:"format"`
	Version     int                 `json:"version"`
	Selection   string              `json:"selection"`
	Application string              `json:"application"`
	Salt        string              `json:"salt"`
	Answers     map[string][]string `json:"answers"`
	Index       int                 `json:"index"`
	Leaves      int                 `json:"leaves"`
	Path        []string            `json:"path"`
	PoolRoot    string              `json:"poolRoot"`
	Digest      string              `json:"digest"`
}

// ParseSlip reads what AppendJSON wrote. It checks the form only.
func ParseSlip(b []byte) (*Slip, error) {
	var in slipJSON
	if err := strictly(b, &in); err != nil {
		return nil, err
	}
	s := &Slip{
		Selection: in.Selection, Application: in.Application, Salt: in.Salt, Answers: in.Answers,
		Index: in.Index, Leaves: in.Leaves, Path: in.Path, PoolRoot: in.PoolRoot, Digest: in.Digest,
	}
	if err := canonical(b, s.AppendJSON(nil)); err != nil {
		return nil, err
	}
	return s, nil
}

func (c *checks) slip(b []byte, o Options) {
	s, err := ParseSlip(b)
	bad := sealed(b)
	if err == nil {
		err = bad
	}
	formed := c.is("S1", "form: known keys, numbers in range, canonical bytes", err)
	c.is("S2", "digest of the slip", bad)
	if !formed {
		c.add("S3", slipTitles["S3"], NotRun, "the slip could not be read")
		c.add("S4", slipTitles["S4"], NotRun, "the slip could not be read")
		return
	}
	c.is("S3", slipTitles["S3"], s.climbs())
	if o.Public == nil {
		c.add("S4", slipTitles["S4"], NotRun, "it takes the public record (--public FILE)")
	} else {
		c.is("S4", slipTitles["S4"], s.belongs(o.Public))
	}
	c.add("S5", slipTitles["S5"], NotHere, "not at this level: the public record says how the draw went")
}

var slipTitles = map[string]string{
	"S3": "the application with these answers is in the pool's tree",
	"S4": "the tree is that of the public record",
	"S5": "what became of it",
}

func (s *Slip) climbs() error {
	salt, err := hex.DecodeString(s.Salt)
	if err != nil || len(salt) < 16 || hex.EncodeToString(salt) != s.Salt {
		return errors.New("the salt is not 16 bytes or more in hex")
	}
	root, err := matcher.ParseDigest(s.PoolRoot)
	if err != nil {
		return fmt.Errorf("poolRoot: %w", err)
	}
	var path [][sha256.Size]byte
	for i, step := range s.Path {
		d, err := matcher.ParseDigest(step)
		if err != nil {
			return fmt.Errorf("path[%d]: %w", i, err)
		}
		path = append(path, d)
	}
	got, ok := draw.Climb(PoolLeaf(salt, s.Application, AnswersDigest(s.Answers)), s.Index, s.Leaves, path)
	if !ok || got != root {
		return errors.New("its leaf does not lead to the root")
	}
	return nil
}

func (s *Slip) belongs(public []byte) error {
	inner := &checks{level: LevelAudit}
	r := inner.public(public)
	if r == nil || !inner.report().Accepted {
		return errors.New("the public record itself is refused: verify it by itself")
	}
	if r.PoolRoot != s.PoolRoot || r.Applicants != s.Leaves || r.Selection != s.Selection {
		return errors.New("it is of another pool or selection")
	}
	return nil
}

// AuditRecord is everything about one run: the public record with what opens
// its digests, and the record of the selection. It holds personal data.
type AuditRecord struct {
	Public *PublicRecord
	// Salt opens the salted digests of the public record; hex. "" after an erasure.
	Salt   string
	Leaves []AuditLeaf // in the order of the trees
	Record []byte      // canonical, as the engine made it
	Digest string      // Seal computes it
}

// AuditLeaf opens the leaves of one application.
type AuditLeaf struct {
	Application, Code string
	Salt              string // hex
	AnswersDigest     string // "sha256:" and hex
	// Type is "t7", or "" for who can be in no cohort.
	Type string
	// Pool and Typed are the two leaves themselves, of somebody who was erased:
	// Application, Salt, AnswersDigest and Type are "" then.
	Pool, Typed string
}

// Seal computes the digest.
func (r *AuditRecord) Seal() { r.Digest = digestOf(r.body()) }

// AppendJSON appends the canonical JSON of the audit record.
func (r *AuditRecord) AppendJSON(b []byte) []byte {
	w := &writer{b: r.body(), comma: true}
	w.str("digest", r.Digest)
	w.close('}')
	return append(b, w.b...)
}

func (r *AuditRecord) body() []byte {
	w := &writer{}
	w.open('{')
	w.str("format", formatAudit)
	w.int("version", formatVersion)
	w.key("public")
	w.b = r.Public.AppendJSON(w.b)
	w.comma = true
	w.str("salt", r.Salt)
	w.key("leaves")
	w.open('[')
	for _, l := range r.Leaves {
		w.open('{')
		w.str("application", l.Application)
		w.str("code", l.Code)
		w.str("salt", l.Salt)
		w.str("answersDigest", l.AnswersDigest)
		w.str("type", l.Type)
		w.str("poolLeaf", l.Pool)
		w.str("typeLeaf", l.Typed)
		w.close('}')
	}
	w.close(']')
	w.key("record")
	w.b = append(w.b, r.Record...)
	w.comma = true
	return w.b
}

type auditJSON struct {
	Format  string          `json:"format"`
	Version int             `json:"version"`
	Public  json.RawMessage `json:"public"`
	Salt    string          `json:"salt"`
	Leaves  []struct {
		Application   string `json:"application"`
		Code          string `json:"code"`
		Salt          string `json:"salt"`
		AnswersDigest string `json:"answersDigest"`
		Type          string `json:"type"`
		Pool          string `json:"poolLeaf"`
		Typed         string `json:"typeLeaf"`
	} `json:"leaves"`
	Record json.RawMessage `json:"record"`
	Digest string          `json:"digest"`
}

// ParseAuditRecord reads what AppendJSON wrote. It checks the form only, and
// not that of the record in it.
func ParseAuditRecord(b []byte) (*AuditRecord, error) {
	var in auditJSON
	if err := strictly(b, &in); err != nil {
		return nil, err
	}
	public, err := ParsePublicRecord(in.Public)
	if err != nil {
		return nil, fmt.Errorf("public: %w", err)
	}
	r := &AuditRecord{Public: public, Salt: in.Salt, Record: in.Record, Digest: in.Digest}
	for _, l := range in.Leaves {
		r.Leaves = append(r.Leaves, AuditLeaf{l.Application, l.Code, l.Salt, l.AnswersDigest, l.Type, l.Pool, l.Typed})
	}
	if err := canonical(b, r.AppendJSON(nil)); err != nil {
		return nil, err
	}
	return r, nil
}

var auditTitles = map[string]string{
	"A3": "the leaves make the roots that were sealed",
	"A4": "the salted digests are those of book, record and cohort",
	"A5": "the record is of this selection, and of the last draw",
}

// auditFile runs the checks of an audit record: A1 to A5, those of its public
// record, those of its record.
func (c *checks) auditFile(b []byte, o Options) error {
	r, err := ParseAuditRecord(b)
	bad := sealed(b)
	if err == nil {
		err = bad
	}
	formed := c.is("A1", "form: known keys, canonical bytes", err)
	c.is("A2", "digest of the audit record", bad)
	if !formed {
		for _, n := range []string{"A3", "A4", "A5"} {
			c.add(n, auditTitles[n], NotRun, "the audit record could not be read")
		}
		return nil
	}
	record, err := matcher.ParseRecord(r.Record)
	if errors.Is(err, ErrNewer) {
		return err
	}
	if err != nil {
		for _, n := range []string{"A3", "A4", "A5"} {
			c.add(n, auditTitles[n], NotRun, "the record in it could not be read")
		}
	} else {
		c.is("A3", auditTitles["A3"], r.roots(record))
		if r.Salt == "" {
			c.add("A4", auditTitles["A4"], NotRun, "the salt is gone: somebody was erased")
		} else {
			c.is("A4", auditTitles["A4"], r.opens(record))
		}
		c.is("A5", auditTitles["A5"], r.same(record))
	}
	c.public(r.Public.AppendJSON(nil))
	return c.record(r.Record, o)
}

// roots rebuilds both trees.
func (r *AuditRecord) roots(record *matcher.Record) error {
	typeOf := map[string]string{}
	for t, ids := range record.Lottery.Types {
		for _, id := range ids {
			typeOf[id] = fmt.Sprintf("t%d", t+1)
		}
	}
	var pool, types [][sha256.Size]byte
	for i, l := range r.Leaves {
		if i > 0 && l.Code <= r.Leaves[i-1].Code {
			return fmt.Errorf("leaves[%d]: not in the order of the codes", i)
		}
		if l.Salt == "" {
			a, err := matcher.ParseDigest(l.Pool)
			b, worse := matcher.ParseDigest(l.Typed)
			if r.Public.TypesRoot == "" {
				worse = nil
			}
			if err := errors.Join(err, worse); err != nil {
				return fmt.Errorf("leaves[%d]: no salt, and no leaf: %w", i, err)
			}
			pool, types = append(pool, a), append(types, b)
			continue
		}
		salt, err := hex.DecodeString(l.Salt)
		if err != nil || len(salt) < 16 || l.Pool+l.Typed != "" {
			return fmt.Errorf("leaves[%d]: the salt is not 16 bytes or more in hex, or the leaf stands beside it", i)
		}
		answers, err := matcher.ParseDigest(l.AnswersDigest)
		if err != nil {
			return fmt.Errorf("leaves[%d].answersDigest: %w", i, err)
		}
		pool = append(pool, PoolLeaf(salt, l.Application, answers))
		types = append(types, TypeLeaf(salt, l.Code, l.Type))
	}
	if len(pool) != r.Public.Applicants || text(draw.Root(pool)) != r.Public.PoolRoot {
		return errors.New("the leaves make another pool")
	}
	if r.Public.TypesRoot == "" {
		return nil
	}
	if text(draw.Root(types)) != r.Public.TypesRoot {
		return errors.New("the leaves make other types")
	}
	for i, l := range r.Leaves {
		if l.Salt != "" && len(record.Lottery.Types) > 0 && typeOf[l.Code] != l.Type && typeOf[l.Application] != l.Type {
			return fmt.Errorf("leaves[%d]: the record has another type", i)
		}
	}
	return nil
}

func (r *AuditRecord) opens(record *matcher.Record) error {
	salt, err := hex.DecodeString(r.Salt)
	if err != nil || len(salt) < 16 {
		return errors.New("the salt is not 16 bytes or more in hex")
	}
	p := r.Public
	if p.BookDigest != "" && p.BookDigest != Salted(salt, "book", record.Lottery.AppendBook(nil)) {
		return errors.New("another book was sealed")
	}
	if p.RecordDigest != "" && p.RecordDigest != Salted(salt, "record", r.Record) {
		return errors.New("the public record is of another record")
	}
	if n := len(p.Attempts); n > 0 && p.Attempts[n-1].CohortDigest != Salted(salt, "cohort", CohortBytes(record.Cohort)) {
		return errors.New("another cohort was drawn")
	}
	return nil
}

func (r *AuditRecord) same(record *matcher.Record) error {
	p, d := r.Public, record.Certificate
	if p.Method != record.Lottery.Method {
		return errors.New("the methods differ")
	}
	if len(p.Attempts) == 0 {
		if d != nil && d.Draw != nil {
			return errors.New("the record has a draw, the public record none")
		}
		return nil
	}
	if d == nil && record.Erased > 0 {
		return nil // the certificate went with who was erased
	}
	if d == nil || d.Draw == nil {
		return errors.New("the record has no draw")
	}
	last := p.Attempts[len(p.Attempts)-1]
	if d.Draw.Root != p.PoolRoot || d.Draw.Selection != p.Selection || d.Draw.Attempt != last.Attempt ||
		d.Draw.Value != last.Value || d.Draw.Ticket != last.Ticket {
		return errors.New("the draws differ")
	}
	if c := d.Input; c != nil {
		switch {
		case p.Size != c.Criteria.Size:
			return errors.New("the public record has another number of seats")
		case p.Locks != len(c.Criteria.Include)+len(c.Criteria.Exclude):
			return errors.New("the public record has another number of people who were locked in or out")
		}
	}
	if d.Input != nil && slices.ContainsFunc(r.Leaves, func(l AuditLeaf) bool { return l.Type != "" }) && len(d.Input.People) != len(r.Leaves) {
		return errors.New("the input has more or fewer people than the pool has leaves")
	}
	return nil
}
