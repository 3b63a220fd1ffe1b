package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

func (p *program) tokensCommand() *cobra.Command {
	var at place
	cmd := &cobra.Command{
		Use:   "tokens",
		Short: "Make, list and revoke the tokens of staff and services",
		Long: `These commands work on the database itself, also while the server runs. Whoever
may read the database and its key may use them: they are the way back in when
every token is lost.`,
		Args: cobra.NoArgs,
	}
	at.flags(cmd.PersistentFlags())
	cmd.AddCommand(p.tokensCreate(&at), p.tokensList(&at), p.tokensRevoke(&at))
	return cmd
}

func (p *program) tokensCreate(at *place) *cobra.Command {
	var role, forProgram, user, label, expires string
	cmd := &cobra.Command{
		Use:     "create --role ROLE | --user ID",
		Short:   "Make a token and print its secret, once",
		Example: "  fairlead tokens create --role facilitator --program equity-2027 --expires 90d\n  fairlead tokens create --user 0192f0c1-… --label laptop",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t := &applications.Token{Label: label, User: strings.TrimPrefix(user, "users/")}
			switch {
			case role == "" && user == "":
				return exit(exitUsage, "give --role ROLE for a token of its own, or --user ID for a token of a person")
			case role != "" && user != "":
				return exit(exitUsage, "give either --role or --user: a person's token has the roles of that person")
			case user != "" && forProgram != "":
				return exit(exitUsage, "--program goes with --role; the roles of a person are changed by `fairlead users grant`")
			}
			if role != "" {
				g, err := p.grant(role, forProgram)
				if err != nil {
					return err
				}
				t.Grants = []access.Grant{g}
			}
			var err error
			if t.ExpireTime, err = expiry(expires, time.Now()); err != nil {
				return err
			}
			in, err := at.open(cmd.Context(), slog.New(slog.DiscardHandler), false)
			if err != nil {
				return err
			}
			defer in.store.Close()
			secret, err := in.service.IssueToken(cmd.Context(), localAdministrator, t, applications.Idempotency{RequestID: uuid.NewString()})
			if err != nil {
				return err
			}
			fmt.Fprintln(p.stdout, secret)
			fmt.Fprintln(p.stderr, "This is the only time the token is shown.")
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&role, "role", "", "role: "+strings.ToLower(strings.Join(grantable(), ", ")))
	f.StringVar(&forProgram, "program", "", "id of the program that the role is held for (default: all)")
	f.StringVar(&user, "user", "", "id of the member of staff whose token it is")
	f.StringVar(&label, "label", "", "what the token is for")
	f.StringVar(&expires, "expires", "", "when it ends: a time from now (12h, 90d) or a day (2027-12-31); default: never")
	return cmd
}

func (p *program) tokensList(at *place) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List tokens, without their secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := at.open(cmd.Context(), slog.New(slog.DiscardHandler), false)
			if err != nil {
				return err
			}
			defer in.store.Close()
			tokens, err := in.service.Tokens(cmd.Context(), localAdministrator)
			if err != nil {
				return err
			}
			now := time.Now()
			rows := make([]tokenRow, 0, len(tokens))
			for _, t := range tokens {
				rows = append(rows, newTokenRow(t, now))
			}
			if asJSON {
				return writeJSON(p.stdout, rows)
			}
			return table(p.stdout, "ID\tSTATE\tUSER\tROLES\tEXPIRES\tLABEL", len(rows), func(i int) string {
				r := rows[i]
				return strings.Join([]string{r.ID, r.State, dash(r.User), dash(strings.Join(r.Roles, " ")), dash(r.Expires), dash(r.Label)}, "\t")
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

type tokenRow struct {
	ID      string   `json:"id"`
	State   string   `json:"state"` // valid, expired, revoked
	User    string   `json:"user,omitempty"`
	Roles   []string `json:"roles,omitempty"`
	Label   string   `json:"label,omitempty"`
	Created string   `json:"created"`
	Expires string   `json:"expires,omitempty"`
}

func newTokenRow(t *applications.Token, now time.Time) tokenRow {
	r := tokenRow{ID: t.ID, State: "valid", User: t.User, Roles: grantWords(t.Grants), Label: t.Label, Created: t.CreateTime.UTC().Format(time.RFC3339)}
	if !t.ExpireTime.IsZero() {
		r.Expires = t.ExpireTime.UTC().Format(time.RFC3339)
		if !now.Before(t.ExpireTime) {
			r.State = "expired"
		}
	}
	if !t.RevokeTime.IsZero() {
		r.State = "revoked"
	}
	return r
}

func (p *program) tokensRevoke(at *place) *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID…", Short: "Revoke tokens now", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := at.open(cmd.Context(), slog.New(slog.DiscardHandler), false)
			if err != nil {
				return err
			}
			defer in.store.Close()
			for _, id := range args {
				id = strings.TrimPrefix(id, "tokens/")
				if err := in.service.RevokeToken(cmd.Context(), localAdministrator, id, applications.Idempotency{}); err != nil {
					return fmt.Errorf("%s: %w", id, err)
				}
				fmt.Fprintln(p.stderr, "revoked", id)
			}
			return nil
		},
	}
}

// ---- words and flags that users have too ----

// grant reads a role as people write it, and the program it is held for.
func (p *program) grant(role, forProgram string) (access.Grant, error) {
	r := access.Role(strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(role), "-", "_")))
	if !access.Grantable(r) {
		return access.Grant{}, exit(exitUsage, "--role %q: there is no such role to grant%s\nroles: %s", role,
			nearest.Hint(string(r), grantable()), strings.ToLower(strings.Join(grantable(), ", ")))
	}
	if !access.Opens(r) {
		fmt.Fprintf(p.stderr, "In this version nothing asks for the role %s: it opens nothing yet.\n", strings.ToLower(string(r)))
	}
	return access.Grant{Role: r, Program: strings.TrimPrefix(forProgram, "programs/")}, nil
}

func grantable() []string {
	var names []string
	for _, r := range access.Roles {
		if access.Grantable(r) {
			names = append(names, string(r))
		}
	}
	return names
}

// grantWords writes grants as "facilitator@equity-2027", "auditor".
func grantWords(grants []access.Grant) []string {
	var words []string
	for _, g := range grants {
		w := strings.ToLower(string(g.Role))
		if g.Program != "" {
			w += "@" + g.Program
		}
		words = append(words, w)
	}
	return words
}

// expiry reads a time from now or a day; a day ends with it, in UTC.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	var until time.Time
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil {
			until = now.AddDate(0, 0, n)
		}
	} else if d, err := time.ParseDuration(text); err == nil {
		until = now.Add(d)
	} else if day, err := time.Parse(time.DateOnly, text); err == nil {
		until = day.AddDate(0, 0, 1)
	}
	if !until.After(now) {
		return time.Time{}, exit(exitUsage, "--expires %q: write a time from now such as 12h or 90d, or a day to come such as %s", text, now.AddDate(0, 3, 0).Format(time.DateOnly))
	}
	return until, nil
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func table(w io.Writer, head string, rows int, row func(int) string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	for i := range rows {
		fmt.Fprintln(t, row(i))
	}
	return t.Flush()
}
