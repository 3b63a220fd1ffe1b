package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ballot"
	"github.com/openfairlead/fairlead/matcher/draw"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// published is everything that a program publishes and keeps of one draw.
type published struct {
	run    run
	leaves [][32]byte
	salts  [][]byte
	public *verify.PublicRecord
	audit  *verify.AuditRecord
	record *matcher.Record
}

func saltOf(what string) []byte {
	sum := sha256.Sum256([]byte("salt of " + what))
	return sum[:16]
}

// publish draws from a run as a program does: sealed first, with two people who
// commit to texts and reveal them.
func publish(t testing.TB, r run) *published {
	t.Helper()
	sealed, _, err := ballot.Seal(context.Background(), r.people, r.criteria, r.options)
	if err != nil {
		t.Fatal(err)
	}
	p := &published{run: r}
	typeOf := map[string]string{}
	for k, ids := range sealed.Lottery.Types {
		for _, id := range ids {
			typeOf[id] = fmt.Sprintf("t%d", k+1)
		}
	}
	people := slices.Clone(r.people)
	slices.SortFunc(people, func(a, b matcher.Person) int { return strings.Compare(a.ID, b.ID) })
	var types [][32]byte
	p.audit = &verify.AuditRecord{Salt: hex.EncodeToString(saltOf("run"))}
	for _, person := range people {
		salt := saltOf(person.ID)
		answers := verify.AnswersDigest(person.Values)
		p.salts = append(p.salts, salt)
		p.leaves = append(p.leaves, verify.PoolLeaf(salt, "application "+person.ID, answers))
		types = append(types, verify.TypeLeaf(salt, person.ID, typeOf[person.ID]))
		p.audit.Leaves = append(p.audit.Leaves, verify.AuditLeaf{
			Application: "application " + person.ID, Code: person.ID, Salt: hex.EncodeToString(salt),
			AnswersDigest: "sha256:" + hex.EncodeToString(answers[:]), Type: typeOf[person.ID],
		})
	}
	p.run.people = people
	root, typesRoot := draw.Root(p.leaves), draw.Root(types)
	reveals := []string{"first text of sixteen or more", "second text of sixteen or more"}
	var commitments []string
	for _, text := range reveals {
		sum := sha256.Sum256([]byte(text))
		commitments = append(commitments, hex.EncodeToString(sum[:]))
	}
	from := matcher.DrawSource{
		Root: "sha256:" + hex.EncodeToString(root[:]), Value: strings.Join(reveals, "\n"), Selection: "programs/p/selections/s", Attempt: 1,
	}
	if p.record, err = ballot.Draw(sealed, from); err != nil {
		t.Fatal(err)
	}
	b := p.record.AppendJSON(nil)
	salt := saltOf("run")
	p.public = &verify.PublicRecord{
		Selection: from.Selection, Method: p.record.Lottery.Method, Provenance: verify.Drawn, Size: r.criteria.Size, Applicants: len(people),
		PoolRoot: from.Root, TypesRoot: "sha256:" + hex.EncodeToString(typesRoot[:]),
		RulesDigest: "sha256:" + strings.Repeat("ab", 32), BookDigest: verify.Salted(salt, "book", p.record.Lottery.AppendBook(nil)),
		Source: verify.SeedSource{Kind: verify.SeedCommitReveal, Words: "two people of the board", People: []string{"one", "the other"}},
		Attempts: []verify.PublicAttempt{{
			Attempt: 1, Commitments: commitments, Reveals: reveals, Value: from.Value, Ticket: p.record.Certificate.Draw.Ticket,
			CohortDigest: verify.Salted(salt, "cohort", verify.CohortBytes(p.record.Cohort)),
		}},
		RecordDigest: verify.Salted(salt, "record", b), Trials: 1, CriteriaVersions: 2,
	}
	p.public.Seal()
	p.audit.Public, p.audit.Record = p.public, b
	p.audit.Seal()
	return p
}

func (p *published) slip(i int) *verify.Slip {
	person := p.run.people[i]
	return verify.NewSlip("programs/p/selections/s", "application "+person.ID, p.salts[i], person.Values, p.leaves, i)
}

// drawable is the first random run with a lottery, links and locks aside.
func drawable(t testing.TB) run {
	r := first(t, "must and soft", mustAndSoft)
	for _, run := range runsOnce() {
		if len(run.people) == len(r.Certificate.Input.People) && run.options.Method == matcher.LotteryLeximin {
			if again := run.record(t); again != nil && again.InputDigest == r.InputDigest {
				return run
			}
		}
	}
	t.Fatal("the run of the record is not among the runs")
	return run{}
}

func refused(t *testing.T, what string, b []byte, o verify.Options, number string) {
	t.Helper()
	report, err := verify.File(b, o)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if got := report.Broken(); got != number {
		t.Errorf("%s: refused by %q, want %q: %+v", what, got, number, report.Checks)
	}
}

func TestPublishedFilesAreAccepted(t *testing.T) {
	p := publish(t, drawable(t))
	public := p.public.AppendJSON(nil)
	for what, b := range map[string][]byte{
		"public": public, "audit": p.audit.AppendJSON(nil), "first slip": p.slip(0).AppendJSON(nil),
		"last slip": p.slip(len(p.leaves) - 1).AppendJSON(nil),
	} {
		report, err := verify.File(b, verify.Options{Public: public})
		if err != nil || !report.Accepted || !report.Certified {
			t.Errorf("%s: %+v %v", what, report, err)
		}
	}
	// Without the public record a slip proves less, and says so.
	report, err := verify.File(p.slip(0).AppendJSON(nil), verify.Options{})
	if err != nil || !report.Accepted || report.Certified || report.Level != verify.LevelSlip {
		t.Errorf("%+v %v", report, err)
	}
	// After an erasure the roots can still be made.
	a := *p.audit
	a.Leaves = slices.Clone(a.Leaves)
	gone := &a.Leaves[2]
	pool, typed := p.leaves[2], verify.TypeLeaf(p.salts[2], gone.Code, gone.Type)
	*gone = verify.AuditLeaf{Code: gone.Code, Pool: "sha256:" + hex.EncodeToString(pool[:]), Typed: "sha256:" + hex.EncodeToString(typed[:])}
	a.Seal()
	if report, err = verify.File(a.AppendJSON(nil), verify.Options{}); err != nil || !report.Accepted {
		t.Errorf("after an erasure: %+v %v", report, err)
	}
}

func TestPublishedForgeriesAreRefused(t *testing.T) {
	p := publish(t, drawable(t))
	public := p.public.AppendJSON(nil)
	for _, f := range []struct {
		what, number string
		change       func(*verify.PublicRecord)
	}{
		{"an unknown word", "P1", func(r *verify.PublicRecord) { r.Provenance = "FAIR" }},
		{"a ticket out of range", "P1", func(r *verify.PublicRecord) { r.Attempts[0].Ticket = 1_000_000 }},
		{"a root that is none", "P1", func(r *verify.PublicRecord) { r.PoolRoot = "" }},
		{"a reveal that nobody committed to", "P4", func(r *verify.PublicRecord) { r.Attempts[0].Reveals[1] += "!" }},
		{"a value that nobody revealed", "P4", func(r *verify.PublicRecord) { r.Attempts[0].Value = "mine" }},
		{"a second attempt without a reason", "P4", func(r *verify.PublicRecord) {
			again := r.Attempts[0]
			again.Attempt = 2
			r.Attempts = append(r.Attempts, again)
		}},
		{"no number for a public one", "P4", func(r *verify.PublicRecord) {
			r.Source.Kind, r.Attempts[0].Commitments, r.Attempts[0].Reveals = verify.SeedPublicNumber, nil, nil
			r.Attempts[0].Value = "04 17"
		}},
		{"another ticket", "P5", func(r *verify.PublicRecord) { r.Attempts[0].Ticket ^= 1 }},
		{"another pool", "P5", func(r *verify.PublicRecord) { r.PoolRoot = r.TypesRoot }},
		{"another selection", "P5", func(r *verify.PublicRecord) { r.Selection += "2" }},
		{"drawn after a swap", "P6", func(r *verify.PublicRecord) { r.Swaps = 1 }},
		{"drawn with locks", "P6", func(r *verify.PublicRecord) { r.Locks = 1 }},
		{"sealed after a draw", "P6", func(r *verify.PublicRecord) { r.Provenance = verify.Sealed }},
	} {
		r := *p.public
		r.Attempts = slices.Clone(r.Attempts)
		r.Attempts[0].Reveals = slices.Clone(r.Attempts[0].Reveals)
		f.change(&r)
		r.Seal()
		refused(t, f.what, r.AppendJSON(nil), verify.Options{}, f.number)
	}
	late := *p.public
	late.Applicants++
	late.Seal()
	late.SealDigest = p.public.SealDigest // what was published before the draw
	refused(t, "the seal was of another pool", resealed(late.AppendJSON(nil)), verify.Options{}, "P3")
	refused(t, "a byte", bytes.Replace(public, []byte(`"trials":1`), []byte(`"trials":0`), 1), verify.Options{}, "P1")

	slip := func(what, number string, change func(*verify.Slip)) {
		s := *p.slip(3)
		s.Path = slices.Clone(s.Path)
		change(&s)
		s.Seal()
		refused(t, what, s.AppendJSON(nil), verify.Options{Public: public}, number)
	}
	slip("other answers", "S3", func(s *verify.Slip) { s.Answers = map[string][]string{"race": {"none"}} })
	slip("another application", "S3", func(s *verify.Slip) { s.Application = "mine" })
	slip("another salt", "S3", func(s *verify.Slip) { s.Salt = strings.Repeat("00", 16) })
	slip("a short salt", "S3", func(s *verify.Slip) { s.Salt = "00" })
	slip("another place", "S3", func(s *verify.Slip) { s.Index = 4 })
	slip("a path that is too short", "S3", func(s *verify.Slip) { s.Path = s.Path[1:] })
	slip("another tree", "S4", func(s *verify.Slip) {
		other := verify.NewSlip(s.Selection, s.Application, p.salts[3], p.run.people[3].Values, p.leaves[3:], 0)
		*s = *other
	})
	slip("another selection", "S4", func(s *verify.Slip) { s.Selection = "programs/p/selections/t" })

	audit := func(what, number string, change func(*verify.AuditRecord)) {
		a := *p.audit
		a.Leaves = slices.Clone(a.Leaves)
		change(&a)
		a.Seal()
		refused(t, what, a.AppendJSON(nil), verify.Options{}, number)
	}
	audit("a leaf of somebody else", "A3", func(a *verify.AuditRecord) { a.Leaves[0].Application = "x" })
	audit("a type that the record does not say", "A3", func(a *verify.AuditRecord) { a.Leaves[0].Type = "t999" })
	audit("a leaf too few", "A3", func(a *verify.AuditRecord) { a.Leaves = a.Leaves[1:] })
	audit("another salt", "A4", func(a *verify.AuditRecord) { a.Salt = strings.Repeat("00", 16) })
	audit("a ticket of the sealed book is moved", "A4", func(a *verify.AuditRecord) {
		r := copyOf(t, p.record)
		if len(r.Lottery.Book) < 2 {
			t.Fatal("the book has one line only")
		}
		r.Lottery.Book[0].Tickets--
		r.Lottery.Book[1].Tickets++
		chancesOf(r)
		r.Seal()
		a.Record = r.AppendJSON(nil)
	})
	audit("a record of an earlier draw", "A4", func(a *verify.AuditRecord) {
		r, err := ballot.Draw(p.record, matcher.DrawSource{Root: p.public.PoolRoot, Value: "before", Selection: p.public.Selection, Attempt: 1})
		if err != nil {
			t.Fatal(err)
		}
		a.Record = r.AppendJSON(nil)
	})
	facts := func(what string, change func(*verify.PublicRecord)) {
		audit(what, "A5", func(a *verify.AuditRecord) {
			other := *a.Public
			change(&other)
			other.Seal()
			a.Public = &other
		})
	}
	facts("another number of seats", func(r *verify.PublicRecord) { r.Size++ })
	facts("a lock that the input has not", func(r *verify.PublicRecord) { r.Locks, r.Provenance = 1, verify.DrawnWithLocks })
	refused(t, "an audit record with a byte changed", bytes.Replace(p.audit.AppendJSON(nil), []byte(`"salt":"`), []byte(`"salt":"0`), 1), verify.Options{}, "A1")
}

// V1: who has the public record and knows everything but one person's answer,
// rules, engine and all, cannot tell by it which answer it is: nothing in it can be
// computed from a guess. The same attack finds the answer in a record whose digests have no salt.
func TestPublicRecordTellsNoAnswer(t *testing.T) {
	p := publish(t, drawable(t))
	values := []string{"r0", "r1", "r2", "r3"}
	var bare verify.PublicRecord
	narrowed, tried, caught := 0, 0, 0
	for who := range p.run.people {
		if who%5 != 0 && !soak {
			continue
		}
		truth := p.run.people[who].Values["race"]
		candidates := [][]string{nil}
		for _, v := range values {
			candidates = append(candidates, []string{v})
		}
		if !slices.ContainsFunc(candidates, func(c []string) bool { return slices.Equal(c, truth) }) {
			candidates = append(candidates, truth)
		}
		public := string(p.public.AppendJSON(nil))
		for _, guess := range candidates {
			tried++
			digests, cohort := p.guessed(t, who, guess)
			for _, d := range digests {
				if strings.Contains(public, d) {
					narrowed++
				}
			}
			if slices.Equal(guess, truth) {
				// As if somebody had left the salts out.
				bare = *p.public
				bare.RecordDigest, bare.BookDigest = digests[0], digests[1]
				bare.Seal()
				text := string(bare.AppendJSON(nil))
				if cohort && strings.Contains(text, digests[0]) {
					caught++
				}
			}
		}
	}
	// And nothing but digests, counts and what was said in public is in it.
	public := string(p.public.AppendJSON(nil))
	for _, person := range p.run.people {
		if strings.Contains(public, `"`+person.ID+`"`) {
			t.Error("the public record names somebody")
		}
		for attribute, held := range person.Values {
			for _, v := range append(slices.Clone(held), attribute) {
				if strings.Contains(public, `"`+v+`"`) {
					t.Errorf("the public record says %q", v)
				}
			}
		}
	}
	t.Logf("figure: %d guesses at one answer with all others known: %d are confirmed or ruled out by the public record (%d by one without salts)", tried, narrowed, caught)
	if narrowed > 0 || caught == 0 || tried == 0 {
		t.Errorf("narrowed %d, caught %d", narrowed, caught)
	}
}

// guessed is every digest that can be computed from a guess at one answer,
// without salts that nobody has; and whether the guess gives the cohort.
func (p *published) guessed(t *testing.T, who int, guess []string) ([]string, bool) {
	t.Helper()
	r := p.run
	r.people = slices.Clone(r.people)
	values := map[string][]string{}
	for a, held := range r.people[who].Values {
		values[a] = held
	}
	delete(values, "race")
	if len(guess) > 0 {
		values["race"] = guess
	}
	r.people[who].Values = values
	var digests []string
	add := func(b []byte) {
		sum := sha256.Sum256(b)
		digests = append(digests, "sha256:"+hex.EncodeToString(sum[:]))
	}
	sealed, _, err := ballot.Seal(context.Background(), r.people, r.criteria, r.options)
	if err != nil || !sealed.Lottery.Drawable() {
		return digests, false
	}
	from := *p.record.Certificate.Draw
	record, err := ballot.Draw(sealed, from)
	if err != nil {
		t.Fatal(err)
	}
	bytesOf := record.AppendJSON(nil)
	book := record.Lottery.AppendBook(nil)
	add(bytesOf)
	add(book)
	digests = append(digests, record.Digest, record.InputDigest, sealed.Digest)
	add(verify.CohortBytes(record.Cohort))
	answers := verify.AnswersDigest(values)
	add(answers[:])
	digests = append(digests, "sha256:"+hex.EncodeToString(answers[:]))
	// The constructions themselves, with salts that one would try first.
	for _, salt := range [][]byte{nil, make([]byte, 16), []byte(p.public.Selection), []byte(r.people[who].ID)} {
		digests = append(digests, verify.Salted(salt, "record", bytesOf), verify.Salted(salt, "book", book), verify.Salted(salt, "cohort", verify.CohortBytes(record.Cohort)))
		leaf := verify.PoolLeaf(salt, "application "+r.people[who].ID, answers)
		leaves := slices.Clone(p.leaves) // even with everybody else's leaf
		leaves[who] = leaf
		root := draw.Root(leaves)
		digests = append(digests, "sha256:"+hex.EncodeToString(leaf[:]), "sha256:"+hex.EncodeToString(root[:]))
	}
	return digests, slices.Equal(record.Cohort, p.record.Cohort)
}

// FuzzFile: nothing that is read makes the verifier fail, and what is accepted
// has exactly one form.
func FuzzFile(f *testing.F) {
	published := false
	for seed := uint64(1); seed < 12; seed++ { // few: each worker makes them anew
		run := randomRun(seed)
		r := run.record(f)
		if r == nil {
			continue
		}
		f.Add(r.AppendJSON(nil))
		if drawn(r) && !published {
			p := publish(f, run)
			f.Add(p.public.AppendJSON(nil))
			f.Add(p.slip(1).AppendJSON(nil))
			f.Add(p.audit.AppendJSON(nil))
			published = true
		}
	}
	f.Add([]byte(`{"format":"fairlead slip","version":2}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, sealedAgain(b)} {
			report, err := verify.File(b, verify.Options{Public: b})
			if err != nil {
				continue
			}
			if report.Accepted != (report.Broken() == "") || report.Certified && !report.Accepted {
				t.Errorf("%+v", report)
			}
			if report.Accepted && !bytes.Equal(b, sealedAgain(b)) {
				t.Error("accepted without its digest")
			}
		}
	})
}

func sealedAgain(b []byte) []byte {
	if !bytes.Contains(b, []byte(`,"digest":`)) {
		return b
	}
	return resealed(b)
}
