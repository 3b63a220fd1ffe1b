package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/openfairlead/fairlead/internal/poolfile"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/nearest"
	"github.com/openfairlead/fairlead/matcher/pairing"
)

// boundFlags are the flags of `fairlead pair` about what was promised: to groups,
// and to pairs that were proposed already.
type boundFlags struct {
	floors, floorsBy string
	standing         string
	stickiness       int
}

func (b *boundFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&b.floors, "floors", "", "CSV `file` of group,covered: at least so many mentees of a group of --groups must have a mentor")
	f.StringVar(&b.floorsBy, "floors-by", "", "`attribute` of --groups that --floors is about (default: the only one there)")
	f.StringVar(&b.standing, "standing", "", "CSV `file` of mentee,mentor: pairs that were proposed already; --stickiness says how much they count more")
	f.IntVar(&b.stickiness, "stickiness", 100, fmt.Sprintf("`points` that a standing pair counts more in total, 0 to %d", pairing.MaxStickiness))
}

func (b *boundFlags) files() []string { return []string{b.floors, b.standing} }

// check finds what is wrong with the flags before any file is read.
func (b *boundFlags) check(set func(string) bool, groups string) error {
	switch {
	case b.floors != "" && groups == "":
		return usage("--floors is about groups: name their file with --groups")
	case b.floorsBy != "" && b.floors == "":
		return usage("--floors-by names what --floors is about: name the file with --floors")
	case set("stickiness") && b.standing == "":
		return usage("--stickiness is for pairs that stand: name them with --standing")
	case b.stickiness < 0 || b.stickiness > pairing.MaxStickiness:
		return usage("--stickiness %d: it must be from 0 to %d", b.stickiness, pairing.MaxStickiness)
	}
	return nil
}

// readFloors puts the floors into the problem. A group is a value of one attribute,
// and nobody is in two of those that have a floor.
func (m *pairsUp) readFloors(p *program, q *matchQuestion, groupings []pairing.Grouping) error {
	if m.bounds.floors == "" {
		return nil
	}
	by, err := m.bounds.attribute(groupings)
	if err != nil {
		return err
	}
	file := m.bounds.floors
	list, err := readFile(p, file, func(name string, r io.Reader) ([]poolfile.Count, error) {
		return poolfile.ReadCounts(name, r, "group", "covered", len(q.problem.Mentees))
	})
	if err != nil {
		return data(err)
	}
	var values []string
	for _, of := range by.Of {
		values = append(values, of...)
	}
	slices.Sort(values)
	values = slices.Compact(values)
	asked := map[string]bool{}
	var problems []error
	for _, floor := range list {
		asked[floor.ID] = true
		if !slices.Contains(values, floor.ID) {
			problems = append(problems, fmt.Errorf("%s:%d: column \"group\": nobody's %s is %q%s", file, floor.Line, clean(by.Attribute), floor.ID, nearest.Hint(floor.ID, values)))
		}
		q.problem.Floors = append(q.problem.Floors, pairing.Floor{Group: floor.ID, Covered: floor.Number})
		q.lines["floors"] = append(q.lines["floors"], fmt.Sprintf("%s:%d", file, floor.Line))
	}
	for j, of := range by.Of {
		var in []string
		for _, value := range of {
			if asked[value] {
				in = append(in, value)
			}
		}
		switch len(in) {
		case 0:
		case 1: // the record names groups: none that no floor asks for
			q.problem.Mentees[j].Group = in[0]
		default:
			problems = append(problems, fmt.Errorf("%s: %q has several values of %s that have a floor: %s. Floors are about groups that share nobody", m.explain.groups, q.problem.Mentees[j].ID, clean(by.Attribute), cleanList(in)))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return data(err)
	}
	return nil
}

func (b *boundFlags) attribute(groupings []pairing.Grouping) (*pairing.Grouping, error) {
	var names []string
	for k := range groupings {
		names = append(names, groupings[k].Attribute)
		if strings.EqualFold(groupings[k].Attribute, b.floorsBy) || b.floorsBy == "" && len(groupings) == 1 {
			return &groupings[k], nil
		}
	}
	if b.floorsBy == "" {
		return nil, usage("--groups has the attributes %s: say with --floors-by which of them --floors is about", cleanList(names))
	}
	return nil, usage("--floors-by %q: --groups has no such attribute%s", b.floorsBy, nearest.Hint(b.floorsBy, names))
}

// checkStanding refuses a pair that stands and may not be: it would count as if it
// were not there.
func (q *matchQuestion) checkStanding() error {
	place := map[string]int{}
	for i, o := range q.problem.Mentors {
		place[o.ID] = i
	}
	row := make([]int16, len(q.problem.Mentors))
	var problems []error
	for k, pair := range q.problem.Standing {
		j := slices.IndexFunc(q.problem.Mentees, func(e pairing.Mentee) bool { return e.ID == pair.Mentee })
		q.problem.Scores.Row(j, row)
		if row[place[pair.Mentor]] < 0 {
			problems = append(problems, fmt.Errorf("%s: the pair of %q and %q is not eligible: it cannot stand", q.lines["standing"][k], pair.Mentee, pair.Mentor))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return data(err)
	}
	return nil
}

// floors tells how many of each group have a mentor whom a floor is about.
func (t *report) floors(r *matcher.Matching) {
	if len(r.Input.Groups) == 0 {
		return
	}
	served := map[string]bool{}
	for _, x := range r.Pairs {
		served[x.Mentee] = true
	}
	for _, g := range r.Input.Groups {
		n := 0
		for _, e := range r.Input.Mentees {
			if e.Group == g.Group && served[e.ID] {
				n++
			}
		}
		words := ""
		if n < g.Floor {
			words = fmt.Sprintf(": %d too few", g.Floor-n)
		}
		t.line("  %s: %d with a mentor, at least %d asked for%s", clean(g.Group), n, g.Floor, words)
	}
}
