package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/disk"
	"github.com/openfairlead/fairlead/internal/sqlstore"
)

func (p *program) doctorCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check an installation and say in plain words what to mend",
		Long: `Doctor looks at the data folder and what it lies on, the master key, the database
and the way to it, the last backup, the clock, who can reach the server and how,
the certificate, the ports and the texts, and changes none of them; a database of
an older version stays as it is. It ends with exit code 3 if something has to be
mended; warnings alone are 0.

Give it the flags that the server is started with: it takes all of them.`,
		Example: "  fairlead doctor --http 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem --public-url https://apply.example.org",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := newDoctor(p.stdout, o)
			d.examine(cmd.Context(), time.Now())
			fmt.Fprintf(p.stdout, "\n%s\n", d.summary())
			if d.problems > 0 {
				return &exitError{code: exitData}
			}
			return nil
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

// doctor collects what it finds.
type doctor struct {
	w                  io.Writer
	o                  serveOptions
	at                 place // of o
	warnings, problems int

	// What the machine says; tests say otherwise.
	fileSystem func(folder string) (disk.Place, error)
	synced     func() (synced, known bool)
	built      func() time.Time
	temporary  string // folder for temporary files
}

func newDoctor(w io.Writer, o serveOptions) *doctor {
	return &doctor{w: w, o: o, at: o.place, fileSystem: disk.Of, synced: clockSynced, built: built, temporary: os.TempDir()}
}

func (d *doctor) examine(ctx context.Context, now time.Time) {
	d.folder()
	d.clock(now) // before anything is opened, which changes the database's time
	d.drive()
	d.modes()
	d.key()
	d.erasures()
	d.connection()
	d.database(ctx)
	d.backup(now)
	d.network(now)
	d.port("http", d.o.ports.HTTP)
	d.port("grpc", d.o.ports.GRPC)
	d.port("ops", d.o.ports.Ops)
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
	if _, err := os.Stat(filepath.Join(d.at.data, "admin.token")); err == nil {
		d.warn("the first administrator's token still lies in %s; make tokens for people, then delete the file", filepath.Join(d.at.data, "admin.token"))
	}
}

func (d *doctor) key() {
	if !d.at.begun() {
		d.ok("there is no database yet; the first start makes it and its key")
		return
	}
	if _, _, err := d.at.openKey(false); err != nil {
		d.problem("%s", message(err))
		return
	}
	d.ok("the master key file %s can be read, by this account only", d.at.key())
	for _, folder := range d.at.folders() {
		if inside(folder, d.at.key()) {
			d.warn("the master key lies beside the database in %s: a copy of the folder holds its own key; move the key and name its place with --master-key-file", folder)
			break
		}
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
	if words := in.notScrubbed(ctx); words != "" {
		d.warn("%s", words)
	}
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

// message is what an error says to a person.
func message(err error) string {
	var own *applications.Error
	if errors.As(err, &own) {
		return own.Message
	}
	return err.Error()
}
