package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/openfairlead/fairlead/internal/pgcluster"
)

// demoOnPostgres runs `bin/fairlead demo` on a PostgreSQL server of its own,
// which is removed with all its data when the demo ends.
func demoOnPostgres(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if err := toRoot(); err != nil {
		fmt.Fprintln(stderr, "checks:", err)
		return 2
	}
	if err := needs(ctx, &report{out: stderr}, postgres); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	cluster, err := pgcluster.Start(ctx, pgcluster.Options{})
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	// Without ctx: Ctrl-C reaches the demo too, which ends in its own time.
	demo := exec.Command("bin/fairlead", append([]string{"demo", "--database", cluster.URL(pgcluster.Role)}, args...)...)
	demo.Stdin, demo.Stdout, demo.Stderr = os.Stdin, stdout, stderr
	err = demo.Run()
	if e := cluster.Close(); e != nil {
		fmt.Fprintln(stderr, e)
		return 1
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}
