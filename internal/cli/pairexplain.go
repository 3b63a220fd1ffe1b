package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/openfairlead/fairlead/internal/poolfile"
	"github.com/openfairlead/fairlead/matcher/nearest"
	"github.com/openfairlead/fairlead/matcher/pairing"
)

// explainFlags are the flags of `fairlead pair` that ask more of a matching than
// its pairs.
type explainFlags struct {
	groups, audit, recruit, whyNot string
}

func (f *explainFlags) flags(fs *pflag.FlagSet) {
	fs.StringVar(&f.groups, "groups", "", "CSV `file` of mentee and attributes, such as county: say how each group was served; groups too small to show safely are left out")
	fs.StringVar(&f.audit, "audit", "", "write how groups were served as JSON to `file`")
	fs.StringVar(&f.recruit, "recruit", "", "CSV `file` of mentor and attributes, such as topics: say with whom one more seat would help most")
	fs.StringVar(&f.whyNot, "why-not", "", "say what it would cost to match `MENTEE,MENTOR`, and who would be displaced, instead of the pairs")
}

// files are the files that the flags name.
func (f *explainFlags) files() []string { return []string{f.groups, f.recruit} }

// check finds what is wrong with the flags before any file is read.
func (f *explainFlags) check(asCSV bool) error {
	switch {
	case f.whyNot != "" && asCSV:
		return usage("--why-not answers in words or with --json: leave out --csv")
	case f.audit != "" && f.groups == "":
		return usage("--audit writes how groups were served: name the groups with --groups")
	}
	if f.whyNot != "" {
		_, err := f.pair()
		return err
	}
	return nil
}

// pair reads --why-not.
func (f *explainFlags) pair() (pairing.Pair, error) {
	mentee, mentor, ok := strings.Cut(f.whyNot, ",")
	pair := pairing.Pair{Mentee: strings.TrimSpace(mentee), Mentor: strings.TrimSpace(mentor)}
	if !ok || pair.Mentee == "" || pair.Mentor == "" || strings.Contains(mentor, ",") {
		return pair, usage("--why-not %q: write MENTEE,MENTOR: the ids of the two", f.whyNot)
	}
	return pair, nil
}

// asked is what the flags ask, read and ready.
type asked struct {
	mentees, mentors []pairing.Grouping
	pair             *pairing.Pair
}

// read reads the files, and tells of a mentee or mentor who is not matched at all.
func (f *explainFlags) read(p *program, problem *pairing.Problem) (*asked, error) {
	var menteeIDs, mentorIDs []string
	for _, e := range problem.Mentees {
		menteeIDs = append(menteeIDs, e.ID)
	}
	for _, o := range problem.Mentors {
		mentorIDs = append(mentorIDs, o.ID)
	}
	a := &asked{}
	var problems []error
	var err error
	if a.mentees, err = readGroups(p, f.groups, "mentee", menteeIDs); err != nil {
		problems = append(problems, err)
	}
	if a.mentors, err = readGroups(p, f.recruit, "mentor", mentorIDs); err != nil {
		problems = append(problems, err)
	}
	if f.whyNot != "" {
		pair, err := f.pair()
		if err != nil {
			return nil, err
		}
		if !slices.Contains(menteeIDs, pair.Mentee) {
			problems = append(problems, fmt.Errorf("--why-not: %q is no mentee%s", pair.Mentee, nearest.Hint(pair.Mentee, menteeIDs)))
		}
		if !slices.Contains(mentorIDs, pair.Mentor) {
			problems = append(problems, fmt.Errorf("--why-not: %q is no mentor%s", pair.Mentor, nearest.Hint(pair.Mentor, mentorIDs)))
		}
		a.pair = &pair
	}
	if len(problems) > 0 {
		return nil, data(errors.Join(problems...))
	}
	return a, nil
}

// readGroups reads a file of groups. Whoever is not in it did not say; somebody in
// it whom nobody knows is a slip of the pen.
func readGroups(p *program, name, who string, ids []string) ([]pairing.Grouping, error) {
	if name == "" {
		return nil, nil
	}
	file, err := readFile(p, name, func(name string, r io.Reader) (*poolfile.Groups, error) { return poolfile.ReadGroups(name, r, who) })
	if err != nil {
		return nil, err
	}
	at := make(map[string]int, len(ids))
	for k, id := range ids {
		at[id] = k
	}
	groupings := make([]pairing.Grouping, len(file.Attributes))
	for k, attribute := range file.Attributes {
		groupings[k] = pairing.Grouping{Attribute: attribute, Of: make([][]string, len(ids))}
	}
	var problems []error
	const most = 20
	for _, one := range file.People {
		k, ok := at[one.ID]
		if !ok {
			if len(problems) < most {
				problems = append(problems, fmt.Errorf("%s:%d: %s", name, one.Line, poolfile.Missing(one.ID, ids)))
			}
			continue
		}
		for n, values := range one.Values {
			groupings[n].Of[k] = values
		}
	}
	return groupings, errors.Join(problems...)
}

// explained is what was found out about a matching.
type explained struct {
	audit       *pairing.EquityAudit
	recruitment *pairing.Recruitment
	forced      *pairing.Forced
	blocked     []string // rules that keep the pair of forced apart
}

// explain finds out what was asked. rules may be nil. What a search that was
// stopped had found is told of too.
func (a *asked) explain(ctx context.Context, p *pairing.Problem, r *pairing.Result, rules *pairing.HardRules) (*explained, error) {
	x := &explained{}
	var err error
	if x.audit, err = pairing.AuditEquity(context.WithoutCancel(ctx), p, r, a.mentees, pairing.AuditOptions{Rules: rules}); err != nil {
		return nil, err
	}
	if a.mentors != nil && r.Status == pairing.Optimal {
		if x.recruitment, err = pairing.Recruit(context.WithoutCancel(ctx), p, r, pairing.RecruitOptions{Mentors: a.mentors}); err != nil {
			return nil, err
		}
	}
	if a.pair == nil {
		return x, nil
	}
	x.forced, err = pairing.WhyNot(ctx, r, *a.pair)
	switch {
	case ctx.Err() != nil:
		return nil, &exitError{code: exitInterrupted}
	case errors.Is(err, pairing.ErrNoProof):
		return nil, exit(exitUnproved, "--why-not: the matching was not proved best in the work or time given, so nothing can be said of what is worse")
	case err != nil:
		return nil, err
	case x.forced.BarMoves:
		if err := x.exactly(ctx, p, r); err != nil {
			return nil, err
		}
	}
	if x.forced.Score < 0 {
		x.blocked = blockedBy(p, rules, *a.pair)
	}
	return x, nil
}

// exactly solves again with the pair: the threshold of worst is another one then.
func (x *explained) exactly(ctx context.Context, p *pairing.Problem, r *pairing.Result) error {
	c, err := pairing.CostOf(ctx, p, r, []pairing.Edit{{Kind: pairing.LockPair, Pair: x.forced.Pair}}, pairing.Options{})
	if err != nil {
		return err
	}
	if c.After.Status != pairing.Optimal {
		return exit(exitUnproved, "--why-not: the search with the pair was cut before it was proved best")
	}
	x.forced.Terms, x.forced.Displaced = c.Terms, nil
	before, after := mentorsOf(r), mentorsOf(c.After)
	for _, e := range p.Mentees {
		if b, a := before[e.ID], after[e.ID]; !slices.Equal(b, a) {
			d := pairing.Displaced{Mentee: e.ID, Before: b, After: a}
			if e.ID == x.forced.Pair.Mentee {
				x.forced.Displaced = slices.Insert(x.forced.Displaced, 0, d)
			} else {
				x.forced.Displaced = append(x.forced.Displaced, d)
			}
		}
	}
	return nil
}

func mentorsOf(r *pairing.Result) map[string][]string {
	of := map[string][]string{}
	for _, m := range r.Matches {
		of[m.Mentee] = append(of[m.Mentee], m.Mentor)
	}
	return of
}

// blockedBy names the rules that keep a pair apart.
func blockedBy(p *pairing.Problem, rules *pairing.HardRules, pair pairing.Pair) []string {
	var names []string
	if rules != nil {
		j := slices.IndexFunc(p.Mentees, func(e pairing.Mentee) bool { return e.ID == pair.Mentee })
		i := slices.IndexFunc(p.Mentors, func(o pairing.Mentor) bool { return o.ID == pair.Mentor })
		masks := make([]uint64, len(p.Mentors))
		rules.Rows.Blocked(j, masks)
		for k, name := range rules.Names {
			if masks[i]>>k&1 > 0 {
				names = append(names, name)
			}
		}
	}
	if slices.Contains(p.Forbidden, pair) {
		names = append(names, pairing.ForbiddenPairs)
	}
	return names
}

// write writes the audit.
func (x *explained) write(name string, force bool) error {
	b, err := auditFile(x.audit)
	if err != nil {
		return err
	}
	return writeNew(name, b, force)
}

// more tells what there is to tell beside the pairs.
func (t *report) more(x *explained) {
	t.audit(x.audit)
	if x.recruitment != nil {
		t.recruitment(x.recruitment)
	}
}

// audit tells how groups were served.
func (t *report) audit(a *pairing.EquityAudit) {
	if len(a.Attributes) == 0 {
		if g := a.All; !g.Suppressed {
			t.line("mean score %.1f, whoever has no mentor counted as 0; --groups FILE compares groups", g.MeanScore())
		}
		return
	}
	t.line("%s", t.bold("How groups were served"))
	if a.All.Suppressed {
		t.line("  fewer than %d mentees want a mentor: too few to show safely", a.Smallest)
		t.line("")
		return
	}
	t.line("  Whoever has no mentor counts with a score of 0. What a mentee misses is how far")
	t.line("  their score is below the best they have with anybody who has a seat.")
	t.line("")
	rows := [][]string{{"  GROUP", "MENTEES", "WITH A MENTOR", "MEAN SCORE", "MISSED", "MENTORS TO CHOOSE FROM", "OF THE BEST GROUP'S COVERAGE", "SCORE"}}
	row := func(name string, g *pairing.GroupAudit, all bool) {
		if g.Suppressed {
			rows = append(rows, []string{name, "", "", "", "", "too few to show safely", "", ""})
			return
		}
		cells := []string{name, fmt.Sprint(g.Mentees), percent(g.Coverage()), fmt.Sprintf("%.1f", g.MeanScore()), fmt.Sprintf("%.1f", g.MeanRegret()), fmt.Sprintf("%.1f", g.MeanOpportunity()), "", ""}
		if !all {
			cells[6], cells[7] = percent(float64(g.CoverageRatio)/1000), percent(float64(g.ScoreRatio)/1000)
		}
		rows = append(rows, cells)
	}
	row("  everybody", &a.All, true)
	hidden := false
	for _, attribute := range a.Attributes {
		for k := range attribute.Groups {
			g := &attribute.Groups[k]
			name := g.Name
			if name == "" {
				name = "did not say"
			}
			row("  "+clean(attribute.Attribute)+": "+clean(name), g, false)
			hidden = hidden || g.Suppressed
		}
	}
	t.table(rows, []bool{false, true, true, true, true, true, true, true}, func(int, int) string { return "" })
	if hidden {
		t.line("  Groups of fewer than %d, and others that would give them away, are left out.", a.Smallest)
	}
	for _, attribute := range a.Attributes {
		for _, g := range attribute.Groups {
			if g.Gap != nil {
				t.line("  %s", gapWords(attribute.Attribute, g))
			}
		}
	}
	t.line("")
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

func gapWords(attribute string, g pairing.GroupAudit) string {
	name := clean(g.Name)
	if g.Name == "" {
		name = "did not say"
	}
	words := fmt.Sprintf("%s: %s is behind, and the rule %q holds it back: ", clean(attribute), name, g.Gap.Rule)
	if g.Gap.Serves > 0 {
		return words + fmt.Sprintf("without it %d of the group who have no mentor could each have one.", g.Gap.Serves)
	}
	return words + fmt.Sprintf("it alone rules out %.1f mentors for each of the group, more than for others.", float64(g.Gap.Blocked)/float64(g.Mentees))
}

// recruitment tells with whom one more seat would help most.
func (t *report) recruitment(r *pairing.Recruitment) {
	t.line("%s", t.bold("Whom to recruit"))
	if len(r.Seats) == 0 {
		t.line("  One more seat of nobody who is there would make the matching better.")
		t.line("")
		return
	}
	rows := [][]string{{"  ONE MORE SEAT WITH", "MENTORS", "SEATS", "BRINGS AT MOST"}}
	attribute, shown := "", 0
	const most = 8
	for _, g := range r.Groups {
		if g.Attribute != attribute {
			attribute, shown = g.Attribute, 0
		}
		words := worthWords(r.Tiers, g.Worth)
		if shown++; shown > most || words == "" {
			continue
		}
		rows = append(rows, []string{"  " + clean(g.Attribute) + ": " + clean(g.Group), fmt.Sprint(g.Mentors), fmt.Sprint(g.Seats), words})
	}
	t.table(rows, []bool{false, true, true, false}, func(int, int) string { return "" })
	t.line("")
}

// worthWords says what a gain is, tier by tier; "" if it is none.
func worthWords(tiers []pairing.Tier, worth []int64) string {
	var words []string
	for k, tier := range tiers {
		n := worth[k]
		switch {
		case n == 0:
			continue
		case tier.Kind == pairing.KindCover && tier.Number == 1:
			words = append(words, fmt.Sprintf("%s with a mentor", moreOf(n, "mentee")))
		case tier.Kind == pairing.KindCover:
			words = append(words, fmt.Sprintf("%s with %d mentors", moreOf(n, "mentee"), tier.Number))
		case tier.Kind == pairing.KindWaiting:
			words = append(words, fmt.Sprintf("%s of those left over before", moreOf(n, "mentee")))
		case tier.Kind == pairing.KindTotal:
			words = append(words, fmt.Sprintf("%+d in score", n))
		case tier.Kind == pairing.KindBand:
			words = append(words, fmt.Sprintf("%s with a score of at most %d", moreOf(-n, "pair"), tier.Number))
		}
	}
	return strings.Join(words, ", ")
}

// moreOf is "2 mentees more" or "1 mentee less".
func moreOf(n int64, noun string) string {
	if n < 0 {
		return count(int(-n), noun) + " less"
	}
	return count(int(n), noun) + " more"
}

// whyNot tells what matching two people would cost.
func (t *report) whyNot(x *explained, p *pairing.Problem) {
	w := x.forced
	who := t.bold(clean(w.Pair.Mentee) + " with " + clean(w.Pair.Mentor))
	switch {
	case w.Matched:
		t.line("%s  is a pair of the matching, with a score of %d.", who, w.Score)
		return
	case w.Score < 0 && len(x.blocked) > 0:
		var rules []string
		for _, name := range x.blocked {
			rules = append(rules, ruleNamed(name))
		}
		t.line("%s  not eligible: kept apart by %s.", who, strings.Join(rules, ", "))
		return
	case w.Score < 0:
		t.line("%s  not eligible: the pair has no score.", who)
		return
	case !w.Possible:
		t.line("%s  no place: %s.", who, noPlace(p, w.Pair))
		return
	}
	t.line("%s  not matched; the pair would score %d.", who, w.Score)
	t.line("")
	var words []string
	for _, c := range w.Terms {
		if c.Before != c.After {
			words = append(words, termWords(c))
		}
	}
	if len(words) == 0 {
		t.line("It would cost nothing: a matching that is as good has the pair, and the seed decided.")
	} else {
		t.line("What the whole would be with the pair, at best, most important first:")
		for _, line := range words {
			t.line("  %s", line)
		}
	}
	t.line("")
	t.line("Who would have other mentors:")
	rows := [][]string{}
	for _, d := range w.Displaced {
		rows = append(rows, []string{"  " + clean(d.Mentee), mentorWords(d.Before), "→", mentorWords(d.After)})
	}
	t.table(rows, []bool{false, false, false, false}, func(int, int) string { return "" })
}

func noPlace(p *pairing.Problem, pair pairing.Pair) string {
	for _, e := range p.Mentees {
		if e.ID == pair.Mentee && e.Demand == 0 {
			return "the mentee wants no mentor"
		}
	}
	for _, o := range p.Mentors {
		if o.ID == pair.Mentor && o.Seats == 0 {
			return "the mentor has no seat"
		}
	}
	return "all that the mentee wants, or all seats of the mentor, are locked"
}

func mentorWords(list []string) string {
	if len(list) == 0 {
		return "nobody"
	}
	return cleanList(list)
}

// termWords says what becomes of a term.
func termWords(c pairing.TermChange) string {
	fromTo := fmt.Sprintf("%d instead of %d", c.After, c.Before)
	switch c.Term {
	case pairing.Cover:
		return "mentees with a mentor: " + fromTo
	case pairing.Cover2:
		return "mentees with at least 2 mentors: " + fromTo
	case pairing.Cover3:
		return "mentees with at least 3 mentors: " + fromTo
	case pairing.Worst:
		return "the best pair of whoever is served worst scores " + fromTo
	case pairing.Bands:
		return "pairs in the bands of low scores: " + fromTo
	case pairing.Total:
		return "sum of scores: " + fromTo
	}
	return "cost of uneven loads: " + fromTo
}

// What --why-not --json prints, and --audit writes.
type (
	whyNotJSON struct {
		Mentee   string        `json:"mentee"`
		Mentor   string        `json:"mentor"`
		Score    int           `json:"score"` // -1: not eligible
		Blocked  []string      `json:"blocked"`
		Matched  bool          `json:"matched"`
		Possible bool          `json:"possible"`
		Bound    []tierJSON    `json:"bound"` // what is lost at the least, tier by tier
		Terms    []termJSON    `json:"terms"`
		Changes  []mentorsJSON `json:"changes"`
	}
	tierJSON struct {
		Kind   string `json:"kind"`
		Number int    `json:"number"`
		Value  int64  `json:"value"`
	}
	termJSON struct {
		Term   string `json:"term"`
		Before int64  `json:"before"`
		After  int64  `json:"after"`
	}
	mentorsJSON struct {
		Mentee string   `json:"mentee"`
		Before []string `json:"before"`
		After  []string `json:"after"`
	}
	auditJSON struct {
		Smallest   int             `json:"smallest"`
		Everybody  servedJSON      `json:"everybody"`
		Attributes []attributeJSON `json:"attributes"`
	}
	attributeJSON struct {
		Attribute string       `json:"attribute"`
		Groups    []servedJSON `json:"groups"`
	}
	servedJSON struct {
		Name          string   `json:"name"`
		Suppressed    bool     `json:"suppressed"`
		Mentees       int      `json:"mentees"`
		Covered       int      `json:"covered"`
		Score         int64    `json:"score"`
		Regret        int64    `json:"regret"`
		Opportunity   int64    `json:"opportunity"`
		CoverageRatio int      `json:"coverageRatio"` // thousandths of the best group's
		ScoreRatio    int      `json:"scoreRatio"`
		Gap           *gapJSON `json:"gap"`
	}
	gapJSON struct {
		Rule    string `json:"rule"`
		Serves  int    `json:"serves"`
		Blocked int64  `json:"blocked"`
	}
)

func (x *explained) whyNotJSON() whyNotJSON {
	w := x.forced
	j := whyNotJSON{
		Mentee: w.Pair.Mentee, Mentor: w.Pair.Mentor, Score: w.Score, Blocked: notNil(x.blocked), Matched: w.Matched, Possible: w.Possible,
		Bound: []tierJSON{}, Terms: []termJSON{}, Changes: []mentorsJSON{},
	}
	for _, v := range w.Bound {
		j.Bound = append(j.Bound, tierJSON{v.Tier.Kind.String(), v.Tier.Number, v.Value})
	}
	for _, c := range w.Terms {
		j.Terms = append(j.Terms, termJSON{c.Term.String(), c.Before, c.After})
	}
	for _, d := range w.Displaced {
		j.Changes = append(j.Changes, mentorsJSON{d.Mentee, notNil(d.Before), notNil(d.After)})
	}
	return j
}

func groupOf(g pairing.GroupAudit) servedJSON {
	j := servedJSON{
		Name: g.Name, Suppressed: g.Suppressed, Mentees: g.Mentees, Covered: g.Covered, Score: g.Score, Regret: g.Regret,
		Opportunity: g.Opportunity, CoverageRatio: g.CoverageRatio, ScoreRatio: g.ScoreRatio,
	}
	if g.Gap != nil {
		j.Gap = &gapJSON{g.Gap.Rule, g.Gap.Serves, g.Gap.Blocked}
	}
	return j
}

// auditFile is an audit as --audit writes it.
func auditFile(a *pairing.EquityAudit) ([]byte, error) {
	j := auditJSON{Smallest: a.Smallest, Everybody: groupOf(a.All), Attributes: []attributeJSON{}}
	for _, attribute := range a.Attributes {
		one := attributeJSON{Attribute: attribute.Attribute, Groups: []servedJSON{}}
		for _, g := range attribute.Groups {
			one.Groups = append(one.Groups, groupOf(g))
		}
		j.Attributes = append(j.Attributes, one)
	}
	b, err := json.Marshal(j)
	return append(b, '\n'), err
}
