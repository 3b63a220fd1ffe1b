package cli

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// selecting is `fairlead select`.
type selecting struct {
	inputs
	lottery       string
	maxChance     int
	seed          string
	alternates    int
	out           string
	force         bool
	asJSON, asCSV bool
}

func (p *program) selectCommand() *cobra.Command {
	s := &selecting{}
	cmd := &cobra.Command{
		Use:   "select --pool FILE --rules FILE --size N",
		Short: "Choose the best cohort that the rules allow, with proof",
		Long: `Select chooses a cohort from a file of people by a file of rules. Rules that must
hold are kept; targets are met as well as is provably possible, priority by
priority; then the total score counts; then the seed decides. It needs no
server, no database and no network. docs/selecting.md describes the files.

Exit codes: 0 proved best · 2 usage · 3 bad input data · 4 proved impossible ·
5 not proved in the work or time given · 130 interrupted.`,
		Example: `  fairlead select --pool people.csv --rules rules.csv --size 15
  fairlead select --pool people.csv --rules rules.csv --size 15 --min-size 12 \
    --max-per organization=3 --seed "drawn on 21 November" --out run.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context(), p) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	s.flags(f)
	f.StringVar(&s.lottery, "lottery", "none", "how ties between equally good cohorts are drawn: none (by the seed)")
	f.IntVar(&s.maxChance, "max-chance", 0, "largest chance that a lottery may give, in `PERMILLE` (not in this version)")
	f.StringVar(&s.seed, "seed", "", "`text` that breaks ties (default: drawn by the system, and printed)")
	f.IntVar(&s.alternates, "alternates", 0, "how many alternates to list (not in this version)")
	f.StringVar(&s.out, "out", "", "write the record as JSON to `file`")
	f.BoolVar(&s.force, "force", false, "overwrite the file of --out")
	f.BoolVar(&s.asJSON, "json", false, "print the record as JSON")
	f.BoolVar(&s.asCSV, "csv", false, "print the cohort as CSV")
	return cmd
}

// checkOwn finds what is wrong with the flags that only select has.
func (s *selecting) checkOwn() error {
	switch lottery := strings.ToLower(s.lottery); lottery {
	case "none":
	case "leximin", "maximin":
		return usage("--lottery %s is not available in this version: only none, by which the seed decides among equally good cohorts", lottery)
	default:
		return usage("--lottery %q: the lotteries are none, leximin, maximin, of which this version has none", s.lottery)
	}
	switch {
	case s.set("max-chance"):
		return usage("--max-chance is not available in this version: it belongs to lotteries, and --lottery none gives no chances")
	case s.alternates < 0:
		return usage("--alternates %d: it must be 0 or more", s.alternates)
	case s.alternates > 0:
		return usage("--alternates is not available in this version; leave it out")
	case s.asJSON && s.asCSV:
		return usage("--json and --csv are two forms of the same result: keep one of them")
	case s.force && s.out == "":
		return usage("--force means the file of --out: name it")
	case s.set("seed") && s.seed == "":
		return usage("--seed is empty: name a text, or leave --seed out to have one drawn")
	case !utf8.ValidString(s.seed) || strings.ContainsRune(s.seed, 0):
		return usage("--seed must be UTF-8 text")
	}
	return nil
}

func (s *selecting) run(ctx context.Context, p *program) error {
	if err := s.checkFlags(); err != nil {
		return err
	}
	if err := s.checkOwn(); err != nil {
		return err
	}
	if s.out != "" {
		if err := mayWrite(s.out, s.force, s.pool, s.rules, s.criteria, s.scores, s.apart, s.together); err != nil {
			return err
		}
	}
	q, err := s.read(p)
	if err != nil {
		return err
	}
	if q.lottery != "NONE" {
		return usage(`%s asks for the lottery %s, which is not available in this version: only "NONE", by which the seed decides`, s.criteria, q.lottery)
	}
	drawn := s.seed == ""
	if drawn {
		s.seed = rand.Text()
	}
	p.warn(q)
	s.note(p, "no lottery (none): the seed decides among equally good cohorts")
	if drawn {
		s.note(p, "seed %s, drawn by the system; --seed %s gives the same cohort again", s.seed, s.seed)
	}

	limited, cancel := s.limit(ctx)
	defer cancel()
	line := newProgressLine(p.stderr, s.quiet)
	o, err := selection.Select(limited, q.people, q.criteria, s.seed, selection.Options{Work: s.work, Progress: line.show})
	line.clear()
	if err != nil {
		return err
	}
	record := matcher.NewRecord(o, matcher.InputDigest(q.people, q.criteria, s.seed), engineVersion())
	if s.out != "" {
		if err = writeNew(s.out, record.AppendJSON(nil), s.force); err == nil {
			s.note(p, "%s holds personal data: keep it where only those who may see the pool can read it", s.out)
		}
	}
	// What was computed is not lost because a disk is full.
	if err := errors.Join(err, s.print(p, q, record)); err != nil {
		return err
	}
	return verdictOf(ctx, o.Status, o.Complete)
}

// limit adds --timeout to a context.
func (in *inputs) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if in.timeout > 0 {
		return context.WithTimeout(ctx, in.timeout)
	}
	return context.WithCancel(ctx)
}

// verdictOf is the exit code of a result that has been printed.
func verdictOf(ctx context.Context, status matcher.Status, complete bool) error {
	switch {
	case !complete && ctx.Err() != nil:
		return &exitError{code: exitInterrupted}
	case status == matcher.Infeasible:
		return &exitError{code: exitImpossible}
	case status == matcher.Optimal:
		return nil
	}
	return &exitError{code: exitUnproved}
}

func (s *selecting) print(p *program, q *question, r *matcher.Record) error {
	switch {
	case s.asJSON:
		s.note(p, "this record holds personal data")
		b := r.AppendJSON(nil)
		if terminal(p.stdout) {
			b = append(b, '\n')
		}
		_, err := p.stdout.Write(b)
		return err
	case s.asCSV:
		return writeCohort(p.stdout, r.Cohort)
	}
	t := &report{w: p.stdout, color: colorful(p.stdout)}
	t.outcome(q, r)
	return t.err
}

// writeCohort writes the ids of a cohort as CSV.
func writeCohort(w io.Writer, cohort []string) error {
	out := csv.NewWriter(w)
	out.Write([]string{"id"}) // errors come with Error
	for _, id := range cohort {
		out.Write([]string{id})
	}
	out.Flush()
	return out.Error()
}

// note says something on stderr that a person should know and a script need
// not.
func (in *inputs) note(p *program, format string, args ...any) {
	if !in.quiet {
		fmt.Fprintf(p.stderr, "fairlead: %s\n", fmt.Sprintf(format, args...))
	}
}

// warn tells the warnings about the input.
func (p *program) warn(q *question) {
	for _, w := range q.warnings {
		where := ""
		if w.Row > 0 {
			where = fmt.Sprintf("%s, rule %d: ", q.rules, w.Row)
		}
		fmt.Fprintf(p.stderr, "fairlead: warning: %s%s\n", where, w.Message)
	}
}
