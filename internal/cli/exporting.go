package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

func (p *program) exportCommand() *cobra.Command {
	var r remote
	var out, reason string
	var identity, force bool
	cmd := &cobra.Command{
		Use:   "export --program ID",
		Short: "Write a program's applications as CSV, from a server",
		Long: `Export asks a server for the applications of a program. Identity answers and
contact come only with --identity and a reason, and that is recorded. Cells that
a spreadsheet would run as a formula are neutralized.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if identity && reason == "" {
				return exit(exitUsage, "--identity needs --reason TEXT: it stands in the audit log, without anybody's personal data")
			}
			body, err := json.Marshal(map[string]any{"identityColumns": identity, "reason": reason})
			if err != nil {
				return err
			}
			to, finish, err := p.output(out, force)
			if err != nil {
				return err
			}
			resp, err := r.send(cmd.Context(), request{
				method: "POST", path: "/v1/programs/" + url.PathEscape(r.program) + "/applications:export",
				contentType: "application/json", body: bytes.NewReader(body),
			})
			if err != nil {
				return errors.Join(err, finish(false))
			}
			defer resp.Body.Close()
			if _, err := io.Copy(to, resp.Body); err != nil {
				_ = finish(false) // the broken answer is what matters
				return exit(exitUnreachable, "the table broke off before its end; nothing of it was kept: %w", err)
			}
			if err := finish(true); err != nil {
				return err
			}
			if identity {
				fmt.Fprintln(p.stderr, "This table holds personal data: keep it as you keep the database, and delete it when it has done its service.")
			}
			return nil
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "-", "file to write; - is stdout")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite --out")
	cmd.Flags().BoolVar(&identity, "identity", false, "with contact and identity answers; needs --reason and is recorded")
	cmd.Flags().StringVar(&reason, "reason", "", "why identity answers are needed")
	return cmd
}

// output opens a file for a result that is kept whole or not at all, or
// stdout. finish(true) keeps it.
func (p *program) output(path string, force bool) (w io.Writer, finish func(keep bool) error, err error) {
	if path == "-" {
		return p.stdout, func(bool) error { return nil }, nil
	}
	if _, err := os.Stat(path); err == nil && !force {
		return nil, nil, exit(exitUsage, "%s exists; --force overwrites it", path)
	}
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, nil, exit(exitUsage, "cannot write %s: %w", path, cause(err))
	}
	return f, func(keep bool) error {
		err := f.Close()
		if keep && err == nil {
			return os.Rename(part, path)
		}
		if rm := os.Remove(part); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
			err = errors.Join(err, rm)
		}
		return err
	}, nil
}
