package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/internal/poolfile"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/peers"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// introducing is `fairlead introduce`.
type introducing struct {
	members, history string
	size, since      string
	different        []string
	like, unlike     []string
	spread           []string
	seed             string
	historyOut, out  string
	force            bool
	asJSON, asCSV    bool
	limits           limits
}

func (p *program) introduceCommand() *cobra.Command {
	in := &introducing{}
	cmd := &cobra.Command{
		Use:   "introduce --members FILE",
		Short: "Introduce the people of a network to each other, in pairs or circles",
		Long: `Introduce makes one round of introductions: pairs that score as high as can be,
nobody with somebody they met before or whom a rule keeps apart, and a trio where
somebody would have no partner. Who has waited longest goes first. Who cannot be
introduced is named with the reason. With --size MIN-MAX it makes circles of that
size instead. It needs no server, no database and no network.
docs/introductions.md describes the files and what is proved.

Exit codes: 0 proved best, also when somebody is left out · 2 usage · 3 bad input
data · 4 no circles of that size are possible · 5 not proved, or not in the work or time
given · 130 interrupted.`,
		Example: `  fairlead introduce --members members.csv --different organization
  fairlead introduce --members members.csv --history history.csv \
    --like topics=10 --unlike county=3 --history-out history.csv --force
  fairlead introduce --members members.csv --size 6-8 --spread county`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return in.run(cmd.Context(), p) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&in.members, "members", "", "CSV `file` of the people: an id column and one column per attribute; - for stdin")
	f.StringVar(&in.history, "history", "", "CSV `file` of id,id,round: who was introduced to whom before")
	f.StringVar(&in.size, "size", "2", "`2` for pairs, or MIN-MAX for circles")
	f.StringArrayVar(&in.different, "different", nil, "`COLUMN`: two who share a value of it are not introduced; may be repeated")
	f.StringArrayVar(&in.like, "like", nil, "`COLUMN=POINTS` for each value that two share; may be repeated (default topics=10 and county=3, if there are such columns)")
	f.StringArrayVar(&in.unlike, "unlike", nil, "`COLUMN=POINTS` for two who have values and share none; may be repeated")
	f.StringArrayVar(&in.spread, "spread", nil, "`COLUMN`: its values are spread evenly over the circles; may be repeated")
	f.StringVar(&in.since, "since", "", "`COLUMN` with the first round that somebody took part in, so that earlier ones do not count as waiting")
	f.StringVar(&in.seed, "seed", "", "`text` that decides among equally good introductions (default: drawn by the system, and printed)")
	in.limits.flags(f)
	f.Lookup("work").Usage = "limit in looks at pairs, or in exchanges for circles; the same limit gives the same result on every machine"
	f.StringVar(&in.historyOut, "history-out", "", "write the history with this round added to `file`; with --force that may be the file of --history")
	f.StringVar(&in.out, "out", "", "write the result as JSON to `file`")
	f.BoolVar(&in.force, "force", false, "overwrite the files of --out and --history-out")
	f.BoolVar(&in.asJSON, "json", false, "print the result as JSON")
	f.BoolVar(&in.asCSV, "csv", false, "print group,id as CSV; who is left out has no group")
	return cmd
}

// sizes reads --size; lo and hi are 2 for pairs.
func (in *introducing) sizes() (lo, hi int, err error) {
	if in.size == "2" {
		return 2, 2, nil
	}
	from, to, ok := strings.Cut(in.size, "-")
	lo, errLo := strconv.Atoi(strings.TrimSpace(from))
	hi, errHi := strconv.Atoi(strings.TrimSpace(to))
	if !ok || errLo != nil || errHi != nil || lo < 2 || hi < lo || hi < 3 {
		return 0, 0, usage("--size %q: write 2 for pairs, or MIN-MAX for circles, such as 6-8; the first is 2 or more, the second 3 or more and not less than the first", in.size)
	}
	return lo, hi, nil
}

func (in *introducing) checkFlags(circles bool) error {
	if err := in.limits.check(); err != nil {
		return err
	}
	switch {
	case in.members == "":
		return usage("name the file of the people with --members")
	case in.members == "-" && in.history == "-":
		return usage("only one file can come from stdin (-)")
	case in.limits.set("seed") && in.seed == "":
		return usage("--seed is empty: name a text, or leave --seed out to have one drawn")
	case !utf8.ValidString(in.seed) || strings.ContainsRune(in.seed, 0):
		return usage("--seed must be UTF-8 text")
	case in.asJSON && in.asCSV:
		return usage("--json and --csv are two forms of the same result: keep one of them")
	case in.force && in.out == "" && in.historyOut == "":
		return usage("--force means the files of --out and --history-out: name one")
	case in.since != "" && in.history == "":
		return usage("--since says which rounds of --history count as waiting: name the history too")
	case in.out != "" && in.out == in.historyOut:
		return usage("--out and --history-out name the same file: choose two")
	case circles && len(in.like)+len(in.unlike) > 0:
		return usage("--like and --unlike are for pairs: circles take --different and --spread")
	case circles && in.since != "":
		return usage("--since is for pairs: in circles nobody waits")
	case !circles && len(in.spread) > 0:
		return usage("--spread is for circles: pairs take --like and --unlike")
	}
	return nil
}

// peerNetwork is what the files say.
type peerNetwork struct {
	people   []matcher.Person
	profiles *peers.Profiles
	rules    peers.Rules
	past     []peers.Introduction
	waits    []peers.Wait
	round    int
	gone     int // lines of the history about people who are no members
}

func (in *introducing) run(ctx context.Context, p *program) error {
	lo, hi, err := in.sizes()
	if err != nil {
		return err
	}
	circles := in.size != "2"
	if err := in.checkFlags(circles); err != nil {
		return err
	}
	if in.out != "" {
		if err := mayWrite(in.out, in.force, in.members, in.history); err != nil {
			return err
		}
	}
	if in.historyOut != "" {
		if err := mayWrite(in.historyOut, in.force, in.members); err != nil {
			return err
		}
	}
	w, err := in.read(p)
	if err != nil {
		return err
	}
	if in.seed == "" {
		in.seed = rand.Text()
		in.limits.note(p, "seed %s, drawn by the system; --seed %s gives the same introductions again", in.seed, in.seed)
	}
	limited, cancel := in.limits.limit(ctx)
	defer cancel()
	line := newProgressLine(p.stderr, in.limits.quiet)
	o := peers.Options{Work: in.limits.work, Progress: func(x peers.Progress) { line.show(selection.Progress{Step: x.Step}) }}
	var result *introduced
	if circles {
		result, err = in.circles(limited, w, lo, hi, o)
	} else {
		result, err = in.pairs(limited, w, o)
	}
	line.clear()
	if err != nil {
		return inMembers(in.members, err)
	}
	b, err := result.json()
	if err != nil {
		return err
	}
	if in.out != "" {
		if err = writeNew(in.out, b, in.force); err == nil {
			in.limits.note(p, "%s holds personal data: keep it where only those who may see the members can read it", in.out)
		}
	}
	if err == nil && in.historyOut != "" {
		if err = writeNew(in.historyOut, w.extended(result), in.force); err == nil {
			in.limits.note(p, "%s holds the introductions of round %d too", in.historyOut, w.round)
		}
	}
	// What was computed is not lost because a disk is full.
	if err := errors.Join(err, in.print(p, result, b)); err != nil {
		return err
	}
	return verdictOf(ctx, result.Status, result.Complete)
}

// inMembers tells of bad input in the words of the command line.
func inMembers(file string, err error) error {
	var input *peers.InputError
	if !errors.As(err, &input) {
		return err
	}
	switch input.Field {
	case "ids", "people":
		return exit(exitData, "%s: %s", file, input.Message)
	case "points":
		return usage("--like and --unlike: %s", input.Message)
	case "size":
		return exit(exitImpossible, "--size: %s; another size is needed", input.Message)
	}
	return err
}

func (in *introducing) read(p *program) (*peerNetwork, error) {
	pool, err := readFile(p, in.members, func(name string, r io.Reader) (*poolfile.Pool, error) {
		return poolfile.ReadPool(name, r, poolfile.Options{})
	})
	if err != nil {
		return nil, data(err)
	}
	w := &peerNetwork{}
	var problems []error
	column := func(flag, name string) string {
		key, problem := pool.Attribute(name)
		if problem != "" {
			problems = append(problems, fmt.Errorf("%s: %q %s", flag, name, problem))
		}
		return key
	}
	for _, c := range in.different {
		w.rules.Different = append(w.rules.Different, column("--different", c))
	}
	for _, c := range in.spread {
		w.rules.Spread = append(w.rules.Spread, column("--spread", c))
	}
	for _, list := range []struct {
		flag   string
		texts  []string
		unlike bool
	}{{"--like", in.like, false}, {"--unlike", in.unlike, true}} {
		for _, text := range list.texts {
			name, points, err := pointsOf(list.flag, text)
			if err != nil {
				return nil, err
			}
			w.rules.Points = append(w.rules.Points, peers.Points{Attribute: column(list.flag, name), Points: points, Unlike: list.unlike})
		}
	}
	if len(in.like)+len(in.unlike) == 0 && in.size == "2" {
		for _, x := range []peers.Points{{Attribute: "topics", Points: 10}, {Attribute: "county", Points: 3}} {
			if _, problem := pool.Attribute(x.Attribute); problem == "" {
				w.rules.Points = append(w.rules.Points, x)
			}
		}
		if len(w.rules.Points) == 0 {
			in.limits.note(p, "all pairs score the same: there is no column topics or county, and no --like or --unlike")
		}
	}
	joined := map[string]int{}
	if in.since != "" {
		if key := column("--since", in.since); len(problems) == 0 {
			if joined, err = pool.Rounds(key); err != nil {
				problems = append(problems, err)
			}
		}
	}
	var meetings []poolfile.Meeting
	if in.history != "" {
		if meetings, err = readFile(p, in.history, poolfile.ReadHistory); err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) > 0 {
		return nil, data(errors.Join(problems...))
	}
	keys := slices.Concat(w.rules.Different, w.rules.Spread)
	for _, x := range w.rules.Points {
		keys = append(keys, x.Attribute)
	}
	if w.people, err = pool.People(keys); err != nil {
		return nil, data(err)
	}
	var met []peers.Met
	for _, m := range meetings {
		w.past = append(w.past, peers.Introduction(m))
		met = append(met, peers.Met{m.A, m.B})
		if pool.Missing(m.A) != "" || pool.Missing(m.B) != "" {
			w.gone++
		}
	}
	if w.gone > 0 && w.gone == len(met) {
		return nil, data(fmt.Errorf("%s: none of its lines is about two members of %s: is it the history of another network?", in.history, in.members))
	}
	if w.gone > 0 {
		in.limits.note(p, "%s of %s are about people who are not in %s", lines(w.gone), in.history, in.members)
	}
	if w.profiles, err = peers.NewProfiles(w.people, met, w.rules); err != nil {
		return nil, inMembers(in.members, err)
	}
	w.round = peers.NextRound(w.past)
	w.waits = peers.Waits(w.profiles.IDs, w.past, joined)
	return w, nil
}

func lines(n int) string {
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}

// pointsOf reads COLUMN=POINTS.
func pointsOf(flag, text string) (column string, points int, err error) {
	at := strings.LastIndex(text, "=")
	if at < 1 {
		return "", 0, usage("%s %q: write COLUMN=POINTS, such as topics=10", flag, text)
	}
	points, err = strconv.Atoi(strings.TrimSpace(text[at+1:]))
	if err != nil || points < 0 || points > peers.MaxScore {
		return "", 0, usage("%s %q: after the = stands a whole number from 0 to %d", flag, text, peers.MaxScore)
	}
	return strings.TrimSpace(text[:at]), points, nil
}

// extended is the history with the introductions of a result added.
func (w *peerNetwork) extended(r *introduced) []byte {
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	line := func(x, y string, round int) { out.Write([]string{x, y, strconv.Itoa(round)}) } // never fails on a buffer
	out.Write([]string{"id", "id", "round"})
	for _, x := range w.past {
		line(x.A, x.B, x.Round)
	}
	for _, g := range r.Groups {
		for i, x := range g.Members {
			for _, y := range g.Members[i+1:] {
				line(x, y, w.round)
			}
		}
	}
	out.Flush()
	return b.Bytes()
}

func (in *introducing) print(p *program, r *introduced, b []byte) error {
	switch {
	case in.asJSON:
		in.limits.note(p, "this result holds personal data")
		return p.writeRecord(b)
	case in.asCSV:
		out := csv.NewWriter(p.stdout)
		out.Write([]string{"group", "id"}) // errors come with Error
		for i, g := range r.Groups {
			for _, id := range g.Members {
				out.Write([]string{strconv.Itoa(i + 1), id})
			}
		}
		for _, l := range r.Left {
			out.Write([]string{"", l.ID})
		}
		out.Flush()
		return out.Error()
	}
	t := &report{w: p.stdout, color: colorful(p.stdout)}
	t.introductions(r)
	return t.err
}
