package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/matcher/selection"
)

// release is the version of the program. CHANGELOG.md says what is new in it.
const release = "0.1.0"

// version is the release, without anything that differs between two builds of
// it: it stands in records, whose bytes must not depend on the build.
func version() string { return release }

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(p.stdout, "fairlead %s (engine %s, %s%s, %s/%s)\n",
				version(), selection.Engine, runtime.Version(), revision(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// Stamped into a release, which carries no mark of a checkout.
var commit, committed string

// revision is the source revision of the build, where it is known.
func revision() string {
	if commit != "" {
		return ", revision " + commit[:min(12, len(commit))]
	}
	text := ""
	for _, s := range settings() {
		switch {
		case s.Key == "vcs.revision":
			text += ", revision " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			text += " with changes"
		}
	}
	return text
}

// built is when the sources of this build were made; zero where it is not known.
func built() time.Time {
	at := committed
	for _, s := range settings() {
		if s.Key == "vcs.time" && at == "" {
			at = s.Value
		}
	}
	t, _ := time.Parse(time.RFC3339, at) // zero if it is no time
	return t
}

func settings() []debug.BuildSetting {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	return info.Settings
}
