package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

func (p *program) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion " + strings.Join(shells, "|"),
		Short: "Print a script that completes commands and flags in a shell",
		Long: `Completion prints a script for a shell. For bash, this session only:

  source <(fairlead completion bash)

For good: put its output where your shell looks for completions.`,
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("name one shell: %s", strings.Join(shells, ", "))
			}
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(p.stdout, true)
			case "zsh":
				return root.GenZshCompletion(p.stdout)
			case "fish":
				return root.GenFishCompletion(p.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(p.stdout)
			}
			return usage("%q is no shell this knows%s; it knows %s", args[0], nearest.Hint(args[0], shells), strings.Join(shells, ", "))
		},
	}
}
