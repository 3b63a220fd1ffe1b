package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

func (p *program) keysList() *cobra.Command {
	var at place
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the data keys by their ids, never the keys",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withInstallation(cmd.Context(), &at, func(in *installation) error {
				keys, err := in.store.DataKeys(cmd.Context())
				if err != nil {
					return err
				}
				p.note("the master key is %s (%s)", in.vault.KeyID(), at.key())
				w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "PROGRAM\tKEY\tMADE\tUSE")
				for _, k := range keys {
					use := "current"
					if !k.Current {
						use = "older values only: a rotation is not finished"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", ownerOf(k.Program), k.ID, k.CreateTime.Format(time.RFC3339), use)
				}
				return w.Flush()
			})
		},
	}
	at.flags(cmd.Flags())
	return cmd
}

func ownerOf(program string) string {
	if program == "" {
		return "(installation)"
	}
	return program
}

// withInstallation opens the installation for one command.
func (p *program) withInstallation(ctx context.Context, at *place, fn func(*installation) error) error {
	in, err := at.open(ctx, slog.New(slog.DiscardHandler), false)
	if err != nil {
		return err
	}
	return errors.Join(fn(in), in.store.Close())
}

// reencryptBatch is how many values are encrypted anew in one transaction:
// others wait for it a few milliseconds.
const reencryptBatch = 200

func (p *program) keysRotate() *cobra.Command {
	var at place
	var program string
	var master, prepare, confirm, revoke, yes, quiet bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Give programs new data keys, or the installation a new master key, while the server runs",
		Long: `Rotate gives every program (or the one that --program names) a new data key,
encrypts everything of it anew in small steps while servers read and write, and
then destroys the old key. It can be stopped at any moment; the next rotate goes
on where it was.

With --master the installation gets a new master key instead: every data key is
wrapped by it, in one transaction. What people hold stays good: tokens, links,
return codes, sessions. The old key file is kept as KEYFILE.old, because the
backups from before need it; --confirm destroys that file when they are gone.
Servers on this machine go over by themselves. A server on another machine waits
until it finds the new key: either make it with --prepare, copy KEYFILE.new to
the same place on every machine, and run --master after that, or copy KEYFILE
afterwards.

If the old master key may be in wrong hands: rotate --master --revoke-access,
then rotate without --master. Tokens, links, return codes and sessions of
applicants end with it, since who has the old key could make them; staff give
out new return codes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case master && program != "":
				return exit(exitUsage, "--program goes without --master: the master key is that of the whole installation")
			case !master && (prepare || confirm || revoke):
				return exit(exitUsage, "--prepare, --confirm and --revoke-access go with --master")
			case prepare && confirm || revoke && (prepare || confirm):
				return exit(exitUsage, "--prepare, --confirm and --revoke-access do not go together")
			case prepare:
				return p.prepareMaster(&at)
			case confirm:
				return p.confirmMaster(cmd.Context(), &at, yes)
			case master:
				return p.rotateMaster(cmd.Context(), &at, revoke, yes)
			}
			return p.rotateDataKeys(cmd.Context(), &at, program, quiet)
		},
	}
	at.flags(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&program, "program", "", "the program to give a new data key (default: all, and the installation itself)")
	f.BoolVar(&master, "master", false, "change the master key instead")
	f.BoolVar(&prepare, "prepare", false, "with --master: only make the new key, as KEYFILE.new")
	f.BoolVar(&revoke, "revoke-access", false, "with --master: end applicants' tokens, links, return codes and sessions")
	f.BoolVar(&confirm, "confirm", false, "with --master: destroy KEYFILE.old")
	f.BoolVar(&yes, "yes", false, "do not ask")
	f.BoolVar(&quiet, "quiet", false, "show no progress")
	return cmd
}

// rotateDataKeys goes through programs one after the other. One that has an
// older key is in the middle of a rotation, which is finished first and counts.
func (p *program) rotateDataKeys(ctx context.Context, at *place, program string, quiet bool) error {
	return p.withInstallation(ctx, at, func(in *installation) error {
		keys, err := in.store.DataKeys(ctx)
		if err != nil {
			return err
		}
		var owners []string
		unfinished := map[string]bool{}
		for _, k := range keys {
			if program != "" && k.Program != program {
				continue
			}
			if !slices.Contains(owners, k.Program) {
				owners = append(owners, k.Program)
			}
			unfinished[k.Program] = unfinished[k.Program] || !k.Current
		}
		if len(owners) == 0 {
			return applications.Errorf(applications.NotFound, "PROGRAM_NOT_FOUND", "there is no program %.63q", program)
		}
		line := newWorkLine(p.stderr, quiet)
		defer line.clear()
		for _, owner := range owners {
			if err := p.rotateDataKey(ctx, in, owner, unfinished[owner], line); err != nil {
				return err
			}
		}
		if err := in.store.Scrub(ctx); err != nil {
			p.note("what the old keys encrypted is not yet overwritten in the database's files (%v); it will be, with the next erasure or restart", err)
		}
		p.adviseErased(ctx, in)
		return nil
	})
}

func (p *program) rotateDataKey(ctx context.Context, in *installation, owner string, unfinished bool, line *workLine) error {
	event := func(action string) applications.Event {
		resource := "installation"
		if owner != "" {
			resource = "programs/" + owner
		}
		return applications.Event{Time: in.service.Now(), Actor: localAdministrator.Subject, Action: action, Resource: resource}
	}
	if !unfinished {
		if err := in.store.RotateDataKey(ctx, owner, event("keys.rotate")); err != nil {
			return err
		}
	}
	done := 0
	for {
		n, err := in.store.Reencrypt(ctx, owner, reencryptBatch, func(table string, n int) {
			line.show(ownerOf(owner)+", "+table, int64(done+n), 0)
		})
		done += n
		if err != nil {
			return err
		}
		destroyed, err := in.store.RetireDataKeys(ctx, owner, event("keys.retire"))
		if applications.ReasonOf(err) == "DATA_KEY_IN_USE" && ctx.Err() == nil {
			continue // somebody was still writing with it
		}
		if err != nil {
			return err
		}
		line.clear()
		p.note("%s: %s encrypted anew, %s destroyed", ownerOf(owner), count(done, "value"), count(destroyed, "old key"))
		return nil
	}
}

func (p *program) prepareMaster(at *place) error {
	if _, err := at.loadKey(); err != nil {
		return err
	}
	next, made, err := vault.Next(at.key())
	if err != nil {
		return err
	}
	word := "was there already"
	if made {
		word = "is made"
	}
	p.note("the key %s %s; no database knows it yet. Copy %s to the same place on every server's machine, then run: fairlead keys rotate --master", next.KeyID(), word, vault.NextPath(at.key()))
	return nil
}

func (p *program) rotateMaster(ctx context.Context, at *place, revoke, yes bool) error {
	path := at.key()
	if _, err := os.Lstat(vault.OldPath(path)); err == nil {
		return exit(exitUsage, "%s is still there, from an earlier change: keep it with the backups that need it, and take it away from here with: fairlead keys rotate --master --confirm", vault.OldPath(path))
	}
	return p.withInstallation(ctx, at, func(in *installation) error {
		if revoke {
			if err := p.confirm(yes, "All tokens, links, return codes and sessions of applicants end; staff have to give each of them a new return code.", "revoke"); err != nil {
				return err
			}
		}
		old := in.vault.KeyID()
		next, _, err := vault.Next(path)
		if err != nil {
			return err
		}
		event := applications.Event{Time: in.service.Now(), Actor: localAdministrator.Subject, Action: "keys.rotate_master", Resource: "installation"}
		err = in.store.RotateMaster(ctx, next, func(l vault.Label) bool { return !revoke || !l.Opens }, event)
		if err != nil {
			return err
		}
		// A server on this machine may have been faster.
		if err := vault.Promote(path, next.KeyID()); err != nil {
			if now, err2 := vault.Load(path); err2 != nil || now.KeyID() != next.KeyID() {
				return err
			}
		}
		p.note("the master key is %s now; it was %s", next.KeyID(), old)
		p.note("the old one is in %s: keep it with the backups from before, which need it, and make a backup and a copy of the new key now", vault.OldPath(path))
		if sqlstore.IsPostgres(at.database()) {
			p.note("servers on other machines refuse calls until they find the new key as %s or %s", path, vault.NextPath(path))
		}
		if revoke {
			p.note("restart the servers, so that open sessions end too")
		}
		return nil
	})
}

// confirmMaster destroys the old key file, once the new one has shown that it
// opens the database.
func (p *program) confirmMaster(ctx context.Context, at *place, yes bool) error {
	path := vault.OldPath(at.key())
	old, err := vault.Load(path)
	if applications.ReasonOf(err) == "MASTER_KEY_MISSING" {
		return exit(exitUsage, "there is no %s: nothing is left of an earlier change", path)
	}
	if err != nil {
		return err
	}
	return p.withInstallation(ctx, at, func(in *installation) error {
		if old.KeyID() == in.vault.KeyID() {
			return exit(exitUsage, "%s holds the key that the database needs: nothing was removed", path)
		}
		what := fmt.Sprintf("The master key %s in %s is destroyed. Backups from before the change cannot be read any more, unless there is a copy of it elsewhere.", old.KeyID(), path)
		if err := p.confirm(yes, what, old.KeyID()); err != nil {
			return err
		}
		if err := overwrite(path); err != nil {
			return exit(exitInternal, "%s could not be removed: %w", path, cause(err))
		}
		p.note("%s is gone", path)
		return nil
	})
}

// overwrite removes a file after its content was replaced on the disk, as far
// as its file system writes in place.
func overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, info.Size()))
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (p *program) keysDestroy() *cobra.Command {
	var at place
	var f forGood
	var force bool
	cmd := &cobra.Command{
		Use:   "destroy --program ID",
		Short: "Destroy a program for good, with everything that its data key encrypts",
		Long: `Destroy removes a program and all its applications, runs and offers, and its data
key: what copies of the database still hold of it can be read only with a copy of
the key's row from before. The audit log stays and still verifies; what was
written there about the program loses its reasons. A backup that is restored
destroys it again (see the list of erasures).

The program has to be COMPLETED or ARCHIVED; --force takes any.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return p.withInstallation(cmd.Context(), &at, func(in *installation) error {
				shown, err := in.service.Program(cmd.Context(), localAdministrator, f.program)
				if err != nil {
					return err
				}
				what := fmt.Sprintf("The program %s (%s, %s) is destroyed.", f.program, shown.State, count(shown.ApplicationCount, "application"))
				if err := p.confirm(f.yes, what, f.program); err != nil {
					return err
				}
				if err := in.service.DestroyProgram(cmd.Context(), localAdministrator, f.program, f.reason, force); err != nil {
					return err
				}
				p.note("the program %s is destroyed; it is on the list of erasures in %s. Older backups still hold it: keep them no longer than you have to", f.program, at.erasureList())
				p.adviseErased(cmd.Context(), in)
				return nil
			})
		},
	}
	at.flags(cmd.Flags())
	at.listFlag(cmd.Flags())
	f.flags(cmd.Flags())
	cmd.Flags().BoolVar(&force, "force", false, "also one that is not over")
	return cmd
}
