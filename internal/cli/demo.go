package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/openfairlead/fairlead/internal/demo"
	"github.com/openfairlead/fairlead/internal/sqlstore"
)

func (p *program) demoCommand() *cobra.Command {
	o := demo.Options{Out: p.stdout, Serve: serveForDemo}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a whole call with invented people, then stay up to be looked at",
		Long: `Demo starts the server on a folder that is thrown away, makes a program from the
preset north-sound, has 120 invented people apply over REST, closes the call,
selects a cohort twice, prints both, matches some of the cohort and other
invented mentees with invented mentors, and stays up with links to the pages.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n := utf8.RuneCountInString(o.Seed); n == 0 || n > 200 {
				return exit(exitUsage, "--seed: write 1 to 200 characters, not %d", n)
			}
			if o.Database != "" && !sqlstore.IsPostgres(o.Database) {
				return exit(exitUsage, "--database: write a URL that begins with postgres://; without it the demo plays on a file that is thrown away")
			}
			o.Color = colorful(p.stdout)
			if f, ok := p.stdout.(*os.File); ok {
				if width, _, err := term.GetSize(int(f.Fd())); err == nil {
					o.Width = width
				}
			}
			return demo.Run(cmd.Context(), o)
		},
	}
	// Most texts give a pool in which every target can be met. This one gives
	// one in which that is impossible, which is what a demo should show.
	cmd.Flags().StringVar(&o.Seed, "seed", "a", "text that decides who applies and how the dice fall; the draw also depends on what is sealed, which is new each time")
	cmd.Flags().StringVar(&o.Database, "database", "", "postgres:// URL of an empty PostgreSQL database to play on; what the demo writes stays there")
	cmd.Flags().BoolVar(&o.Once, "once", false, "end after printing instead of staying up")
	return cmd
}

// serveForDemo runs `fairlead serve` as the command line would.
func serveForDemo(ctx context.Context, args []string, log io.Writer) error {
	if code := Run(ctx, append([]string{"serve"}, args...), nil, io.Discard, log); code != exitOK {
		return fmt.Errorf("fairlead serve ended with exit code %d", code)
	}
	return nil
}

// colorful reports whether w is a terminal whose owner has not asked for plain
// text (NO_COLOR, see no-color.org).
func colorful(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}
