package cli

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openfairlead/fairlead/internal/poolfile"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/nearest"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// pairsUp is `fairlead pair`.
type pairsUp struct {
	scores, capacity, demand string
	profiles                 profileFlags
	explain                  explainFlags
	bounds                   boundFlags
	lock, forbid, waiting    string
	objective, seed          string
	out                      string
	force, asJSON, asCSV     bool
	work                     int64
	timeout                  time.Duration
	quiet                    bool

	set func(flag string) bool
}

func (p *program) pairCommand() *cobra.Command {
	m := &pairsUp{}
	cmd := &cobra.Command{
		Use:   "pair --scores FILE | --mentors FILE --mentees FILE",
		Short: "Match mentees to mentors, with proof",
		Long: `Pair matches mentees to mentors: as many as possible are served, the worst-served
as well as possible, the whole as good as possible, and mentors as evenly asked as
possible, in the order that --objective names and provably. Nobody is left out who
could be served, and of those who must be it says why. It needs no server, no
database and no network.

Pairs have scores from a file, or from the profiles of mentors and mentees by the
rules of docs/scoring.md. docs/matching.md describes the files, the terms and the
proof; "fairlead verify" checks the file of --out.

Exit codes: 0 proved best, also when somebody has no mentor · 2 usage · 3 bad input
data · 4 the floors cannot be kept, proved · 5 not proved in the work or time given · 130 interrupted.`,
		Example: `  fairlead pair --scores scores.csv --capacity 2
  fairlead pair --scores scores.csv --capacity seats.csv --demand 3 \
    --lock agreed.csv --forbid never.csv --seed "spring 2027" --out pairs.json
  fairlead pair --mentees mentees.csv --mentors mentors.csv --rules rules.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return m.run(cmd.Context(), p) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	m.flags(f)
	return cmd
}

func (m *pairsUp) flags(f *pflag.FlagSet) {
	m.set = f.Changed
	f.StringVar(&m.scores, "scores", "", "CSV `file` of mentee,mentor,score: whole numbers from 0 to 1000; a pair that is not there is not eligible; - for stdin")
	f.StringVar(&m.capacity, "capacity", "1", "seats of every mentor, or a CSV file of mentor,seats (`N|FILE`)")
	f.StringVar(&m.demand, "demand", "1", "mentors that every mentee wants, or a CSV file of mentee,wanted (`N|FILE`)")
	m.profiles.flags(f)
	f.StringVar(&m.lock, "lock", "", "CSV `file` of mentee,mentor: pairs that are matched whatever it costs")
	f.StringVar(&m.forbid, "forbid", "", "CSV `file` of mentee,mentor: pairs that must not be matched")
	f.StringVar(&m.waiting, "waiting", "", "CSV `file` of mentee,waiting (1 or 0): who was left over before, and is served first")
	f.StringVar(&m.objective, "objective", "", "`terms`, most important first, joined by commas: cover, cover2, cover3, worst, bands, total, even (default cover,cover2,cover3,worst,total,even)")
	f.StringVar(&m.seed, "seed", "", "`text` that decides among equally good matchings (default: drawn by the system, and printed)")
	f.Int64Var(&m.work, "work", 0, "limit in visits of people; the same limit gives the same result on every machine")
	f.DurationVar(&m.timeout, "timeout", 0, "limit in time, such as 30s; where it cuts depends on the machine")
	m.bounds.flags(f)
	m.explain.flags(f)
	f.StringVar(&m.out, "out", "", "write the record as JSON to `file`")
	f.BoolVar(&m.force, "force", false, "overwrite the files of --out, --audit and --write-scores")
	f.BoolVar(&m.asJSON, "json", false, "print the record as JSON")
	f.BoolVar(&m.asCSV, "csv", false, "print the pairs as CSV")
	f.BoolVar(&m.quiet, "quiet", false, "nothing on stderr but warnings and errors")
}

// files are the files that the flags name.
func (m *pairsUp) files() []string {
	list := []string{m.scores, m.lock, m.forbid, m.waiting}
	for _, text := range []string{m.capacity, m.demand} {
		if _, err := strconv.Atoi(text); err != nil {
			list = append(list, text)
		}
	}
	return slices.Concat(list, m.bounds.files(), m.profiles.files(), m.explain.files())
}

func (m *pairsUp) checkFlags() error {
	fromStdin := 0
	for _, name := range m.files() {
		if name == "-" {
			fromStdin++
		}
	}
	switch {
	case m.scores == "" && !m.profiles.given():
		return usage("name the file of the scores with --scores, or those of the profiles with --mentors and --mentees")
	case m.scores != "" && m.profiles.given():
		return usage("--scores and profiles both say how well pairs fit: keep one of them")
	case m.profiles.given() && (m.set("capacity") || m.set("demand")):
		return usage("with profiles, seats and wanted are columns of theirs: leave out --capacity and --demand")
	case m.set("seed") && m.seed == "":
		return usage("--seed is empty: name a text, or leave --seed out to have one drawn")
	case !utf8.ValidString(m.seed) || strings.ContainsRune(m.seed, 0):
		return usage("--seed must be UTF-8 text")
	case m.set("work") && m.work < 1:
		return usage("--work %d: the limit must be 1 or more", m.work)
	case m.set("timeout") && m.timeout <= 0:
		return usage("--timeout %s: it must be more than 0, such as 30s", m.timeout)
	case m.asJSON && m.asCSV:
		return usage("--json and --csv are two forms of the same result: keep one of them")
	case m.force && m.out == "" && m.explain.audit == "" && m.profiles.writeScores == "":
		return usage("--force means the files of --out, --audit and --write-scores: name one")
	case fromStdin > 1:
		return usage("only one file can come from stdin (-)")
	}
	for _, of := range []struct {
		flag, text string
		most       int
	}{{"capacity", m.capacity, pairing.MaxSeats}, {"demand", m.demand, pairing.MaxDemand}} {
		if n, err := strconv.Atoi(of.text); err == nil && (n < 0 || n > of.most) {
			return usage("--%s %s: it must be from 0 to %d", of.flag, of.text, of.most)
		}
	}
	if m.profiles.given() {
		if err := m.profiles.check(); err != nil {
			return err
		}
	}
	if err := m.bounds.check(m.set, m.explain.groups); err != nil {
		return err
	}
	return m.explain.check(m.asCSV)
}

// terms reads --objective.
func (m *pairsUp) terms() ([]pairing.Term, error) {
	if m.objective == "" {
		if m.set("objective") {
			return nil, usage("--objective is empty: name terms, or leave it out")
		}
		return pairing.DefaultObjective(), nil
	}
	terms, err := pairing.ParseObjective(m.objective)
	var wrong *pairing.ObjectiveError
	if errors.As(err, &wrong) {
		hint := ""
		if !slices.Contains(pairing.TermNames(), strings.ToLower(wrong.Word)) {
			hint = nearest.Hint(wrong.Word, pairing.TermNames()) + "; the terms are " + strings.Join(pairing.TermNames(), ", ")
		}
		return nil, usage("--objective: %w%s", err, hint)
	}
	return terms, err
}

// matchQuestion is what the files and flags ask, with what it takes to say where
// something is wrong.
type matchQuestion struct {
	problem  *pairing.Problem
	profiles *profiles // nil with --scores
	lines    map[string][]string
}

func (m *pairsUp) run(ctx context.Context, p *program) error {
	if err := m.checkFlags(); err != nil {
		return err
	}
	terms, err := m.terms()
	if err != nil {
		return err
	}
	taken := m.files()
	var written []string
	for _, name := range []string{m.out, m.explain.audit, m.profiles.writeScores} {
		if name == "" {
			continue
		}
		if slices.ContainsFunc(written, func(other string) bool { return filepath.Clean(other) == filepath.Clean(name) }) {
			return usage("%s is to be written twice: give each file a name of its own", name)
		}
		if err := mayWrite(name, m.force, taken...); err != nil {
			return err
		}
		written, taken = append(written, name), append(taken, name)
	}
	q, err := m.read(p)
	if err != nil {
		return err
	}
	if q.profiles != nil {
		if done, err := m.profiles.asked(ctx, p, q.profiles, m.asJSON); done || err != nil {
			return err
		}
		q.profiles.shutOut(p)
		// All of them at once: they are asked for more than once.
		scores, err := q.profiles.scorer.Matrix(ctx, runtime.GOMAXPROCS(0))
		if err != nil {
			return err
		}
		q.problem.Scores = pairing.Dense(scores)
		if name := m.profiles.writeScores; name != "" {
			content, err := q.profiles.appendScores(scores)
			if err != nil {
				return err
			}
			if err := writeNew(name, content, m.force); err != nil {
				return err
			}
		}
	}
	asked, err := m.explain.read(p, q.problem)
	if err != nil {
		return err
	}
	if err := errors.Join(m.readFloors(p, q, asked.mentees), q.checkStanding()); err != nil {
		return err
	}
	q.problem.Objective, q.problem.Stickiness = terms, 0
	if len(q.problem.Standing) > 0 {
		q.problem.Stickiness = m.bounds.stickiness
	}
	drawn := m.seed == ""
	if drawn {
		m.seed = rand.Text()
	}
	q.problem.Seed = m.seed
	limited, cancel := ctx, context.CancelFunc(func() {})
	if m.timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, m.timeout)
	}
	defer cancel()
	line := newProgressLine(p.stderr, m.quiet)
	result, err := pairing.Solve(limited, q.problem, pairing.Options{Work: m.work, Progress: line.pairing})
	line.clear()
	if err != nil {
		return q.inWords(err)
	}
	if drawn && !m.quiet {
		p.note("seed %s, drawn by the system; --seed %s gives the same pairs again", m.seed, m.seed)
	}
	record, reasons, err := q.record(context.WithoutCancel(ctx), result)
	if err != nil {
		return err
	}
	if q.profiles != nil && !m.quiet {
		if load := q.profiles.load(record.Pairs); load != "" {
			p.note("%s", load)
		}
	}
	if m.out != "" {
		if err = writeNew(m.out, record.AppendJSON(nil), m.force); err == nil && !m.quiet {
			p.note("%s holds personal data: keep it where only those who may see the scores can read it", m.out)
		}
	}
	more, wrong := asked.explain(ctx, q.problem, result, q.hardRules())
	if wrong != nil {
		return errors.Join(err, wrong)
	}
	if m.explain.audit != "" {
		err = errors.Join(err, more.write(m.explain.audit, m.force))
	}
	// What was computed is not lost because a disk is full.
	if err := errors.Join(err, m.print(p, q, record, reasons, more)); err != nil {
		return err
	}
	return verdictOf(ctx, record.Status, limited.Err() == nil)
}

// pairing shows what a matching is at.
func (l *progressLine) pairing(p pairing.Progress) {
	step := p.Step
	if p.Stages > 1 && p.Stage > 0 {
		step = fmt.Sprintf("stage %d of %d, %s", p.Stage, p.Stages, step)
	}
	if p.Round > 1 {
		step += fmt.Sprintf(", round %d", p.Round)
	}
	l.show(selection.Progress{Step: step})
}

// read reads the files. All the problems of all the files are told at once, as far
// as they can be read.
func (m *pairsUp) read(p *program) (*matchQuestion, error) {
	q := &matchQuestion{problem: &pairing.Problem{}, lines: map[string][]string{}}
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	if m.profiles.given() {
		read, err := m.profiles.read(p)
		if err != nil {
			return nil, err
		}
		for _, w := range read.warnings {
			fmt.Fprintf(p.stderr, "fairlead: warning: %s\n", w)
		}
		q.profiles = read
		q.problem.Mentees, q.problem.Mentors = read.mentees, read.mentors
	} else {
		note(m.readScores(p, q))
		if len(problems) > 0 {
			return nil, data(errors.Join(problems...))
		}
	}
	mentees, mentors := map[string]int{}, map[string]bool{}
	var menteeIDs, mentorIDs []string
	for j, e := range q.problem.Mentees {
		mentees[e.ID] = j
		menteeIDs = append(menteeIDs, e.ID)
	}
	for _, r := range q.problem.Mentors {
		mentors[r.ID] = true
		mentorIDs = append(mentorIDs, r.ID)
	}
	for _, of := range []struct {
		file string
		list *[]pairing.Pair
		name string
	}{{m.lock, &q.problem.Locks, "locks"}, {m.forbid, &q.problem.Forbidden, "forbidden"}, {m.bounds.standing, &q.problem.Standing, "standing"}} {
		if of.file == "" {
			continue
		}
		lines, err := readFile(p, of.file, poolfile.ReadPairLines)
		note(err)
		for _, l := range lines {
			where := fmt.Sprintf("%s:%d", of.file, l.Line)
			if _, ok := mentees[l.Mentee]; !ok && err == nil {
				note(fmt.Errorf("%s: column \"mentee\": %s", where, poolfile.Missing(l.Mentee, menteeIDs)))
			}
			if !mentors[l.Mentor] && err == nil {
				note(fmt.Errorf("%s: column \"mentor\": %s", where, poolfile.Missing(l.Mentor, mentorIDs)))
			}
			*of.list = append(*of.list, pairing.Pair{Mentee: l.Mentee, Mentor: l.Mentor})
			q.lines[of.name] = append(q.lines[of.name], where)
		}
	}
	if m.waiting != "" {
		list, err := readFile(p, m.waiting, func(name string, r io.Reader) ([]poolfile.Count, error) {
			return poolfile.ReadCounts(name, r, "mentee", "waiting", 1)
		})
		note(err)
		for _, c := range list {
			j, ok := mentees[c.ID]
			if !ok && err == nil {
				note(fmt.Errorf("%s:%d: column \"mentee\": %s", m.waiting, c.Line, poolfile.Missing(c.ID, menteeIDs)))
			}
			if ok {
				q.problem.Mentees[j].Waiting = c.Number == 1
			}
		}
	}
	if len(problems) > 0 {
		return nil, data(errors.Join(problems...))
	}
	return q, nil
}

// readScores reads --scores, --capacity and --demand.
func (m *pairsUp) readScores(p *program, q *matchQuestion) error {
	scores, err := readFile(p, m.scores, poolfile.ReadPairScores)
	if err != nil {
		return err
	}
	var problems []error
	mentors, err := m.counts(p, m.capacity, "mentor", "seats", pairing.MaxSeats, scores.Mentors, scores.MentorLine)
	problems = append(problems, err)
	mentees, err := m.counts(p, m.demand, "mentee", "wanted", pairing.MaxDemand, scores.Mentees, scores.MenteeLine)
	if err := errors.Join(append(problems, err)...); err != nil {
		return err
	}
	for _, c := range mentees {
		q.problem.Mentees = append(q.problem.Mentees, pairing.Mentee{ID: c.ID, Demand: c.Number})
	}
	for _, c := range mentors {
		q.problem.Mentors = append(q.problem.Mentors, pairing.Mentor{ID: c.ID, Seats: c.Number})
	}
	q.problem.Scores = newFileScores(scores, mentees, mentors)
	return nil
}

// counts reads a number for everybody, or a file with one for each. Everybody whom
// the scores name must be in the file.
func (m *pairsUp) counts(p *program, text, who, what string, most int, ids []string, lines []int) ([]poolfile.Count, error) {
	var list []poolfile.Count
	if n, err := strconv.Atoi(text); err == nil {
		for _, id := range ids {
			list = append(list, poolfile.Count{ID: id, Number: n})
		}
	} else {
		list, err = readFile(p, text, func(name string, r io.Reader) ([]poolfile.Count, error) {
			return poolfile.ReadCounts(name, r, who, what, most)
		})
		if err != nil {
			return nil, err
		}
		has := make(map[string]bool, len(list))
		var known []string
		for _, c := range list {
			has[c.ID] = true
			known = append(known, c.ID)
		}
		var problems []error
		for k, id := range ids {
			if !has[id] && len(problems) < 20 {
				problems = append(problems, fmt.Errorf("%s:%d: column %q: %s in %s", m.scores, lines[k], who, poolfile.Missing(id, known), text))
			}
		}
		if err := errors.Join(problems...); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b poolfile.Count) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

// fileScores scores pairs by a file.
type fileScores struct {
	scores           *poolfile.PairScores
	mentees, mentors []int // places in the file; -1: it does not name them
}

func newFileScores(scores *poolfile.PairScores, mentees, mentors []poolfile.Count) *fileScores {
	f := &fileScores{scores: scores}
	for _, c := range mentees {
		f.mentees = append(f.mentees, placeOf(scores.Mentee(c.ID)))
	}
	for _, c := range mentors {
		f.mentors = append(f.mentors, placeOf(scores.Mentor(c.ID)))
	}
	return f
}

func placeOf(at int, ok bool) int {
	if !ok {
		return -1
	}
	return at
}

// Row is as pairing.Scorer has it.
func (f *fileScores) Row(j int, into []int16) {
	for k, i := range f.mentors {
		into[k] = pairing.NotEligible
		if f.mentees[j] >= 0 && i >= 0 {
			into[k] = f.scores.Score(f.mentees[j], i)
		}
	}
}

// inWords says where in the files it is what the matcher refuses.
func (q *matchQuestion) inWords(err error) error {
	var input *pairing.InputError
	if !errors.As(err, &input) {
		return err
	}
	if lines := q.lines[input.List]; input.Row < len(lines) {
		return exit(exitData, "%s: %s", lines[input.Row], input.Message)
	}
	return exit(exitData, "%s", input.Message)
}

// record is the result as a file, with what each score is made of and why somebody
// has no mentor.
func (q *matchQuestion) record(ctx context.Context, result *pairing.Result) (*matcher.Matching, []pairing.Unmatched, error) {
	record, err := result.Record(ctx, engineVersion())
	if err != nil {
		return nil, nil, err
	}
	if q.profiles != nil {
		for k := range record.Pairs {
			record.Pairs[k].Parts = q.profiles.parts(record.Pairs[k].Mentee, record.Pairs[k].Mentor)
		}
	}
	reasons, err := pairing.WhyUnmatched(ctx, q.problem, result, q.hardRules())
	if err != nil {
		return nil, nil, err
	}
	for k := range record.Unmatched {
		u := &record.Unmatched[k]
		at := slices.IndexFunc(reasons, func(r pairing.Unmatched) bool { return r.Mentee == u.Mentee })
		if at < 0 {
			continue
		}
		u.Reason = string(reasons[at].Reason)
		if w := reasons[at].Witness; w != nil {
			u.Witness = &matcher.HallWitness{Mentees: len(w.Mentees), Mentors: len(w.Mentors), Seats: w.Seats}
		}
	}
	record.Seal()
	return record, reasons, nil
}

// hardRules are the rules of the profiles; nil with --scores.
func (q *matchQuestion) hardRules() *pairing.HardRules {
	if q.profiles == nil {
		return nil
	}
	return q.profiles.hardRules()
}

func (m *pairsUp) print(p *program, q *matchQuestion, r *matcher.Matching, reasons []pairing.Unmatched, more *explained) error {
	t := &report{w: p.stdout, color: colorful(p.stdout)}
	switch {
	case more.forced != nil && m.asJSON:
		if !m.quiet {
			p.note("this answer holds personal data")
		}
		return writeLine(p, more.whyNotJSON())
	case more.forced != nil:
		t.whyNot(more, q.problem)
		return t.err
	case m.asJSON:
		if !m.quiet {
			p.note("this record holds personal data")
		}
		return p.writeRecord(r.AppendJSON(nil))
	case m.asCSV:
		out := csv.NewWriter(p.stdout)
		out.Write([]string{"mentee", "mentor", "score"}) // errors come with Error
		for _, x := range r.Pairs {
			out.Write([]string{x.Mentee, x.Mentor, strconv.Itoa(x.Score)})
		}
		out.Flush()
		return out.Error()
	}
	t.matching(r, reasons)
	t.more(more)
	t.line("seed %s   record %s", r.Seed, r.Digest)
	return t.err
}
