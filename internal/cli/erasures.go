package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/erasures"
)

// listFlag adds the flag that says where the list of erasures is.
func (p *place) listFlag(f *pflag.FlagSet) {
	f.StringVar(&p.list, "erasure-list", "", "list of what was erased, which restored backups are erased by; keep it where a restore does not touch it (default KEYFILE.erasures)")
}

func (p *place) erasureList() string {
	if p.list != "" {
		return p.list
	}
	return erasures.DefaultPath(p.key())
}

// localOfficer erases for whoever can read database and key.
var localOfficer = access.Principal{Subject: "system", Grants: []access.Grant{{Role: access.PrivacyOfficer}}}

// replay erases again what the list says, before anybody can read a database
// that may have been restored by hand, and puts on the list what the database
// knows of and the list does not.
func (in *installation) replay(ctx context.Context, log *slog.Logger, path string) error {
	list, err := erasures.Read(path, in.vault)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	n, err := in.service.ReplayErasures(ctx, list)
	if n > 0 {
		log.Warn("erased again what the list of erasures says: this database is older than the list", "erased", n, "list", path)
	}
	if err != nil {
		return err
	}
	if _, err := in.service.TendErasures(ctx, time.Time{}); err != nil {
		log.Error("the list of erasures cannot be written: nobody can be erased until it can", "error", err)
	} else if err := in.service.Erasures.Add(); err != nil { // whether it could be
		log.Error("the list of erasures cannot be written: nobody can be erased until it can", "error", err)
	}
	if words := in.notScrubbed(ctx); words != "" {
		log.Warn(words)
	}
	return in.store.Scrub(ctx)
}

// notScrubbed says what to do where the database keeps what was erased until it
// cleans up by itself; "" where it does not.
func (in *installation) notScrubbed(ctx context.Context) string {
	if scrubs, err := in.store.Scrubs(ctx); err != nil || scrubs {
		return ""
	}
	return "the role of the database owns neither the tables nor the database, so that it may not VACUUM them: what is erased stays, encrypted, in PostgreSQL's files until autovacuum comes; connect as the owner, run VACUUM as the owner after erasures, or (PostgreSQL 17) GRANT MAINTAIN on the tables"
}

// adviseErased says what is left of what a command has just erased.
func (p *program) adviseErased(ctx context.Context, in *installation) {
	if words := in.notScrubbed(ctx); words != "" {
		p.note("%s", words)
	}
}

func (p *program) eraseCommand() *cobra.Command {
	var at place
	var f forGood
	cmd := &cobra.Command{
		Use:   "erase --program ID CODE",
		Short: "Erase one application for good",
		Long: `Erase takes a person out of everything that is kept about one application, also
while the server runs, whatever state it is in: contact, answers, consents,
reasons, frozen inputs of runs. What stays is that there was an application, its
code, and when. CODE is what staff and the person call it ("NS-0412").`,
		Example: "  fairlead erase --program equity-2027 NS-0412 --reason \"asked for by phone\"",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			ctx := cmd.Context()
			return p.withInstallation(ctx, &at, func(in *installation) error {
				var a *applications.Application
				err := in.store.View(ctx, func(tx applications.Tx) (err error) {
					if _, err = tx.Program(ctx, f.program); err == nil {
						a, err = tx.ApplicationByCode(ctx, f.program, args[0])
					}
					return err
				})
				if applications.ReasonOf(err) == "APPLICATION_NOT_FOUND" {
					return applications.Errorf(applications.NotFound, "APPLICATION_NOT_FOUND", "no application of %s has the code %.40q", f.program, args[0])
				}
				if err != nil {
					return err
				}
				what := fmt.Sprintf("The application %s (%s, begun %s) is erased.", a.Code, a.State, a.CreateTime.Format("January 2, 2006"))
				if err := p.confirm(f.yes, what, a.Code); err != nil {
					return err
				}
				if _, err := in.service.EraseApplication(ctx, localOfficer, f.program, a.ID, f.reason, applications.Idempotency{}); err != nil {
					return err
				}
				p.note("%s is erased; it is on the list of erasures in %s. Older backups still hold it: keep them no longer than you have to", a.Code, at.erasureList())
				p.adviseErased(ctx, in)
				return nil
			})
		},
	}
	at.flags(cmd.Flags())
	at.listFlag(cmd.Flags())
	f.flags(cmd.Flags())
	return cmd
}

// forGood are the flags of what cannot be undone.
type forGood struct {
	program, reason string
	yes             bool
}

func (f *forGood) flags(s *pflag.FlagSet) {
	s.StringVar(&f.program, "program", "", "id of the program")
	s.StringVar(&f.reason, "reason", "", "why, for the audit log")
	s.BoolVar(&f.yes, "yes", false, "do not ask")
}

func (f *forGood) check() error {
	switch {
	case f.program == "":
		return exit(exitUsage, "name the program with --program")
	case f.reason == "":
		return exit(exitUsage, "say why with --reason, in a few words without anybody's personal data: it stays in the audit log")
	}
	return nil
}

func (p *program) erasuresCommand() *cobra.Command {
	var at place
	cmd := &cobra.Command{
		Use:   "erasures",
		Short: "Check, write and replay the list of what was erased",
		Long: `The list of erasures lies outside the database, so that a backup that is restored
is erased again. It names nobody: ids only, each line signed with the master key.
Every server keeps its own; lists of several servers can be put together into one
file in any order.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	at.flags(cmd.PersistentFlags())
	at.listFlag(cmd.PersistentFlags())
	cmd.AddCommand(p.erasuresCheck(&at), p.erasuresExport(&at), p.erasuresReplay(&at))
	return cmd
}

func (p *program) erasuresCheck(at *place) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the list, and compare it with the database",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return p.withInstallation(ctx, at, func(in *installation) error {
				list, err := erasures.Read(at.erasureList(), in.vault)
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				var known []applications.Erasure
				err = in.store.View(ctx, func(tx applications.Tx) (err error) {
					known, err = tx.Erasures(ctx, time.Time{})
					return err
				})
				if err != nil {
					return err
				}
				lacking := without(known, list)
				fmt.Fprintf(p.stdout, "%s on the list, %s in the database\n", count(len(list), "erasure"), count(len(known), "erasure"))
				if lacking > 0 {
					return exit(exitData, "%s of the database are not on the list in %s: the server puts them there within a minute, or write it with: fairlead erasures export", count(lacking, "erasure"), at.erasureList())
				}
				if n := without(list, known); n > 0 {
					return exit(exitData, "%s of the list are not in the database: it is an older one, or of another installation; the next start of the server erases what is there of them", count(n, "erasure"))
				}
				return nil
			})
		},
	}
}

// without counts the erasures of a that b lacks.
func without(a, b []applications.Erasure) int {
	there := map[applications.Erasure]bool{}
	for _, e := range b {
		e.Time = time.Time{}
		there[e] = true
	}
	n := 0
	for _, e := range a {
		if e.Time = (time.Time{}); !there[e] {
			n++
		}
	}
	return n
}

func (p *program) erasuresExport(at *place) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the list anew from what the database knows",
		Args:  oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := mayWrite(args[0], force); err != nil {
				return err
			}
			return p.withInstallation(cmd.Context(), at, func(in *installation) error {
				var text bytes.Buffer
				n, err := erasures.Export(cmd.Context(), in.store, in.vault, &text)
				if err != nil {
					return err
				}
				if err := writeNew(args[0], text.Bytes(), force); err != nil {
					return err
				}
				p.note("%s written to %s", count(n, "erasure"), args[0])
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite FILE")
	return cmd
}

func (p *program) erasuresReplay(at *place) *cobra.Command {
	return &cobra.Command{
		Use:   "replay [FILE]",
		Short: "Erase again what a list says, of this server or of another one of the installation",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := at.erasureList()
			if len(args) == 1 {
				path = args[0]
			}
			return p.withInstallation(cmd.Context(), at, func(in *installation) error {
				list, err := erasures.Read(path, in.vault)
				if err != nil {
					return err
				}
				n, err := in.service.ReplayErasures(cmd.Context(), list)
				if err != nil {
					return err
				}
				if err := in.service.Erasures.Add(list...); err != nil {
					return err
				}
				p.note("%s on the list, %d erased now", count(len(list), "erasure"), n)
				return nil
			})
		},
	}
}
