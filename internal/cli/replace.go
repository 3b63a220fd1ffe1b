package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ballot"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// replacing is `fairlead replace`.
type replacing struct {
	limits
	declined, confirmed []string
	seed                string
	out                 string
	force, asJSON       bool
}

func (p *program) replaceCommand() *cobra.Command {
	r := &replacing{}
	cmd := &cobra.Command{
		Use:   "replace RUN.json --declined ID,…",
		Short: "Fill the seats of people who declined",
		Long: `Replace reads a record of fairlead select and draws who takes the seats of those
who declined. Everybody else keeps their seat, or, with --confirmed, those named
there; whoever is in neither list goes back into the draw. Rules that must hold
stay, and the targets count in the same order. The draw is the same lottery over
all the best ways to fill the seats, with the seed of the record and the next
attempt, so that nobody chooses it. If nothing can be had without a loss, it says
which rule gives way and by how much, proved least. docs/explaining.md has an
example.

Exit codes: 0 ok · 2 usage · 3 bad input data · 4 proved impossible · 5 not proved in
the work or time given · 6 the record contradicts itself · 130 interrupted.`,
		Example: "  fairlead replace run.json --declined A07 --out repaired.json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("name one record: fairlead replace RUN.json --declined ID,…")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), p, args[0]) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&r.declined, "declined", nil, "`IDS`, joined by commas, of members who declined")
	f.StringArrayVar(&r.confirmed, "confirmed", nil, "`IDS`, joined by commas, of members who stay (default: all who did not decline)")
	f.StringVar(&r.seed, "seed", "", "`text` that draws the ticket (default: the seed of the record, with the next attempt)")
	f.StringVar(&r.out, "out", "", "write the new record as JSON to `file`")
	f.BoolVar(&r.force, "force", false, "overwrite the file of --out")
	f.BoolVar(&r.asJSON, "json", false, "print the repair with the new record as JSON")
	r.limits.flags(f)
	return cmd
}

func (r *replacing) check(name string) (declined, confirmed []string, err error) {
	switch {
	case len(r.declined) == 0:
		return nil, nil, usage("say with --declined who declined")
	case r.force && r.out == "":
		return nil, nil, usage("--force means the file of --out: name it")
	case r.set("seed") && r.seed == "":
		return nil, nil, usage("--seed is empty: name a text, or leave --seed out")
	case !utf8.ValidString(r.seed) || strings.ContainsRune(r.seed, 0):
		return nil, nil, usage("--seed must be UTF-8 text")
	}
	if err := r.limits.check(); err != nil {
		return nil, nil, err
	}
	if r.out != "" {
		if err := mayWrite(r.out, r.force, name); err != nil {
			return nil, nil, err
		}
	}
	if declined, err = ids("declined", r.declined); err != nil {
		return nil, nil, err
	}
	confirmed, err = ids("confirmed", r.confirmed)
	return declined, confirmed, err
}

func (r *replacing) run(ctx context.Context, p *program, name string) error {
	declined, confirmed, err := r.check(name)
	if err != nil {
		return err
	}
	before, s, err := readRecord(p, name)
	if err != nil {
		return err
	}
	if !r.set("confirmed") {
		out := tiedTo(declined, s.Criteria.Links)
		for _, id := range before.Cohort {
			if !slices.Contains(out, id) {
				confirmed = append(confirmed, id)
			}
		}
	}
	limited, cancel := r.limit(ctx)
	defer cancel()
	line := newProgressLine(p.stderr, r.quiet)
	repair, err := selection.Replace(limited, s, confirmed, declined, selection.Options{Work: r.work, Progress: line.show})
	line.clear()
	if err != nil {
		return inFlags(name, err, map[string]string{"declined": "--declined", "confirmed": "--confirmed"})
	}
	result := &replacement{before: before, repair: repair, declined: declined}
	if repair.Outcome.Status == matcher.Optimal {
		if err := r.draw(limited, p, s, result); err != nil {
			return err
		}
	}
	if r.out != "" && result.record != nil {
		if err = writeNew(r.out, result.record.AppendJSON(nil), r.force); err == nil {
			r.note(p, "%s holds personal data: keep it where only those who may see the pool can read it", r.out)
		}
	}
	if r.out != "" && result.record == nil {
		r.note(p, "nothing was drawn, and %s is not written", r.out)
	}
	if err := errors.Join(err, r.print(p, result)); err != nil {
		return err
	}
	if result.record == nil {
		return verdictOf(ctx, repair.Outcome.Status, repair.Outcome.Complete)
	}
	return result.verdict(ctx)
}

// tiedTo are people with those who come and go together with them.
func tiedTo(ids []string, links []matcher.Link) []string {
	all := slices.Clone(ids)
	for grown := true; grown; {
		grown = false
		for _, l := range links {
			if l.Kind != matcher.Together || !slices.ContainsFunc(l.IDs, func(id string) bool { return slices.Contains(all, id) }) {
				continue
			}
			for _, id := range l.IDs {
				if !slices.Contains(all, id) {
					all, grown = append(all, id), true
				}
			}
		}
	}
	return all
}

// replacement is a repair and, where there is one, its draw.
type replacement struct {
	before   *matcher.Record
	repair   *selection.Repair
	declined []string
	record   *matcher.Record
	lottery  *selection.Lottery
	uncapped bool // no lottery keeps the largest chance that was asked for
}

// verdict is the exit code.
func (r *replacement) verdict(ctx context.Context) error {
	return (&selected{record: r.record, lottery: r.lottery}).verdict(ctx)
}

// draw seals the lottery of the repair and draws from it.
func (r *replacing) draw(ctx context.Context, p *program, s selection.Selected, result *replacement) error {
	seed := r.seed
	if seed == "" {
		seed = result.before.Seed
	}
	line := newProgressLine(p.stderr, r.quiet)
	defer line.clear()
	o := ballot.Options{
		Options: selection.Options{Work: r.work, Done: result.repair.Steps, Progress: line.show},
		Method:  result.before.Lottery.Method, MaxChance: result.before.Certificate.Input.MaxChance,
		Seed: seed, Watch: line.watch, Engine: engineVersion(),
	}
	record, found, err := ballot.Seal(ctx, s.People, result.repair.Criteria, o)
	var input *selection.InputError
	if errors.As(err, &input) && input.Field == "max_chance" {
		// With few ways to fill a seat somebody has to have a large chance.
		result.uncapped = true
		o.MaxChance = 0
		record, found, err = ballot.Seal(ctx, s.People, result.repair.Criteria, o)
	}
	if err != nil {
		return err
	}
	if record.Undrawn() {
		from := ballot.FromSeed(record, seed)
		if d := result.before.Certificate.Draw; d != nil {
			if d.Attempt == math.MaxInt {
				return exit(exitData, "the record's attempt %d has none after it: no draw made it", d.Attempt)
			}
			from.Attempt = d.Attempt + 1
		}
		if record, err = ballot.Draw(record, from); err != nil {
			return err
		}
	}
	result.record, result.lottery = record, found
	return nil
}

func (r *replacing) print(p *program, result *replacement) error {
	if r.asJSON {
		r.note(p, "this repair holds personal data")
		return writeReplacement(p, result)
	}
	t := &report{w: p.stdout, color: colorful(p.stdout)}
	t.replacement(result)
	return t.err
}

// replacement tells of a repair: exact or not, who comes in, what was certain
// before the draw, the rules.
func (t *report) replacement(r *replacement) {
	o := r.repair.Outcome
	gone := fmt.Sprintf("%s declined", people(len(r.declined)))
	switch {
	case o.Status == matcher.Infeasible:
		t.line("%s  %s, and no cohort keeps what must hold.", t.bold("IMPOSSIBLE"), gone)
		t.moves(r.repair.Moves)
		if inf := o.Infeasibility; len(inf.Closest) > 0 {
			t.line("")
			t.makeUp(inf.ClosestRules)
			t.line("")
			t.cohort("Closest cohort", inf.Closest, r.repair.Criteria.Include)
		}
		return
	case o.Status != matcher.Optimal || r.record == nil || len(r.record.Cohort) == 0:
		t.line("%s  %s. How well the seats can be filled was not proved: %s.", t.bold("NOT DECIDED"), gone, cutBy(o.Complete))
		return
	case r.repair.Exact:
		t.line("%s  %s, and the seats are filled with nothing lost.", t.bold("EXACT"), gone)
	default:
		t.line("%s  %s, and nobody can fill the seats without a loss. What is lost is proved least:", t.bold("NOT EXACT"), gone)
		t.moves(r.repair.Moves)
	}
	var in []string
	for _, id := range r.record.Cohort {
		if !slices.Contains(r.before.Cohort, id) {
			in = append(in, id)
		}
	}
	var out []string
	for _, id := range r.before.Cohort {
		if !slices.Contains(r.record.Cohort, id) {
			out = append(out, id)
		}
	}
	t.line("")
	t.line("out: %s", nobody(out))
	t.line("in:  %s", nobody(in))
	if l := &r.record.Lottery; l.Drawable() {
		t.line("")
		t.candidates(r)
		if r.uncapped {
			t.line("No lottery over so few people keeps the largest chance that was asked for: it was drawn without that limit.")
		}
	}
	t.line("")
	t.makeUp(r.record.Rules)
	t.line("")
	t.members(r.record, r.repair.Criteria.Include)
	t.line("")
	t.line("seed %s   lottery %s   attempt %d   record %s", r.record.Seed, strings.ToLower(r.record.Lottery.Method), r.attempt(), r.record.Digest)
}

func (r *replacement) attempt() int {
	if d := r.record.Certificate.Draw; d != nil {
		return d.Attempt
	}
	return 1
}

// candidates lists who could have been drawn.
func (t *report) candidates(r *replacement) {
	rows := [][]string{}
	for k, ids := range r.record.Lottery.Types {
		tickets := r.record.Lottery.Chances[k]
		for _, id := range ids {
			if tickets == 0 || slices.Contains(r.repair.Criteria.Include, id) {
				continue
			}
			rows = append(rows, []string{"  " + clean(id), rational(selection.Chance{Tickets: tickets, People: len(ids)}.Rat())})
		}
	}
	slices.SortStableFunc(rows, func(a, b []string) int {
		if d := strings.Compare(b[1], a[1]); d != 0 {
			return d
		}
		return strings.Compare(a[0], b[0])
	})
	const most = 30
	t.line("Could have been drawn (%d), with this chance:", len(rows))
	if len(rows) > most {
		t.line("  (the first %d)", most)
		rows = rows[:most]
	}
	t.table(rows, []bool{false, true}, func(int, int) string { return "" })
}

// moves tells what gives way.
func (t *report) moves(moves []selection.Move) {
	for _, m := range moves {
		var rules []string
		for _, s := range m.Rules {
			rules = append(rules, fmt.Sprintf("%s (%s, was %s)", ruleName(s.After), statusWords(s.After), statusWords(s.Before)))
		}
		named := strings.Join(rules, ", ")
		if priority, ok := strings.CutPrefix(m.Reason, selection.ExcludedByPriority); ok {
			t.line("  priority %s: deviation %d, and %d was good enough: %s", priority, m.Least, m.Limit, named)
			continue
		}
		switch m.Reason {
		case selection.ExcludedBySize:
			t.line("  size: at most %d, and it was %d", m.Least, m.Limit)
		case selection.ExcludedByMust:
			t.line("  rules that must hold would be off by %d in total: %s", m.Least, named)
		case selection.ExcludedByConditions:
			t.line("  these cannot hold together: %s", clean(strings.Join(m.Clash, " · ")))
		}
	}
}

// The repair as JSON.
type (
	replacementJSON struct {
		Status string          `json:"status"`
		Exact  bool            `json:"exact"`
		Moves  []moveJSON      `json:"moves"`
		Out    []string        `json:"out"`
		In     []string        `json:"in"`
		Record json.RawMessage `json:"record"` // null: nothing was drawn
	}
	moveJSON struct {
		Reason string      `json:"reason"`
		Limit  int64       `json:"limit"`
		Least  int64       `json:"least"`
		Rules  []shiftJSON `json:"rules"`
		Clash  []string    `json:"clash"`
	}
)

func writeReplacement(p *program, r *replacement) error {
	j := replacementJSON{Status: string(r.repair.Outcome.Status), Exact: r.repair.Exact, Moves: []moveJSON{}, Out: []string{}, In: []string{}, Record: json.RawMessage("null")}
	for _, m := range r.repair.Moves {
		j.Moves = append(j.Moves, moveJSON{m.Reason, m.Limit, m.Least, shiftsJSON(m.Rules), notNil(m.Clash)})
	}
	if r.record != nil {
		j.Record = r.record.AppendJSON(nil)
		for _, id := range r.before.Cohort {
			if !slices.Contains(r.record.Cohort, id) {
				j.Out = append(j.Out, id)
			}
		}
		for _, id := range r.record.Cohort {
			if !slices.Contains(r.before.Cohort, id) {
				j.In = append(j.In, id)
			}
		}
	}
	return writeLine(p, j)
}
