package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/internal/vault"
)

func (p *program) keysExport() *cobra.Command {
	var at place
	var passphraseFile string
	var force bool
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the master key for the safe, encrypted to a passphrase",
		Long: `Export writes the master key into FILE, encrypted to a passphrase, which is asked
for twice on the terminal: a copy that may lie where the key file may not. Who
has FILE and the passphrase has the key; without the passphrase FILE is worth
nothing. "fairlead keys import FILE" brings the key back.

FILE is an age file in text form: "age --decrypt FILE" gives the key file, too.`,
		Args: oneName,
		RunE: func(_ *cobra.Command, args []string) error {
			v, err := at.loadKey()
			if err != nil {
				return err
			}
			if err := mayWrite(args[0], force, at.key()); err != nil {
				return err
			}
			passphrase, err := p.passphrase(passphraseFile, true)
			if err != nil {
				return err
			}
			text, err := v.Export(passphrase)
			if err != nil {
				return err
			}
			// Tried, because nobody will before it is needed.
			if back, err := vault.Import(text, passphrase); err != nil || back.KeyID() != v.KeyID() {
				return exit(exitInternal, "what was exported does not open again: %w", err)
			}
			if err := writeNew(args[0], text, force); err != nil {
				return err
			}
			p.note("the master key %s is in %s; keep the passphrase in another place", v.KeyID(), args[0])
			return nil
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "file whose first line is the passphrase, instead of asking")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite FILE")
	return cmd
}

func (p *program) keysImport() *cobra.Command {
	var at place
	var passphraseFile string
	var force bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring back a master key that was exported",
		Long: `Import decrypts FILE, which "fairlead keys export" wrote, with its passphrase, and
puts the key where the server looks for it (--master-key-file). A key that is
there already is never lost: with --force it is kept beside it, as KEYFILE.old.`,
		Args: oneName,
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return exit(exitUsage, "cannot read %s: %w", args[0], cause(err))
			}
			to := at.key()
			_, err = os.Lstat(to)
			there := err == nil
			if old, err := vault.Load(to); there && !force {
				if err == nil {
					return exit(exitUsage, "%s holds the master key %s; --force puts the imported one in its place and keeps it as %s", to, old.KeyID(), vault.OldPath(to))
				}
				return exit(exitUsage, "%s is there already; choose another place with --master-key-file, or replace it with --force", to)
			}
			passphrase, err := p.passphrase(passphraseFile, false)
			if err != nil {
				return err
			}
			v, err := vault.Import(text, passphrase)
			if err != nil {
				return err
			}
			if err := v.Put(to); err != nil {
				return err
			}
			p.note("the master key %s is in %s", v.KeyID(), to)
			return nil
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "file whose first line is the passphrase, instead of asking")
	cmd.Flags().BoolVar(&force, "force", false, "replace the key file that is there; it is kept as KEYFILE.old")
	return cmd
}
