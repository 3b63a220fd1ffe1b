package cli

import (
	"bytes"
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/internal/poolfile"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// targeting is `fairlead targets`.
type targeting struct {
	benchmark   string
	size, width int
	priority    string
	out         string
	force       bool
}

func (p *program) targetsCommand() *cobra.Command {
	t := &targeting{}
	cmd := &cobra.Command{
		Use:   "targets --benchmark FILE --size N",
		Short: "Write rules from the shares that groups have of a population",
		Long: `Targets reads the shares that groups have of a population (feature,value,share,
with shares such as 0.125 or 12.5%) and writes a rules file for select and check:
for each group the whole numbers around its share of the size, widened on both
sides by --width. docs/selecting.md has an example.`,
		Example: "  fairlead targets --benchmark census.csv --size 15 --width 1 > rules.csv",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return t.run(p) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&t.benchmark, "benchmark", "", "CSV `file` of the shares: feature,value,share; - for stdin")
	f.IntVar(&t.size, "size", 0, "people wanted")
	f.IntVar(&t.width, "width", 0, "how many people more or less will do")
	f.StringVar(&t.priority, "priority", "", "`must` (the default), or 1 to 9: what the rules are")
	f.StringVar(&t.out, "out", "", "write the rules to `file`")
	f.BoolVar(&t.force, "force", false, "overwrite the file of --out")
	return cmd
}

func (t *targeting) run(p *program) error {
	priority := strings.ToLower(t.priority)
	g, err := strconv.Atoi(priority)
	switch {
	case t.benchmark == "":
		return usage("name the file of the shares with --benchmark")
	case t.size < 1:
		return usage("say with --size how many people are wanted: 1 or more")
	case t.size > selection.MaxSize:
		return usage("--size %d: at most %d can be handled", t.size, selection.MaxSize)
	case t.width < 0 || t.width > t.size:
		return usage("--width %d: it must be from 0 to the size", t.width)
	case priority != "" && priority != "must" && (err != nil || g < 1 || g > matcher.MaxPriority):
		return usage("--priority %q: it is must, or 1 to %d", t.priority, matcher.MaxPriority)
	case t.force && t.out == "":
		return usage("--force means the file of --out: name it")
	}
	if t.out != "" {
		if err := mayWrite(t.out, t.force, t.benchmark); err != nil {
			return err
		}
	}
	shares, err := readFile(p, t.benchmark, func(name string, r io.Reader) ([]poolfile.Share, error) {
		return poolfile.ReadShares(name, r)
	})
	if err != nil {
		return data(err)
	}
	rows := [][]string{{"feature", "value", "min", "max"}}
	for _, s := range shares {
		least, most := s.Window(t.size, t.width)
		rows = append(rows, []string{s.Feature, s.Value, strconv.Itoa(least), strconv.Itoa(most)})
	}
	if g > 0 {
		rows[0] = append(rows[0], "priority")
		for i := range rows[1:] {
			rows[i+1] = append(rows[i+1], priority)
		}
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		return err
	}
	if t.out != "" {
		return writeNew(t.out, b.Bytes(), t.force)
	}
	_, err = p.stdout.Write(b.Bytes())
	return err
}
