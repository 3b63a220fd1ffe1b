package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/internal/poolfile"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// mostVerified is the size of the largest file that is verified.
const mostVerified = 256 << 20

// verifying is `fairlead verify`.
type verifying struct {
	pool, public   string
	scores         string
	declineAsValue bool
	asJSON, quiet  bool
}

func (p *program) verifyCommand() *cobra.Command {
	v := &verifying{}
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a record, a public record, a slip or a matching without the solvers",
		Long: `Verify checks what a selection or a matching has published, with no code of the
solvers. It tells by the file what it is: the record of select or an audit record
(level audit), a public record (level public), an applicant's slip (level slip) or
the record of pair (level matching, for which docs/matching.md says it), and lists the numbered checks: which held, which could not run and why. docs/record.md
says what each of them looks at. "Nothing to check" is said of what the file does
not claim. A - reads the file from stdin.

Exit codes: 0 every check held, and everything claimed is proved · 2 usage ·
3 unreadable, no JSON, or of a newer version · 5 every check that ran held, but
something is not proved or could not be checked · 6 refused.`,
		Example: "  fairlead verify run.json --pool people.csv\n  fairlead verify slip.json --public public.json",
		Args:    oneName,
		RunE:    func(_ *cobra.Command, args []string) error { return v.run(p, args[0]) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&v.pool, "pool", "", "CSV `file` of the people, to compare with those in the record")
	f.BoolVar(&v.declineAsValue, "decline-as-value", false, "as it was given to select")
	f.StringVar(&v.scores, "scores", "", "CSV `file` of mentee,mentor,score, to check a matching over all pairs")
	f.StringVar(&v.public, "public", "", "`file` of the public record, to compare a slip with")
	f.BoolVar(&v.asJSON, "json", false, "print the checks as JSON")
	f.BoolVar(&v.quiet, "quiet", false, "print nothing: the exit code says it")
	return cmd
}

func (v *verifying) run(p *program, name string) error {
	read := func(name string) ([]byte, error) {
		b, err := readFile(p, name, func(_ string, r io.Reader) ([]byte, error) {
			return io.ReadAll(io.LimitReader(r, mostVerified+1))
		})
		if err != nil {
			return nil, data(err)
		}
		if len(b) > mostVerified {
			return nil, exit(exitData, "%s is larger than %d MiB", name, mostVerified>>20)
		}
		return b, nil
	}
	b, err := read(name)
	if err != nil {
		return err
	}
	var o verify.Options
	if v.public != "" {
		if o.Public, err = read(v.public); err != nil {
			return err
		}
	}
	if v.scores != "" {
		scores, err := readFile(p, v.scores, poolfile.ReadPairScores)
		if err != nil {
			return data(err)
		}
		o.Scores = rowsOf(scores)
	}
	if v.pool != "" {
		pool, err := readFile(p, v.pool, func(name string, r io.Reader) (*poolfile.Pool, error) {
			return poolfile.ReadPool(name, r, poolfile.Options{DeclineAsValue: v.declineAsValue})
		})
		if err != nil {
			return data(err)
		}
		o.Pool = peopleOf(pool)
	}
	report, err := verify.File(b, o)
	switch {
	case errors.Is(err, verify.ErrNewer):
		return exit(exitData, "%s is a record of a newer version: use that version of fairlead", name)
	case errors.Is(err, verify.ErrNoJSON):
		return exit(exitData, "%s is no record: it is not JSON", name)
	case err != nil:
		return exit(exitData, "%s: %w", name, err)
	}
	if err := v.tell(p, report); err != nil {
		return err
	}
	switch {
	case !report.Accepted:
		return &exitError{code: exitUnverified}
	case !report.Certified:
		return &exitError{code: exitUnproved}
	}
	return nil
}

// rowsOf gives the scores of a file for the people of a matching. Whom the file
// does not name is eligible for nobody.
func rowsOf(scores *poolfile.PairScores) verify.PairScores {
	return func(mentees, mentors []string) ([]int16, error) {
		rows := make([]int16, 0, len(mentees)*len(mentors))
		columns := make([]int, len(mentors))
		for k, id := range mentors {
			columns[k] = placeOf(scores.Mentor(id))
		}
		for _, id := range mentees {
			j := placeOf(scores.Mentee(id))
			for _, i := range columns {
				score := int16(-1)
				if j >= 0 && i >= 0 {
					score = scores.Score(j, i)
				}
				rows = append(rows, score)
			}
		}
		return rows, nil
	}
}

// peopleOf gives the people of a pool file with some of its attributes.
func peopleOf(pool *poolfile.Pool) func([]string) ([]matcher.Person, error) {
	return func(attributes []string) ([]matcher.Person, error) {
		for _, a := range attributes {
			if key, problem := pool.Attribute(a); problem != "" || key != a {
				return nil, errors.New("a column that the rules look at is not in the file")
			}
		}
		return pool.People(attributes)
	}
}

type (
	reportJSON struct {
		Level     string      `json:"level"`
		Accepted  bool        `json:"accepted"`
		Certified bool        `json:"certified"`
		Checks    []checkJSON `json:"checks"`
	}
	checkJSON struct {
		Number string `json:"number"`
		Title  string `json:"title"`
		State  string `json:"state"`
		Why    string `json:"why"`
	}
)

// levelWords say what kind of file each level is about.
var levelWords = map[string]string{
	verify.LevelAudit:  "a whole record, with the people, the lottery and the proofs",
	verify.LevelPublic: "a public record, with digests and counts and nobody in it",
	verify.LevelSlip:   "the slip of one applicant",

	verify.LevelMatching: "a matching of mentees to mentors, with the prices that prove it",
}

func (v *verifying) tell(p *program, r *verify.Report) error {
	if v.asJSON {
		j := reportJSON{Level: r.Level, Accepted: r.Accepted, Certified: r.Certified, Checks: []checkJSON{}}
		for _, c := range r.Checks {
			j.Checks = append(j.Checks, checkJSON{c.Number, c.Title, strings.ToLower(c.State.String()), c.Why})
		}
		b, err := json.Marshal(j)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "%s\n", b)
		return err
	}
	if v.quiet {
		return nil
	}
	t := &report{w: p.stdout, color: colorful(p.stdout)}
	t.line("level %s: %s", r.Level, levelWords[r.Level])
	t.line("")
	wide, long := 0, 0
	for _, c := range r.Checks {
		wide, long = max(wide, len(c.Number)), max(long, len(c.State.String()))
	}
	for _, c := range r.Checks {
		// Padded before it is painted: colors have no width.
		state := fmt.Sprintf("%-*s", long, c.State)
		if c.State == verify.Broken {
			state = t.bold(state)
		}
		why := ""
		if c.Why != "" {
			why = " – " + clean(c.Why)
		}
		t.line("%*s  %s  %s%s", wide, c.Number, state, c.Title, why)
	}
	t.line("")
	switch {
	case !r.Accepted:
		what := "this is not what the selection published"
		if r.Level == verify.LevelMatching {
			what = "this is no sound matching of these scores"
		}
		t.line("%s  check %s does not hold: %s.", t.bold("REFUSED"), r.Broken(), what)
	case !r.Certified:
		var open []string
		for _, c := range r.Checks {
			if c.State == verify.NotCertified || c.State == verify.NotRun {
				open = append(open, c.Number)
			}
		}
		t.line("%s  every check that ran holds; not certified or not run: %s.", t.bold("NOT CERTIFIED"), strings.Join(slices.Compact(open), ", "))
	default:
		// What takes another file is no fault of this one, but nobody shall
		// read "every check" as if it had been made.
		var other []string
		for _, c := range r.Checks {
			if c.State == verify.NotHere {
				other = append(other, c.Number)
			}
		}
		if len(other) > 0 {
			t.line("%s  every check that this file allows holds, and everything it claims is proved. Not run, as it takes another file: %s.", t.bold("VERIFIED"), strings.Join(other, ", "))
			return t.err
		}
		t.line("%s  every check holds, and everything it claims is proved.", t.bold("VERIFIED"))
	}
	return t.err
}
