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
	"github.com/openfairlead/fairlead/matcher/ballot"
	"github.com/openfairlead/fairlead/matcher/nearest"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// selecting is `fairlead select`.
type selecting struct {
	inputs
	lottery       string
	maxChance     int
	seed          string
	noDraw        bool
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
priority; then the total score counts. Among all the cohorts that are equally
good a fair lottery draws one: it raises the smallest chance as far as the rules
allow, then the next smallest, and so on. It needs no server, no database and no
network. docs/selecting.md describes the files, docs/choosing-fairly.md the lottery.

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
	f.StringVar(&s.lottery, "lottery", "", "how one of the equally good cohorts is drawn: leximin, maximin, or none (the seed decides, without chances) (default leximin)")
	f.IntVar(&s.maxChance, "max-chance", 0, "largest chance that the lottery may give, in `PERMILLE`: 1 to 1000; who is included by name is exempt")
	f.StringVar(&s.seed, "seed", "", "`text` that draws the ticket (default: drawn by the system, and printed)")
	f.BoolVar(&s.noDraw, "no-draw", false, "show the lottery and draw nobody; the same command with --seed instead draws from this very lottery")
	f.IntVar(&s.alternates, "alternates", 0, "name up to `N` people who should stand ready, and who has no exact replacement")
	f.StringVar(&s.out, "out", "", "write the record as JSON to `file`")
	f.BoolVar(&s.force, "force", false, "overwrite the file of --out")
	f.BoolVar(&s.asJSON, "json", false, "print the record as JSON")
	f.BoolVar(&s.asCSV, "csv", false, "print the cohort as CSV")
	return cmd
}

// checkOwn finds what is wrong with the flags that only select has.
func (s *selecting) checkOwn() error {
	if s.set("lottery") {
		if _, ok := methods[strings.ToLower(s.lottery)]; !ok {
			return usage("--lottery %q: the lotteries are leximin, maximin and none%s", s.lottery, nearest.Hint(strings.ToLower(s.lottery), []string{"leximin", "maximin", "none"}))
		}
	}
	switch {
	case s.set("max-chance") && (s.maxChance < 1 || s.maxChance > ballot.MaxPermille):
		return usage("--max-chance %d: it must be from 1 to %d thousandths", s.maxChance, ballot.MaxPermille)
	case s.noDraw && (s.set("seed") || s.alternates > 0 || s.asCSV):
		return usage("--no-draw draws nobody: leave out --seed, --alternates and --csv")
	case s.alternates < 0:
		return usage("--alternates %d: it must be 0 or more", s.alternates)
	case s.alternates > selection.MostAlternates:
		return usage("--alternates %d: at most %d can be named", s.alternates, selection.MostAlternates)
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

// methods are the words of --lottery and what records call them.
var methods = map[string]string{"leximin": matcher.LotteryLeximin, "maximin": matcher.LotteryMaximin, "none": matcher.LotteryNone}

// method is the lottery that flags and files ask for, and the largest chance.
func (s *selecting) method(q *question) (method string, maxChance int, err error) {
	method, maxChance = q.lottery, q.maxChance
	if s.set("lottery") {
		method = methods[strings.ToLower(s.lottery)]
	}
	if method == "" {
		method = matcher.LotteryLeximin
	}
	if s.set("max-chance") {
		maxChance = s.maxChance
	}
	if s.noDraw && method == matcher.LotteryNone {
		return "", 0, usage("--no-draw shows a lottery, and with none there is nothing to show: leave one of them out")
	}
	if maxChance > 0 && method == matcher.LotteryNone {
		return "", 0, usage("--max-chance belongs to a lottery, and with none there are no chances: leave one of them out")
	}
	return method, maxChance, nil
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
	method, maxChance, err := s.method(q)
	if err != nil {
		return err
	}
	p.warn(q)
	drawn := s.seed == ""
	if drawn {
		s.seed = rand.Text()
	}
	if method == matcher.LotteryNone {
		s.note(p, "no lottery (none): the seed decides among equally good cohorts")
		s.tellSeed(p, drawn)
	}
	limited, cancel := s.limit(ctx)
	defer cancel()
	yields, err := s.giveWay(limited, p, q)
	if err != nil {
		return err
	}
	result, err := s.seal(limited, p, q, method, maxChance)
	if err != nil {
		return err
	}
	result.yields = yields
	if result.record.Undrawn() && !s.noDraw {
		s.tellSeed(p, drawn)
		if result.record, err = ballot.Draw(result.record, ballot.FromSeed(result.record, s.seed)); err != nil {
			return err
		}
	}
	if s.alternates > 0 && len(result.record.Cohort) > 0 {
		if result.standby, err = s.standBy(limited, p, result.record); err != nil {
			return err
		}
	}
	if s.out != "" {
		if err = writeNew(s.out, result.record.AppendJSON(nil), s.force); err == nil {
			s.note(p, "%s holds personal data: keep it where only those who may see the pool can read it", s.out)
		}
	}
	// What was computed is not lost because a disk is full.
	if err := errors.Join(err, s.print(p, result)); err != nil {
		return err
	}
	return result.verdict(ctx)
}

// selected is a selection with what the record does not say in words.
type selected struct {
	question *question
	record   *matcher.Record
	yields   []selection.Yield
	lottery  *selection.Lottery // nil without one
	standby  *selection.Standby // nil if no alternates were asked for
}

// seal selects as far as that goes before a ticket is drawn.
func (s *selecting) seal(ctx context.Context, p *program, q *question, method string, maxChance int) (*selected, error) {
	line := newProgressLine(p.stderr, s.quiet)
	defer line.clear()
	o := ballot.Options{
		Options: selection.Options{Work: s.work, Progress: line.show},
		Method:  method, MaxChance: maxChance, Seed: s.seed, Explain: true,
		Watch: line.watch, Certifying: line.certifying, Engine: engineVersion(),
	}
	record, found, err := ballot.Seal(ctx, q.people, q.criteria, o)
	if err != nil {
		return nil, capInWords(err, maxChance)
	}
	return &selected{question: q, record: record, lottery: found}, nil
}

// giveWay lets company rules give way to whoever is alone and would lose their
// last chance. Where time ends first there is none left to choose anybody either.
func (s *selecting) giveWay(ctx context.Context, p *program, q *question) ([]selection.Yield, error) {
	line := newProgressLine(p.stderr, s.quiet)
	yields, err := selection.GiveWay(ctx, q.people, q.criteria, selection.Options{Work: s.work, Progress: line.show})
	line.clear()
	if err != nil && ctx.Err() == nil {
		return nil, err
	}
	if s.asJSON || s.asCSV { // else the report has it
		for _, y := range yields {
			s.note(p, "%s, rule %d %s", q.rules, y.Rows[0], y.Message())
		}
	}
	q.criteria = selection.Yielded(q.criteria, yields)
	return yields, nil
}

// capInWords tells of a cap that no lottery keeps in the words of the flag.
func capInWords(err error, maxChance int) error {
	var input *selection.InputError
	if errors.As(err, &input) && input.Field == "max_chance" {
		return exit(exitData, "--max-chance %d: no lottery over the cohorts that are equally good keeps every chance within %d in 1000 and leaves one to everybody who could be in: raise it, or leave it out", maxChance, maxChance)
	}
	return err
}

func (s *selecting) tellSeed(p *program, drawn bool) {
	if drawn {
		s.note(p, "seed %s, drawn by the system; --seed %s gives the same cohort again", s.seed, s.seed)
	}
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

// verdict is the exit code of a selection that has been printed.
func (r *selected) verdict(ctx context.Context) error {
	if r.lottery != nil && r.record.Status == matcher.Optimal && !r.lottery.Proved && (r.record.Complete || ctx.Err() == nil) {
		return &exitError{code: exitUnproved}
	}
	if err := verdictOf(ctx, r.record.Status, r.record.Complete); err != nil || r.standby == nil || r.standby.Proved {
		return err
	}
	return &exitError{code: exitUnproved}
}

func (s *selecting) print(p *program, result *selected) error {
	r := result.record
	switch {
	case s.asJSON:
		s.note(p, "this record holds personal data")
		return p.writeRecord(r.AppendJSON(nil))
	case s.asCSV:
		return writeCohort(p.stdout, r.Cohort)
	}
	t := &report{w: p.stdout, color: colorful(p.stdout)}
	t.outcome(result)
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
