package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"
)

// limits are the flags that every search has.
type limits struct {
	work    int64
	timeout time.Duration
	quiet   bool

	set func(flag string) bool // whether a flag was given
}

func (l *limits) flags(f *pflag.FlagSet) {
	l.set = f.Changed
	f.Int64Var(&l.work, "work", 0, "limit in pivots; the same limit gives the same result on every machine")
	f.DurationVar(&l.timeout, "timeout", 0, "limit in time, such as 30s; where it cuts depends on the machine")
	f.BoolVar(&l.quiet, "quiet", false, "nothing on stderr but warnings and errors")
}

func (l *limits) check() error {
	switch {
	case l.set("work") && l.work < 1:
		return usage("--work %d: the limit in pivots must be 1 or more", l.work)
	case l.set("timeout") && l.timeout <= 0:
		return usage("--timeout %s: it must be more than 0, such as 30s", l.timeout)
	}
	return nil
}

// limit adds --timeout to a context.
func (l *limits) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.timeout > 0 {
		return context.WithTimeout(ctx, l.timeout)
	}
	return context.WithCancel(ctx)
}

// note says something on stderr that a person should know and a script need
// not.
func (l *limits) note(p *program, format string, args ...any) {
	if !l.quiet {
		fmt.Fprintf(p.stderr, "fairlead: %s\n", fmt.Sprintf(format, args...))
	}
}
