// The command measures the matcher on generated networks and beside other solvers.
// See docs/matching.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/openfairlead/fairlead/internal/pairbench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "pairbench:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("pairbench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	families := flags.String("families", strings.Join(pairbench.Families, ","), "comma list of the families to measure")
	sizes := flags.String("sizes", "10000x3000", "comma list of mentees x mentors")
	demand := flags.Int("demand", 1, "mentors that each mentee wants")
	capacity := flags.Int("capacity", 3, "seats of each mentor; in network, a factor of 1 to 4 seats")
	check := flags.Bool("check", true, "check the proof over all eligible pairs too")
	declines := flags.Int("declines", 0, "let so many mentees decline, one after the other by the library, each alone as the service mends it, and tell the slowest")
	whyNots := flags.Int("why-not", 0, "ask for so many pairs what each would cost, and tell the slowest answers")
	one := flags.Bool("one", false, "measure one family and size in this process, for its memory")
	python := flags.String("compare", "", "instead, solve assignments here and with the scipy of this `python`; solverbench: of the one that it installed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not expected; there are only flags", flags.Arg(0))
	}
	if *python == "solverbench" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		*python = filepath.Join(cache, "fairlead", "solverbench", "python", "bin", "python")
	}
	if *python != "" {
		return compare(ctx, *python, stdout)
	}
	if !*one {
		fmt.Fprintf(stdout, "GOMAXPROCS %d, %s\n\n", runtime.GOMAXPROCS(0), runtime.Version())
		fmt.Fprintln(stdout, "| family | mentees × mentors, demand, capacity | eligible pairs | CPU | wall | peak of memory | record | check | why not | solved from nearby | decline, slowest | :rematch, slowest | covered | pairs | total | worst |")
		fmt.Fprintln(stdout, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	}
	for family := range strings.SplitSeq(*families, ",") {
		for size := range strings.SplitSeq(*sizes, ",") {
			mentees, mentors, ok := strings.Cut(size, "x")
			nJ, err := strconv.Atoi(mentees)
			nI, also := strconv.Atoi(mentors)
			if !ok || err != nil || also != nil {
				return fmt.Errorf("-sizes %q: write mentees x mentors, such as 500x500", size)
			}
			if !*one { // a process for each: memory is that of one problem
				cmd := exec.CommandContext(ctx, os.Args[0], "-one", "-families", family, "-sizes", size, "-demand", strconv.Itoa(*demand), "-capacity", strconv.Itoa(*capacity), fmt.Sprintf("-check=%v", *check), "-why-not", strconv.Itoa(*whyNots), "-declines", strconv.Itoa(*declines))
				cmd.Stdout, cmd.Stderr = stdout, stderr
				if err := cmd.Run(); err != nil {
					return fmt.Errorf("%s %s: %w", family, size, err)
				}
				continue
			}
			c := *capacity
			if family == "network" && c == 3 {
				c = 1 // 1 to 4 seats, two and a half on average
			}
			p, err := pairbench.Generate(family, pairbench.Size{Mentees: nJ, Mentors: nI, Demand: *demand, Capacity: c})
			if err != nil {
				return err
			}
			m, err := pairbench.Measure(ctx, p, *check, *whyNots, *declines)
			if err != nil {
				return err
			}
			fmt.Fprintf(stdout, "| %s | %d × %d, %d, %d | %d | %s | %s | %d MiB | %s | %s | %s | %s | %s | %s | %d | %d | %d | %d |\n",
				family, nJ, nI, *demand, c, m.Eligible, short(m.Solve), short(m.Wall), m.Resident>>20, short(m.Record), short(m.Check), short(m.WhyNot), short(m.CostOf), short(m.Decline), short(m.Rematch), m.Covered, m.Pairs, m.Total, m.Worst)
		}
	}
	return nil
}

// compare prints a table of assignments solved here and by scipy.
func compare(ctx context.Context, python string, stdout io.Writer) error {
	fmt.Fprintf(stdout, "GOMAXPROCS %d, %s\n\n", runtime.GOMAXPROCS(0), runtime.Version())
	fmt.Fprintln(stdout, "| assignment | optimum | CPU here | searches alone | CPU of scipy | ratio | of the searches | here with every term and the seed |")
	fmt.Fprintln(stdout, "|---|---|---|---|---|---|---|---|")
	for _, kind := range []string{"dense", "sparse"} {
		for _, shape := range []string{"uniform", "geometric"} {
			c, err := pairbench.Compare(ctx, python, kind, shape)
			if err != nil {
				return err
			}
			fmt.Fprintf(stdout, "| %s | %d | %s | %s | %s (%s) | %.1f | %.1f | %s |\n", c.Instance, c.Total, short(c.Ours), short(c.Searches), short(c.Theirs), c.Version, float64(c.Theirs)/float64(c.Ours), float64(c.Theirs)/float64(c.Searches), short(c.EverythingToo))
		}
	}
	return nil
}

func short(d time.Duration) string {
	if d < 100*time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
