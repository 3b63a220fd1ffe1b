package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/openfairlead/fairlead/internal/poolfile"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// profileFlags are the flags of `fairlead pair` that name files of profiles.
type profileFlags struct {
	mentors, mentees, rules, topics, travel, ended string

	why            string
	suggest, price bool
	writeScores    string
}

func (f *profileFlags) flags(fs *pflag.FlagSet) {
	fs.StringVar(&f.mentees, "mentees", "", "CSV `file` of the mentees' profiles, instead of --scores; - for stdin")
	fs.StringVar(&f.mentors, "mentors", "", "CSV `file` of the mentors' profiles; - for stdin")
	fs.StringVar(&f.rules, "rules", "", "YAML `file` that says how profiles become scores, and what is a hard rule (default: the rules in docs/scoring.md)")
	fs.StringVar(&f.topics, "topics", "", "YAML `file` with another vocabulary of topics")
	fs.StringVar(&f.travel, "travel", "", "YAML `file` with other places and the minutes between them")
	fs.StringVar(&f.ended, "ended", "", "CSV `file` of mentee,mentor: pairs that ended with a concern")
	fs.StringVar(&f.why, "why", "", "say what the score of `MENTEE,MENTOR` is made of, and match nobody")
	fs.BoolVar(&f.suggest, "suggest", false, "list the topics that people wrote of and do not name, as CSV, and match nobody")
	fs.StringVar(&f.writeScores, "write-scores", "", "write the scores of all eligible pairs as CSV to `file`, for fairlead verify --scores")
	fs.BoolVar(&f.price, "price-rules", false, "say how many mentees each hard rule leaves with no mentor, or with few, and match nobody")
}

// asked answers --why, --suggest and --price-rules. done is whether there is nothing else to do.
func (f *profileFlags) asked(ctx context.Context, p *program, read *profiles, asJSON bool) (done bool, err error) {
	switch {
	case f.price:
		return true, read.priceRules(ctx, p, asJSON)
	case f.why != "":
		return true, read.why(p, f.why, asJSON)
	case f.suggest:
		return true, read.suggest(p)
	}
	return false, nil
}

// given is whether scores come from profiles.
func (f *profileFlags) given() bool { return *f != profileFlags{} }

// files are the files that the flags name.
func (f *profileFlags) files() []string {
	return []string{f.mentees, f.mentors, f.rules, f.topics, f.travel, f.ended}
}

// check finds what is wrong with the flags before any file is read.
func (f *profileFlags) check() error {
	switch {
	case f.mentees == "":
		return usage("name the file of the mentees' profiles with --mentees, or a file of scores with --scores")
	case f.mentors == "":
		return usage("name the file of the mentors' profiles with --mentors")
	case f.why != "" && f.suggest, f.why != "" && f.price, f.suggest && f.price:
		return usage("--why, --suggest and --price-rules ask for different things: keep one of them")
	}
	return nil
}

// profiles are mentees and mentors as they were read, and what they score.
type profiles struct {
	mentees  []pairing.Mentee
	mentors  []pairing.Mentor
	input    scoring.Input
	topics   *scoring.Topics
	scorer   *scoring.Scorer
	warnings []string

	menteeAt, mentorAt map[string]int
}

// The columns of files of profiles that are about matching and not about
// scores. What a mentor has lived and did not release stands in no column that
// is read.
var (
	menteeExtra = []string{"wanted", "affinity"}
	mentorExtra = []string{"seats", "affinity_match", "affinity_name"}
)

// read reads the files. All the problems of all the files are told at once.
func (f *profileFlags) read(p *program) (*profiles, error) {
	in := scoring.Input{Rules: scoring.DefaultRules(), Topics: scoring.ShippedTopics(), Travel: scoring.ShippedTravel()}
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	note(optional(p, f.rules, scoring.ReadRules, &in.Rules))
	note(optional(p, f.topics, scoring.ReadTopics, &in.Topics))
	note(optional(p, f.travel, scoring.ReadTravel, &in.Travel))
	if len(problems) > 0 {
		return nil, data(errors.Join(problems...))
	}
	out := &profiles{menteeAt: map[string]int{}, mentorAt: map[string]int{}}
	note(f.readMentees(p, &in, out))
	note(f.readMentors(p, &in, out))
	if f.ended != "" {
		lines, err := readFile(p, f.ended, poolfile.ReadPairLines)
		note(err)
		for _, l := range lines {
			in.Ended = append(in.Ended, [2]string{l.Mentee, l.Mentor})
		}
		out.gone(f.ended, lines)
	}
	if len(problems) > 0 {
		return nil, data(errors.Join(problems...))
	}
	s, warnings, err := scoring.New(in)
	if err != nil {
		return nil, data(err)
	}
	out.scorer, out.input, out.topics = s, in, in.Topics
	for k, w := range warnings {
		if k == mostWarnings {
			out.warnings = append(out.warnings, fmt.Sprintf("and %d more ids that nobody has", len(warnings)-k))
			break
		}
		out.warnings = append(out.warnings, fmt.Sprintf("%s, %s: %s", w.ID, w.Column, w.Message))
	}
	return out, nil
}

// optional reads a file if there is one.
func optional[T any](p *program, name string, read func(string, io.Reader) (*T, error), into **T) error {
	if name == "" {
		return nil
	}
	v, err := readFile(p, name, read)
	if err == nil {
		*into = v
	}
	return err
}

func columnNames(columns []scoring.Column, extra []string) []string {
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return slices.Concat(names, extra)
}

func (f *profileFlags) readMentees(p *program, in *scoring.Input, out *profiles) error {
	known := columnNames(scoring.MenteeColumns(in.Rules), menteeExtra)
	file, err := readFile(p, f.mentees, func(name string, r io.Reader) (*poolfile.Profiles, error) {
		return poolfile.ReadProfiles(name, r, known)
	})
	if err != nil {
		return err
	}
	intake := scoring.NewIntake(in.Rules, in.Topics, in.Travel)
	for _, one := range file.People {
		m, problems := intake.Mentee(one.ID, one.Cells)
		refuse(file, one, problems)
		if m.Seeks, err = intake.Seeks(one.Cells["affinity"]); err != nil {
			file.Refuse(one.Line, "affinity", err.Error())
		}
		in.Mentees = append(in.Mentees, m)
		out.menteeAt[one.ID] = len(out.mentees)
		out.mentees = append(out.mentees, pairing.Mentee{ID: one.ID, Demand: file.Number(one, "wanted", 1, 0, pairing.MaxDemand)})
	}
	out.hints(file, intake)
	return file.Err()
}

func (f *profileFlags) readMentors(p *program, in *scoring.Input, out *profiles) error {
	known := columnNames(scoring.MentorColumns(in.Rules), mentorExtra)
	file, err := readFile(p, f.mentors, func(name string, r io.Reader) (*poolfile.Profiles, error) {
		return poolfile.ReadProfiles(name, r, known)
	})
	if err != nil {
		return err
	}
	intake := scoring.NewIntake(in.Rules, in.Topics, in.Travel)
	for _, one := range file.People {
		m, problems := intake.Mentor(one.ID, one.Cells)
		refuse(file, one, problems)
		if m.Traits, err = intake.Traits(one.Cells["affinity_match"], one.Cells["affinity_name"]); err != nil {
			file.Refuse(one.Line, "affinity_name", err.Error())
		}
		in.Mentors = append(in.Mentors, m)
		out.mentorAt[one.ID] = len(out.mentors)
		out.mentors = append(out.mentors, pairing.Mentor{ID: one.ID, Seats: file.Number(one, "seats", 1, 0, pairing.MaxSeats)})
	}
	out.hints(file, intake)
	return file.Err()
}

func refuse(file *poolfile.Profiles, one poolfile.Profile, problems []scoring.CellProblem) {
	for _, problem := range problems {
		file.Refuse(one.Line, problem.Column, problem.Message)
	}
}

// How many topics in somebody's own words, and how many ids that nobody has, are
// told.
const (
	mostOwnWords = 10
	mostWarnings = 20
)

// hints tell what nothing was made of although somebody may have meant it.
func (out *profiles) hints(file *poolfile.Profiles, intake *scoring.Intake) {
	for _, h := range file.Hints {
		out.warnings = append(out.warnings, file.File+": "+h)
	}
	own := intake.OwnTopics()
	for k, t := range own {
		if k == mostOwnWords {
			out.warnings = append(out.warnings, fmt.Sprintf("%s: and %d more topics that the vocabulary lacks", file.File, len(own)-k))
			break
		}
		out.warnings = append(out.warnings, fmt.Sprintf("%s: %q is no topic of the vocabulary: it matches the same words only%s", file.File, t.Words, t.Hint))
	}
}

// gone tells how many lines about pairs name people whom the files lack: they
// may have left, or a slip of the pen protects nobody.
func (out *profiles) gone(file string, lines []poolfile.PairLine) {
	n, first := 0, 0
	for _, l := range lines {
		_, mentee := out.menteeAt[l.Mentee]
		_, mentor := out.mentorAt[l.Mentor]
		if mentee && mentor {
			continue
		}
		if n++; n == 1 {
			first = l.Line
		}
	}
	if n > 0 {
		out.warnings = append(out.warnings, fmt.Sprintf("%s:%d: %s with an id that the profiles lack: keeps nobody apart", file, first, count(n, "line")))
	}
}

// hardRules are the rules in force, for what each of them takes.
func (out *profiles) hardRules() *pairing.HardRules {
	return &pairing.HardRules{Names: out.scorer.RuleNames(), Rows: out.scorer}
}

// smallestLoad is the fewest people of a kind whose load is told.
const smallestLoad = 11

// load says how much is asked of the mentors whom affinity seeks, beside the
// others; "" if there are too few of them to say so without pointing at anybody.
func (out *profiles) load(pairs []matcher.MatchedPair) string {
	var at [][2]int
	for _, p := range pairs {
		at = append(at, [2]int{out.menteeAt[p.Mentee], out.mentorAt[p.Mentor]})
	}
	l := out.scorer.AffinityLoad(at, smallestLoad)
	if l.Suppressed {
		return ""
	}
	return fmt.Sprintf("the %d mentors who released something that a mentee seeks have %.1f mentees each, the other %d have %.1f",
		l.Sought, float64(l.SoughtHave)/float64(l.Sought), l.Others, float64(l.OthersHave)/float64(l.Others))
}

// appendScores writes the scores of all eligible pairs as a file of --scores.
func (out *profiles) appendScores(scores []int16) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"mentee", "mentor", "score"}) // a buffer takes everything
	for j, mentee := range out.mentees {
		for i, mentor := range out.mentors {
			if s := scores[j*len(out.mentors)+i]; s >= 0 {
				w.Write([]string{mentee.ID, mentor.ID, strconv.Itoa(int(s))})
			}
		}
		if w.Flush(); b.Len() > poolfile.MaxBytes {
			return nil, exit(exitData, "--write-scores: the scores of so many pairs are more than the %d MiB that a file may have: leave it out", poolfile.MaxBytes>>20)
		}
	}
	return b.Bytes(), nil
}

// parts are what the score of a pair is made of.
func (out *profiles) parts(mentee, mentor string) []matcher.ScorePart {
	parts := []matcher.ScorePart{}
	for _, p := range out.scorer.Explain(out.menteeAt[mentee], out.mentorAt[mentor]).Parts {
		one := matcher.ScorePart{Feature: p.Feature, Points: p.Points, Most: p.Most, Evidence: []string{}}
		for _, e := range p.Evidence {
			one.Evidence = append(one.Evidence, e.String())
		}
		parts = append(parts, one)
	}
	return parts
}
