// Package cli is the command line: each command turns flags and files into
// calls of the packages that do the work, and what came back into text, JSON
// or an exit code. stdout is the result, stderr everything else.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/applications"
)

// Exit codes of every command.
const (
	exitOK          = 0
	exitInternal    = 1
	exitUsage       = 2 // flags, and how the program was started
	exitData        = 3 // bad input data
	exitImpossible  = 4 // proved impossible
	exitUnproved    = 5 // not proved in the work or time given
	exitUnverified  = 6 // verification failed
	exitUnreachable = 7
	exitInterrupted = 130
)

// program is the world that a command acts on.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// note tells the person at the terminal what the result does not.
func (p *program) note(format string, args ...any) {
	fmt.Fprintf(p.stderr, "fairlead: "+format+"\n", args...)
}

// exitError ends the program with a code. A nil err says nothing: the command
// has said everything itself.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit makes an error that ends the program with a code.
func exit(code int, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...)}
}

// Run runs the program with its arguments, without the program's name, and
// returns the exit code. Canceling ctx is Ctrl-C.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{stdin, stdout, stderr}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	code := codeOf(ctx, err)
	if err != nil && code != exitInterrupted {
		say(stderr, err)
	}
	return code
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "fairlead",
		Short:         "Choose cohorts fairly, provably and explainably",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(p.selectCommand(), p.checkCommand(), p.explainCommand(), p.compareCommand(), p.replaceCommand(), p.versionCommand(), p.completionCommand())
	root.AddCommand(p.serveCommand(), p.doctorCommand(), p.tokensCommand(), p.usersCommand(), p.eraseCommand(), p.erasuresCommand(), p.keysCommand(), p.auditCommand(), p.importCommand(), p.exportCommand(), p.demoCommand())
	root.AddCommand(p.backupCommand(), p.restoreCommand(), p.migrateCommand())
	root.AddCommand(p.verifyCommand(), p.targetsCommand(), p.introduceCommand(), p.pairCommand())
	inDecimal(root)
	return root
}

// codeOf is the exit code for what a command returned.
func codeOf(ctx context.Context, err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	switch applications.CodeOf(err) {
	case applications.InvalidArgument, applications.NotFound, applications.AlreadyExists, applications.DataLoss:
		return exitData
	case applications.FailedPrecondition, applications.PermissionDenied, applications.Unauthenticated:
		return exitUsage
	case applications.Unavailable, applications.DeadlineExceeded:
		return exitUnreachable
	}
	// What cobra itself reports: unknown commands, missing arguments.
	if text := err.Error(); strings.HasPrefix(text, "unknown command") || strings.HasPrefix(text, "required flag") || strings.Contains(text, "arg(s)") {
		return exitUsage
	}
	return exitInternal
}

// say writes an error for a person.
func say(w io.Writer, err error) {
	var own *applications.Error
	if !errors.As(err, &own) {
		var e *exitError
		if errors.As(err, &e) && e.err == nil {
			return
		}
		fmt.Fprintf(w, "fairlead: %v\n", err)
		return
	}
	fmt.Fprintf(w, "fairlead: %s\n", own.Message)
	for _, v := range own.Violations {
		fmt.Fprintf(w, "  %s: %s\n", v.Field, v.Message)
	}
}
