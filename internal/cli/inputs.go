package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/openfairlead/fairlead/internal/poolfile"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// inputs are the flags that say what a cohort is chosen from and by.
type inputs struct {
	pool, rules, criteria string
	size, minSize         int
	maxPer                []string
	include, exclude      []string
	apart, together       string
	scores                string
	allow                 []string
	declineAsValue        bool

	limits
}

func (in *inputs) flags(f *pflag.FlagSet) {
	f.StringVar(&in.pool, "pool", "", "CSV `file` of the people: an id column and one column per attribute; - for stdin")
	f.StringVar(&in.rules, "rules", "", "CSV `file` of the rules: feature,value,min,max and more; - for stdin")
	f.StringVar(&in.rules, "quotas", "", "the same as --rules")
	f.Lookup("quotas").Hidden = true
	f.StringVar(&in.criteria, "criteria", "", "JSON `file` with a Criteria message, instead of --rules")
	f.IntVar(&in.size, "size", 0, "people wanted")
	f.IntVar(&in.minSize, "min-size", 0, "fewest people that will do; the cohort is as near to --size as possible (default: --size)")
	f.StringArrayVar(&in.maxPer, "max-per", nil, "`COLUMN=N`: at most N people of one value of the column, whatever happens; may be repeated")
	f.StringArrayVar(&in.include, "include", nil, "`IDS`, joined by commas, of people who are in")
	f.StringArrayVar(&in.exclude, "exclude", nil, "`IDS`, joined by commas, of people who are out")
	f.StringVar(&in.apart, "apart", "", "CSV `file` of id,id: at most one of the two")
	f.StringVar(&in.together, "together", "", "CSV `file` of id,id: both or none")
	f.StringVar(&in.scores, "scores", "", "CSV `file` of id,score: whole numbers from 0 to 1000000")
	f.StringArrayVar(&in.allow, "allow", nil, "`P=N`: deviation allowed above the optimum of priority P")
	f.BoolVar(&in.declineAsValue, "decline-as-value", false, "count \"prefer not to say\" as a value, for other tools' files with a quota on it")
	in.limits.flags(f)
}

// question is what the files and flags ask.
type question struct {
	people   []matcher.Person
	criteria matcher.Criteria
	rules    string // the file with the rules, for messages
	// lottery is NONE, MAXIMIN or LEXIMIN; empty where the files do not say.
	lottery   string
	maxChance int // in thousandths; 0: no limit
	warnings  []selection.Warning
}

// usage is an error of the flags.
func usage(format string, args ...any) error { return exit(exitUsage, format, args...) }

// checkFlags finds what is wrong with the flags before any file is read.
func (in *inputs) checkFlags() error {
	switch {
	case in.pool == "":
		return usage("name the file of the people with --pool")
	case in.rules == "" && in.criteria == "":
		return usage("name the file of the rules with --rules (or --criteria)")
	case in.rules != "" && in.criteria != "":
		return usage("--rules and --criteria say the same: keep one of them")
	case in.set("rules") && in.set("quotas"):
		return usage("--rules and --quotas say the same: keep one of them")
	case in.size < 0 || in.set("size") && in.size == 0:
		return usage("--size %d: a cohort needs at least 1 person", in.size)
	case in.size == 0 && in.criteria == "":
		return usage("say with --size how many people are wanted")
	case in.set("min-size") && in.minSize < 1:
		return usage("--min-size %d: it must be 1 or more", in.minSize)
	case in.size > 0 && in.minSize > in.size:
		return usage("--min-size %d is more than --size %d", in.minSize, in.size)
	}
	if err := in.limits.check(); err != nil {
		return err
	}
	fromStdin := 0
	for _, name := range []string{in.pool, in.rules, in.criteria, in.apart, in.together, in.scores} {
		if name == "-" {
			fromStdin++
		}
	}
	if fromStdin > 1 {
		return usage("only one file can come from stdin (-)")
	}
	return nil
}

// read reads the files. All the problems of all the files are told at once, as
// far as they can be read.
func (in *inputs) read(p *program) (*question, error) {
	if err := in.checkFlags(); err != nil {
		return nil, err
	}
	allow, err := in.allowed()
	if err != nil {
		return nil, err
	}
	caps, err := in.caps()
	if err != nil {
		return nil, err
	}
	include, err := ids("include", in.include)
	if err != nil {
		return nil, err
	}
	exclude, err := ids("exclude", in.exclude)
	if err != nil {
		return nil, err
	}

	pool, err := readFile(p, in.pool, func(name string, r io.Reader) (*poolfile.Pool, error) {
		return poolfile.ReadPool(name, r, poolfile.Options{DeclineAsValue: in.declineAsValue})
	})
	if err != nil {
		return nil, data(err)
	}
	q := &question{criteria: matcher.Criteria{
		Size: in.size, MinSize: in.minSize, Include: include, Exclude: exclude, Allow: map[int]int64{},
	}}
	if q.criteria.MinSize == 0 {
		q.criteria.MinSize = q.criteria.Size
	}
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	if in.criteria != "" {
		note(in.readCriteria(p, pool, q))
	} else {
		q.rules = in.rules
		q.criteria.Rules, err = readFile(p, in.rules, func(name string, r io.Reader) ([]matcher.Rule, error) {
			return poolfile.ReadRules(name, r, pool, in.size)
		})
		note(err)
	}
	for g, d := range allow {
		q.criteria.Allow[g] = d
	}
	for _, limit := range caps {
		key, problem := pool.Attribute(limit.Attribute)
		if problem != "" {
			note(fmt.Errorf("--max-per: %q %s", limit.Attribute, problem))
			continue
		}
		q.criteria.Caps = append(q.criteria.Caps, matcher.HardCap{Attribute: key, Max: limit.Max})
	}
	note(in.readLists(p, pool, q))
	note(checkLocks(pool, &q.criteria))
	if n := pool.Len(); q.criteria.Size > n {
		note(fmt.Errorf("--size %d is more than the %d people of the pool %s", q.criteria.Size, n, pool.File))
	}
	if len(problems) > 0 {
		return nil, data(errors.Join(problems...))
	}

	q.people, err = pool.People(attributes(&q.criteria))
	if err != nil {
		return nil, data(err)
	}
	faults, warnings := selection.Validate(q.people, q.criteria)
	for _, f := range faults {
		note(f)
	}
	q.warnings = warnings
	if len(problems) > 0 {
		return nil, data(errors.Join(problems...))
	}
	return q, nil
}

func (in *inputs) readCriteria(p *program, pool *poolfile.Pool, q *question) error {
	q.rules = in.criteria
	c, err := readFile(p, in.criteria, func(name string, r io.Reader) (*poolfile.Criteria, error) {
		return poolfile.ReadCriteria(name, r, pool, in.size, in.minSize)
	})
	if err != nil {
		return err
	}
	q.lottery, q.maxChance = c.Lottery, c.MaxChance
	q.criteria.Size, q.criteria.MinSize = c.Size, c.MinSize
	q.criteria.Rules, q.criteria.Caps, q.criteria.Links = c.Rules, c.Caps, c.Links
	for g, d := range c.Allow {
		q.criteria.Allow[g] = d
	}
	if c.MinSize > c.Size {
		return fmt.Errorf("%s: minSize %d is more than size %d", in.criteria, c.MinSize, c.Size)
	}
	return nil
}

func (in *inputs) readLists(p *program, pool *poolfile.Pool, q *question) error {
	var problems []error
	for _, links := range []struct {
		file string
		kind matcher.LinkKind
	}{{in.apart, matcher.Apart}, {in.together, matcher.Together}} {
		if links.file == "" {
			continue
		}
		read, err := readFile(p, links.file, func(name string, r io.Reader) ([]matcher.Link, error) {
			return poolfile.ReadPairs(name, r, pool, links.kind)
		})
		problems = append(problems, err)
		q.criteria.Links = append(q.criteria.Links, read...)
	}
	if in.scores != "" {
		scores, err := readFile(p, in.scores, func(name string, r io.Reader) (map[string]int, error) {
			return poolfile.ReadScores(name, r, pool)
		})
		problems = append(problems, err)
		q.criteria.Scores = scores
	}
	return errors.Join(problems...)
}

// checkLocks tells what is wrong with --include and --exclude in their words.
func checkLocks(pool *poolfile.Pool, c *matcher.Criteria) error {
	var problems []error
	for _, id := range c.Include {
		if problem := pool.Missing(id); problem != "" {
			problems = append(problems, fmt.Errorf("--include: %q %s", id, problem))
		}
		if slices.Contains(c.Exclude, id) {
			problems = append(problems, fmt.Errorf("--include: %q is named by --exclude too: keep one of the two", id))
		}
	}
	for _, id := range c.Exclude {
		if problem := pool.Missing(id); problem != "" {
			problems = append(problems, fmt.Errorf("--exclude: %q %s", id, problem))
		}
	}
	if n := len(c.Include); n > c.Size && c.Size > 0 {
		problems = append(problems, fmt.Errorf("--include names %d people, more than the size %d", n, c.Size))
	}
	return errors.Join(problems...)
}

// attributes lists the columns that the criteria look at.
func attributes(c *matcher.Criteria) []string {
	var keys []string
	for _, r := range c.Rules {
		for _, t := range r.Property.Terms {
			keys = append(keys, t.Attribute)
		}
	}
	for _, limit := range c.Caps {
		keys = append(keys, limit.Attribute)
	}
	return keys
}

// ids splits comma-separated ids; one named twice counts once.
func ids(flag string, lists []string) ([]string, error) {
	var all []string
	for _, l := range lists {
		for id := range strings.SplitSeq(l, ",") {
			id = strings.TrimSpace(id)
			if id == "" {
				return nil, usage("--%s %q: an id is empty", flag, l)
			}
			if !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	return all, nil
}

func (in *inputs) caps() ([]matcher.HardCap, error) {
	var caps []matcher.HardCap
	for _, text := range in.maxPer {
		at := strings.LastIndex(text, "=")
		if at < 1 {
			return nil, usage("--max-per %q: write COLUMN=N, such as household=1", text)
		}
		n, err := strconv.Atoi(strings.TrimSpace(text[at+1:]))
		if err != nil || n < 1 {
			return nil, usage("--max-per %q: after the = stands a whole number of 1 or more", text)
		}
		name := strings.TrimSpace(text[:at])
		for _, before := range caps {
			if strings.EqualFold(before.Attribute, name) {
				return nil, usage("--max-per names %q twice", name)
			}
		}
		caps = append(caps, matcher.HardCap{Attribute: name, Max: n})
	}
	return caps, nil
}

func (in *inputs) allowed() (map[int]int64, error) {
	allow := map[int]int64{}
	for _, l := range in.allow {
		for text := range strings.SplitSeq(l, ",") {
			p, n, ok := strings.Cut(strings.TrimSpace(text), "=")
			g, errP := strconv.Atoi(strings.TrimSpace(p))
			d, errN := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			if !ok || errP != nil || errN != nil || g < 1 || g > matcher.MaxPriority || d < 0 || d > selection.MaxAllow {
				return nil, usage("--allow %q: write P=N with a priority from 1 to %d and a deviation of 0 or more, such as 1=2,3=1", text, matcher.MaxPriority)
			}
			if _, twice := allow[g]; twice {
				return nil, usage("--allow names priority %d twice", g)
			}
			allow[g] = d
		}
	}
	return allow, nil
}

// readFile opens a file, or takes stdin for "-".
func readFile[T any](p *program, name string, read func(name string, r io.Reader) (T, error)) (T, error) {
	if name == "-" {
		return read("stdin", p.stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		var none T
		return none, fmt.Errorf("%s: cannot be opened: %w", name, cause(err))
	}
	defer f.Close()
	return read(name, f)
}

// data is an error of the input data.
func data(err error) error { return &exitError{exitData, err} }
