package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

func (p *program) doctorCommand() *cobra.Command {
	var at place
	ports := map[string]*string{}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check an installation and say in plain words what to mend",
		Long: `Doctor looks at the data folder, the master key, the database, the ports and the
texts, and changes none of them; a database of an older version stays as it is.
It ends with exit code 3 if something has to be mended; warnings alone are 0.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &doctor{w: p.stdout, at: at}
			d.folder()
			d.key()
			d.database(cmd.Context())
			d.backup(time.Now())
			for _, flag := range []string{"http", "grpc", "ops"} {
				d.port(flag, *ports[flag])
			}
			fmt.Fprintf(p.stdout, "\n%s\n", d.summary())
			if d.problems > 0 {
				return &exitError{code: exitData}
			}
			return nil
		},
	}
	at.flags(cmd.Flags())
	ports["http"] = cmd.Flags().String("http", "127.0.0.1:8080", "address of the REST API and the pages")
	ports["grpc"] = cmd.Flags().String("grpc", "127.0.0.1:9090", "address of the gRPC API")
	ports["ops"] = cmd.Flags().String("ops", "127.0.0.1:9091", "address of /livez, /readyz and /metrics")
	return cmd
}

// doctor collects what it finds.
type doctor struct {
	w                  io.Writer
	at                 place
	warnings, problems int
}

func (d *doctor) ok(format string, args ...any) { fmt.Fprintf(d.w, "ok       "+format+"\n", args...) }

func (d *doctor) warn(format string, args ...any) {
	d.warnings++
	fmt.Fprintf(d.w, "warning  "+format+"\n", args...)
}

func (d *doctor) problem(format string, args ...any) {
	d.problems++
	fmt.Fprintf(d.w, "problem  "+format+"\n", args...)
}

func (d *doctor) summary() string {
	switch {
	case d.problems > 0:
		return fmt.Sprintf("%s to mend, %s.", count(d.problems, "problem"), count(d.warnings, "warning"))
	case d.warnings > 0:
		return fmt.Sprintf("Nothing has to be mended; %s.", count(d.warnings, "warning"))
	}
	return "All is well."
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// syncServices are folders that a service copies to other machines while the
// database is being written, which breaks it.
var syncServices = []string{"Dropbox", "OneDrive", "Google Drive", "GoogleDrive", "iCloud", "Mobile Documents", "Nextcloud", "ownCloud", "Syncthing", "pCloud", "Box Sync"}

func (d *doctor) folder() {
	info, err := os.Stat(d.at.data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.warn("the data folder %s does not exist yet; the first `fairlead serve` makes it", d.at.data)
		return
	case err != nil:
		d.problem("the data folder %s cannot be looked at (%v)", d.at.data, cause(err))
		return
	case !info.IsDir():
		d.problem("the data folder %s is a file; name a folder with --data", d.at.data)
		return
	}
	f, err := os.CreateTemp(d.at.data, ".doctor-*")
	if err != nil {
		d.problem("the data folder %s cannot be written (%v); make it writable for this account", d.at.data, cause(err))
	} else {
		_ = errors.Join(f.Close(), os.Remove(f.Name())) // an empty file of ours
		d.ok("the data folder %s can be written", d.at.data)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		d.warn("other accounts of this machine can look into the data folder (mode %04o); run: chmod 700 %s", mode, d.at.data)
	}
	abs, err := filepath.Abs(d.at.data)
	if err == nil {
		for _, part := range strings.Split(filepath.ToSlash(abs), "/") {
			if i := slices.IndexFunc(syncServices, func(s string) bool { return strings.HasPrefix(strings.ToLower(part), strings.ToLower(s)) }); i >= 0 {
				d.problem("the data folder lies in a folder of %s, which copies files while they are written and breaks the database; move it and name the new place with --data", syncServices[i])
			}
		}
	}
	if _, err := os.Stat(filepath.Join(d.at.data, "admin.token")); err == nil {
		d.warn("the first administrator's token still lies in %s; make tokens for people, then delete the file", filepath.Join(d.at.data, "admin.token"))
	}
}

func (d *doctor) key() {
	if !sqlstore.IsPostgres(d.at.database()) {
		exists, err := sqlstore.Exists(d.at.database())
		if err == nil && !exists {
			d.ok("there is no database yet; the first start makes it and its key")
			return
		}
	}
	if _, _, err := d.at.openKey(false); err != nil {
		d.problem("%s", message(err))
		return
	}
	d.ok("the master key file %s can be read, by this account only", d.at.key())
	if vault.Inside(d.at.data, d.at.key()) {
		d.warn("the master key lies beside the database in %s: a copy of the folder holds its own key; move the key and name its place with --master-key-file", d.at.data)
	}
}

func (d *doctor) database(ctx context.Context) {
	if !sqlstore.IsPostgres(d.at.database()) {
		if exists, err := sqlstore.Exists(d.at.database()); err != nil || !exists {
			if err != nil {
				d.problem("%s", message(err))
			}
			return
		}
	}
	in, err := d.at.open(ctx, slog.New(slog.DiscardHandler), false)
	if err != nil {
		if applications.ReasonOf(err) == "DATABASE_OLDER" { // an upgrade, not a fault
			d.warn("%s", message(err))
			return
		}
		if !strings.HasPrefix(applications.ReasonOf(err), "MASTER_KEY") || applications.ReasonOf(err) == "MASTER_KEY_MISMATCH" {
			d.problem("%s", message(err)) // the key itself was spoken of above
		}
		return
	}
	defer in.store.Close()
	if err := in.store.Ping(ctx); err != nil {
		d.problem("the database does not answer: %s", message(err))
		return
	}
	d.ok("the database %s opens, can be written, and belongs to the key", sqlstore.Describe(d.at.database()))
	err = in.store.View(ctx, func(tx applications.Tx) error {
		programs, err := tx.Programs(ctx, nil, "", 0)
		if err != nil {
			return err
		}
		for _, p := range programs {
			if p.FormVersion == 0 || p.State == applications.ProgramArchived {
				continue
			}
			f, err := tx.Form(ctx, p.ID, p.FormVersion)
			if err != nil {
				return err
			}
			d.labels(p, f)
		}
		return nil
	})
	if err != nil {
		d.problem("the programs cannot be read: %s", message(err))
	}
}

// labels lists what people who read Spanish will see in English.
func (d *doctor) labels(p *applications.Program, f *applications.Form) {
	var missing []string
	look := func(where string, t applications.Text) {
		if t["en"] != "" && t["es"] == "" {
			missing = append(missing, where)
		}
	}
	for where, t := range map[string]applications.Text{
		"title": p.Title, "summary": p.Summary, "audience": p.Audience, "effort": p.Effort, "selectionNote": p.Selected, "contact": p.Contact, "region": p.Region,
	} {
		look(where, t)
	}
	for _, page := range f.Pages {
		look("page "+page.Key, page.Title)
	}
	for _, c := range f.Consents {
		look("consent "+c.Key, c.Text)
	}
	for _, a := range f.Attributes {
		look(a.Key+" (question)", a.Question)
		look(a.Key+" (hint)", a.Hint)
		look(a.Key+" (why)", a.Why)
		for _, v := range a.Values {
			look(a.Key+"="+v.Code, v.Label)
		}
	}
	if len(missing) == 0 {
		d.ok("program %s: every text is there in English and Spanish", p.ID)
		return
	}
	slices.Sort(missing)
	shown := missing
	const most = 8
	more := ""
	if len(shown) > most {
		more = fmt.Sprintf(" and %d more", len(shown)-most)
		shown = shown[:most]
	}
	d.warn("program %s: %s not in Spanish and will be shown in English: %s%s", p.ID, count(len(missing), "text")+are(len(missing)), strings.Join(shown, ", "), more)
}

func are(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

// port says whether the server could listen; a server that runs already is
// why it mostly cannot.
func (d *doctor) port(flag, address string) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		_ = l.Close() // opened only to see whether it can be
		d.ok("--%s %s is free", flag, address)
		return
	}
	conn, dialErr := net.DialTimeout("tcp", address, time.Second)
	if dialErr == nil {
		_ = conn.Close()
		d.warn("--%s %s is in use: by a running server, or by another program", flag, address)
		return
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	d.problem("--%s %s cannot be listened on (%v); choose another with --%s HOST:PORT", flag, address, err, flag)
}

// message is what an error says to a person.
func message(err error) string {
	var own *applications.Error
	if errors.As(err, &own) {
		return own.Message
	}
	return err.Error()
}
