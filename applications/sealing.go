package applications

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ballot"
	"github.com/openfairlead/fairlead/matcher/draw"
	"github.com/openfairlead/fairlead/matcher/selection"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// Sealing fixes everything but the seed of a draw: who is in the pool, with
// which answers, who is alike to the rules, and the ticket book. Roots and
// digests of it are published and go to the audit log before anybody knows the
// seed, so that the draw can be checked by everybody and bent by nobody.

// leaf is one application in a sealed pool.
type leaf struct {
	Application string // id
	Answers     []byte // digest of the answers; nil once they are erased
	Fingerprint []byte // salted digest of both: the leaf of the pool's tree
	Type        []byte // the leaf of the tree of types; nil before the lottery is known
}

// usedAnswers are the answers that rules can count, by attribute: the groups
// that the person belongs to.
func usedAnswers(form *Form, answers Answers) map[string][]string {
	used := map[string][]string{}
	for i := range form.Attributes {
		a := &form.Attributes[i]
		if groups := a.groups(answers); len(groups) > 0 {
			groups = slices.Clone(groups)
			slices.Sort(groups)
			used[a.Key] = groups
		}
	}
	return used
}

// Fingerprint is a salted digest of an application with its answers as rules
// can count them, in hex: it stands on the receipt, and in the tree that a pool
// is sealed as. "" where the application has no salt.
func (a *Application) Fingerprint(form *Form) string {
	if len(a.Salt) == 0 {
		return ""
	}
	print := verify.PoolLeaf(a.Salt, a.ID, verify.AnswersDigest(usedAnswers(form, a.Answers)))
	return hex.EncodeToString(print[:])
}

// grow fills in the leaves of the pool. The salts have to be there.
func (f *frozen) grow(form *Form, pool []*Application) {
	f.Leaves = map[string]*leaf{}
	for _, a := range pool {
		answers := verify.AnswersDigest(usedAnswers(form, a.Answers))
		print := verify.PoolLeaf(f.Salts[a.Code], a.ID, answers)
		f.Leaves[a.Code] = &leaf{Application: a.ID, Answers: answers[:], Fingerprint: print[:]}
	}
}

// growTypes fills in the leaves of the tree of types.
func (f *frozen) growTypes(types [][]string) {
	of := typeNames(types)
	for code, l := range f.Leaves {
		typed := verify.TypeLeaf(f.Salts[code], code, of[code])
		l.Type = typed[:]
	}
}

// typeNames tells each person's type, as records name it; who can be in no
// cohort may have none.
func typeNames(types [][]string) map[string]string {
	of := map[string]string{}
	for i, ids := range types {
		for _, id := range ids {
			of[id] = "t" + strconv.Itoa(i+1)
		}
	}
	return of
}

// prints are the leaves of the pool's tree, by code.
func (f *frozen) prints() [][32]byte {
	return f.tree(func(l *leaf) []byte { return l.Fingerprint })
}

func (f *frozen) typePrints() [][32]byte { return f.tree(func(l *leaf) []byte { return l.Type }) }

func (f *frozen) tree(of func(*leaf) []byte) [][32]byte {
	leaves := make([][32]byte, 0, len(f.Leaves))
	for _, code := range sortedKeys(f.Leaves) {
		var l [32]byte
		copy(l[:], of(f.Leaves[code]))
		leaves = append(leaves, l)
	}
	return leaves
}

func digestText(sum [32]byte) string { return "sha256:" + hex.EncodeToString(sum[:]) }

// salted hides what a published digest is of: who knows all but one person's
// answers could otherwise try theirs.
func (f *frozen) salted(what string, b []byte) string { return verify.Salted(f.Salt, what, b) }

// salts gives everybody a salt, of their application where it has one, and the
// run one of its own.
func (f *frozen) salts(pool []*Application, random io.Reader) error {
	f.Salts = map[string][]byte{}
	for _, a := range pool {
		if len(a.Salt) == saltSize {
			f.Salts[a.Code] = a.Salt
		}
	}
	f.Salt = make([]byte, saltSize)
	if _, err := io.ReadFull(random, f.Salt); err != nil {
		return fmt.Errorf("read random bytes: %w", err)
	}
	return f.salt(random)
}

// StepSealed and StepDrawn come after the lottery: between them a run waits for
// somebody who draws.
const (
	StepSealed = "sealed"
	StepDrawn  = "drawn"
)

// stepLottery is what a run works on between its last proved step and the seal.
const stepLottery = "lottery"

// seal keeps the lottery of a run and commits to it. A trial ends with it; any
// other run waits for its draw.
func (r *Runner) seal(ctx context.Context, sel *Selection, record *matcher.Record, found *selection.Lottery) error {
	s := r.Service
	return r.durable(ctx, sel, StepSealed, 0, func(tx Tx, now *Selection) error {
		f, err := readFrozen(now.Frozen)
		if err != nil {
			return err
		}
		f.growTypes(record.Lottery.Types)
		if now.Frozen, err = f.bytes(); err != nil {
			return err
		}
		c, err := tx.Criteria(ctx, now.Program, now.Criteria)
		if err != nil {
			return err
		}
		now.Seal = &Seal{
			Time: s.now(), PoolRoot: digestText(draw.Root(f.prints())), TypesRoot: digestText(draw.Root(f.typePrints())),
			RulesDigest: c.Digest, BookDigest: f.salted("book", record.Lottery.AppendBook(nil)),
			Seats: f.Criteria.Size, People: len(f.Leaves), Types: len(record.Lottery.Types), Cohorts: len(record.Lottery.Book),
			Chances: chancesOf(record, found, f),
		}
		now.Record = record.AppendJSON(nil)
		state := SelectionSealed
		if now.Trial {
			state = SelectionSucceeded
		}
		if err := now.Seal.count(ctx, tx, now); err != nil {
			return err
		}
		now.Seal.Digest = now.publicRecord().SealDigest
		if same, err := s.poolIsStill(ctx, tx, now, f); err != nil {
			return err
		} else if !same {
			state = SelectionStale
		}
		if err := s.end(ctx, tx, calls.System, now, state); err != nil {
			return err
		}
		// In the log, so that nobody can change afterwards what was sealed.
		return tx.AppendEvents(ctx, s.event(calls.System, "selection.seal", selectionName(now), "", now.Seal.line()))
	})
}

// line is what the audit log keeps of a seal.
func (s *Seal) line() string {
	return fmt.Sprintf("seal=%s pool=%s types=%s rules=%s book=%s", s.Digest, s.PoolRoot, s.TypesRoot, s.RulesDigest, s.BookDigest)
}

// typical is a cohort as a line of the book has it, the first of each type: for
// counting, as it names nobody who would be drawn.
func typical(record *matcher.Record) []string {
	l := &record.Lottery
	line := slices.MaxFunc(l.Book, func(a, b matcher.BookLine) int { return cmp.Compare(a.Tickets, b.Tickets) })
	var cohort []string
	for _, c := range line.Counts {
		left := int(c.Count)
		for _, block := range ballot.Blocks(l.Types[c.Type], record.Certificate.Input.Criteria.Links) {
			if left >= len(block) {
				cohort = append(cohort, block...)
				left -= len(block)
			}
		}
	}
	slices.Sort(cohort)
	return cohort
}

// manyImpossible: above one in so many of the pool without any chance, a draw
// needs a recorded reason.
const manyImpossible = 10

func chancesOf(record *matcher.Record, found *selection.Lottery, f *frozen) ChanceSummary {
	l := record.Lottery
	c := ChanceSummary{
		Method: l.Method, Proved: found.Proved, Smallest: l.Smallest, Largest: l.Largest, Gap: l.Gap,
		Bound: int64(found.Bound*matcher.Billion + 0.5), Certain: l.Certain, Impossible: l.Impossible,
	}
	if !c.Proved { // a bound is never told too small
		c.Bound = l.Smallest + l.Gap
	}
	for _, x := range found.Exclusions {
		e := ExclusionSummary{People: len(x.People), Reason: x.Reason, Least: x.Least, Allowed: x.Allowed}
		for _, rule := range x.Rules {
			e.Rows = append(e.Rows, rule.Row)
		}
		c.Exclusions = append(c.Exclusions, e)
	}
	shut := 0 // by the rules, and not by name
	for _, id := range found.Impossible {
		if !slices.Contains(f.Criteria.Exclude, id) {
			shut++
		}
	}
	c.Confirm = shut*manyImpossible > len(f.People)
	return c
}
