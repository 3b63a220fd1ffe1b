package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/internal/vault"
)

func (p *program) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Work with the keys that the database is encrypted under",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(p.keysCreate(), p.keysList(), p.keysExport(), p.keysImport(), p.keysRotate(), p.keysDestroy())
	return cmd
}

func (p *program) keysCreate() *cobra.Command {
	return &cobra.Command{
		Use:   "create FILE",
		Short: "Make the master key of a new PostgreSQL database",
		Long: `Create writes a new master key to a file that only this account can read. Give
each server of the database a copy of it, and name it with --master-key-file.
The embedded database needs none: its first start makes its own.`,
		Args: oneName,
		RunE: func(_ *cobra.Command, args []string) error {
			_, made, err := vault.LoadOrCreate(args[0], true)
			if err != nil {
				return err
			}
			if !made {
				return exit(exitUsage, "%s is a master key already; nothing was changed", args[0])
			}
			fmt.Fprintf(p.stderr, "Made the master key %s. Keep a copy apart from the backups: without it nobody can read the database.\n", args[0])
			return nil
		},
	}
}
