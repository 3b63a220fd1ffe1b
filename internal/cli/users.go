package cli

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

func (p *program) usersCommand() *cobra.Command {
	var at place
	cmd := &cobra.Command{
		Use:   "users",
		Short: "Create staff, list them, grant them roles, disable them",
		Long:  "These commands work on the database itself, also while the server runs.",
		Args:  cobra.NoArgs,
	}
	at.flags(cmd.PersistentFlags())
	cmd.AddCommand(p.usersCreate(&at), p.usersList(&at), p.usersGrant(&at), p.usersDisable(&at))
	return cmd
}

// withService opens the installation for one command.
func withService(ctx context.Context, at *place, fn func(*applications.Service) error) error {
	in, err := at.open(ctx, slog.New(slog.DiscardHandler), false)
	if err != nil {
		return err
	}
	defer in.store.Close()
	return fn(in.service)
}

func (p *program) usersCreate(at *place) *cobra.Command {
	var role, forProgram string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a member of staff and print the id", Args: oneName,
		Example: "  fairlead users create \"Program office\" --role facilitator --program equity-2027",
		RunE: func(cmd *cobra.Command, args []string) error {
			u := &applications.User{Name: args[0]}
			if role != "" {
				g, err := p.grant(role, forProgram)
				if err != nil {
					return err
				}
				u.Grants = []access.Grant{g}
			} else if forProgram != "" {
				return exit(exitUsage, "--program goes with --role")
			}
			return withService(cmd.Context(), at, func(s *applications.Service) error {
				made, err := s.CreateUser(cmd.Context(), localAdministrator, u, applications.Idempotency{})
				if err != nil {
					return err
				}
				fmt.Fprintln(p.stdout, made.ID)
				where := ""
				if cmd.Flags().Changed("data") || cmd.Flags().Changed("database") || cmd.Flags().Changed("master-key-file") {
					where = ", and say where as in this command"
				}
				fmt.Fprintf(p.stderr, "A token to sign in with: fairlead tokens create --user %s%s\n", made.ID, where)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "first `role`; more by fairlead users grant")
	cmd.Flags().StringVar(&forProgram, "program", "", "id of the program that the role is held for (default: all)")
	return cmd
}

func (p *program) usersList(at *place) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List staff", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withService(cmd.Context(), at, func(s *applications.Service) error {
				users, err := s.Users(cmd.Context(), localAdministrator)
				if err != nil {
					return err
				}
				rows := make([]userRow, 0, len(users))
				for _, u := range users {
					rows = append(rows, userRow{u.ID, u.Name, grantWords(u.Grants), u.Disabled})
				}
				if asJSON {
					return writeJSON(p.stdout, rows)
				}
				return table(p.stdout, "ID\tNAME\tROLES\tDISABLED", len(rows), func(i int) string {
					r := rows[i]
					disabled := "no"
					if r.Disabled {
						disabled = "yes"
					}
					return strings.Join([]string{r.ID, r.Name, dash(strings.Join(r.Roles, " ")), disabled}, "\t")
				})
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

type userRow struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Roles    []string `json:"roles,omitempty"`
	Disabled bool     `json:"disabled"`
}

func (p *program) usersGrant(at *place) *cobra.Command {
	var role, forProgram string
	var remove bool
	cmd := &cobra.Command{
		Use: "grant ID --role ROLE", Short: "Grant a role, or take it back with --remove", Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			g, err := p.grant(role, forProgram)
			if err != nil {
				return err
			}
			return p.changeUser(cmd.Context(), at, args[0], func(u *applications.User) (field, done string, err error) {
				has := slices.Contains(u.Grants, g)
				words := grantWords([]access.Grant{g})[0]
				switch {
				case remove && !has:
					return "", "", exit(exitData, "%s does not hold the role %s", u.ID, words)
				case remove:
					u.Grants = slices.DeleteFunc(u.Grants, func(x access.Grant) bool { return x == g })
					return "grants", "took back " + words, nil
				case has:
					return "", "already has " + words, nil
				}
				u.Grants = append(u.Grants, g)
				return "grants", "granted " + words, nil
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "role: "+strings.ToLower(strings.Join(grantable(), ", ")))
	cmd.Flags().StringVar(&forProgram, "program", "", "id of the program that the role is held for (default: all)")
	cmd.Flags().BoolVar(&remove, "remove", false, "take the role back")
	_ = cmd.MarkFlagRequired("role") // the flag exists
	return cmd
}

func (p *program) usersDisable(at *place) *cobra.Command {
	var enable bool
	cmd := &cobra.Command{
		Use: "disable ID", Short: "Refuse all tokens of a member of staff, or allow them again with --enable", Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.changeUser(cmd.Context(), at, args[0], func(u *applications.User) (field, done string, err error) {
				word := "disabled"
				if enable {
					word = "enabled"
				}
				if u.Disabled == !enable {
					return "", "was already " + word, nil
				}
				u.Disabled = !enable
				return "disabled", word, nil
			})
		},
	}
	cmd.Flags().BoolVar(&enable, "enable", false, "allow the tokens again")
	return cmd
}

// changeUser reads a user, lets change change one field of it ("" for none),
// and stores it under the revision read.
func (p *program) changeUser(ctx context.Context, at *place, id string, change func(*applications.User) (field, done string, err error)) error {
	id = strings.TrimPrefix(id, "users/")
	return withService(ctx, at, func(s *applications.Service) error {
		users, err := s.Users(ctx, localAdministrator)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(users, func(u *applications.User) bool { return u.ID == id })
		if i < 0 {
			return exit(exitData, "there is no user %s; `fairlead users list` lists them", id)
		}
		field, done, err := change(users[i])
		if err != nil {
			return err
		}
		if field != "" {
			if _, err := s.UpdateUser(ctx, localAdministrator, users[i], []string{field}, applications.Idempotency{}); err != nil {
				return err
			}
		}
		fmt.Fprintf(p.stderr, "%s: %s\n", id, done)
		return nil
	})
}
