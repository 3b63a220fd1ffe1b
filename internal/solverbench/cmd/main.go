// The command compares the integer solver of this repository with HiGHS and
// CBC and writes the figures. See docs/solver.md.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/openfairlead/fairlead/internal/solverbench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "solverbench:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("solverbench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "", "folder for instances, results of other solvers and their Python environment (default: in the user's cache)")
	families := flags.String("families", "", "only families with one of these words in their name, comma-separated")
	sizes := flags.String("sizes", "", "only sizes with one of these words in their name, such as 1700x15")
	peers := flags.String("peers", "", "only these of highspy, scipy, cbc; \"none\" for no other solver")
	seeds := flags.Int("seeds", len(solverbench.Seeds), "how many of the fixed seeds")
	limit := flags.Duration("limit", time.Minute, "for one instance")
	report := flags.String("report", "", "also write the figures to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not expected; there are only flags", flags.Arg(0))
	}
	if *seeds < 1 || *seeds > len(solverbench.Seeds) {
		return fmt.Errorf("-seeds %d: there are 1 to %d", *seeds, len(solverbench.Seeds))
	}
	if *limit < time.Second {
		return fmt.Errorf("-limit %v: at least 1s", *limit)
	}
	o := solverbench.Options{Dir: *dir, Seeds: solverbench.Seeds[:*seeds], Limit: *limit, Log: stderr}
	if o.Dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("no cache folder (give one with -dir): %w", err)
		}
		o.Dir = filepath.Join(cache, "fairlead", "solverbench")
	}
	var err error
	if o.Families, err = solverbench.Choose(solverbench.Families, *families, func(f solverbench.Family) string { return string(f) }); err != nil {
		return fmt.Errorf("-families: %w", err)
	}
	if o.Sizes, err = solverbench.Choose(solverbench.Sizes, *sizes, solverbench.Size.String); err != nil {
		return fmt.Errorf("-sizes: %w", err)
	}
	if *peers != "none" {
		if o.Peers, err = solverbench.Choose(solverbench.Peers, *peers, func(s solverbench.Solver) string { return string(s) }); err != nil {
			return fmt.Errorf("-peers: %w", err)
		}
	}
	c, err := solverbench.Run(ctx, o)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	command := strings.Join(append([]string{"go run ./internal/solverbench/cmd"}, args...), " ")
	if err := c.Report(&text, command); err != nil {
		return err
	}
	if _, err := stdout.Write(text.Bytes()); err != nil {
		return err
	}
	if *report != "" {
		if err := os.WriteFile(*report, text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if list := c.Mismatches(); len(list) > 0 {
		return fmt.Errorf("%d results differ", len(list))
	}
	return nil
}
