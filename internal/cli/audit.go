package cli

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
)

// auditCommand is `fairlead audit`.
func (p *program) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Check the audit log of this machine's installation",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.auditVerifyCommand())
	return cmd
}

func (p *program) auditVerifyCommand() *cobra.Command {
	var at place
	var since string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Recompute the whole audit log and name the first record that was changed",
		Long: "Recompute the whole audit log and name the first record that was changed.\n\n" +
			"Prints SIZE:ROOT. Note it down outside the database: a later `--since SIZE:ROOT`\n" +
			"also proves that the log of then was only added to, not cut off or replaced.\n" +
			"Exit code 6: something was changed.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			earlier, err := parseCheckpoint(since)
			if err != nil {
				return err
			}
			in, err := at.open(cmd.Context(), slog.New(slog.DiscardHandler), false)
			if err != nil {
				return brokenLog(err)
			}
			defer in.store.Close()
			report, err := audit.Verify(cmd.Context(), in.store, earlier)
			if err != nil {
				return brokenLog(err)
			}
			fmt.Fprintf(p.stdout, "%d:%s\n", report.Size, report.Root)
			p.note("%d records, all as they were written", report.Size)
			if report.ErasedReasons > 0 {
				p.note("the reasons of %d records were erased; their digests verify", report.ErasedReasons)
			}
			runs, err := in.service.VerifyRuns(cmd.Context())
			if err != nil {
				return brokenLog(err)
			}
			if runs.Runs > 0 {
				p.note("%s, each from the input that it was frozen with", count(runs.Runs, "run"))
			}
			if runs.Erased > 0 {
				p.note("%s erased, in %s: what needs them, that the rules are kept and the result is the best one, is not checked there", entries(runs.Erased), count(runs.Unchecked, "run"))
			}
			return nil
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVar(&since, "since", "", "SIZE:ROOT that an earlier check printed")
	return cmd
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// brokenLog gives damage its own exit code.
func brokenLog(err error) error {
	switch applications.ReasonOf(err) {
	case "AUDIT_BROKEN", "RUN_BROKEN":
		return &exitError{exitUnverified, err}
	}
	return err
}

func parseCheckpoint(text string) (*audit.Checkpoint, error) {
	if text == "" {
		return nil, nil
	}
	size, root, ok := strings.Cut(text, ":")
	n, err := strconv.ParseInt(size, 10, 64)
	if !ok || err != nil || n < 0 {
		return nil, exit(exitUsage, "--since: %q is not SIZE:ROOT as `fairlead audit verify` prints it", text)
	}
	hash, err := tlog.ParseHash(root)
	if err != nil {
		return nil, exit(exitUsage, "--since: the root in %q is not one that `fairlead audit verify` printed", text)
	}
	return &audit.Checkpoint{Size: n, Root: hash}, nil
}
