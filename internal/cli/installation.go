package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"
	_ "time/tzdata" // programs name IANA zones, which not every machine knows

	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/erasures"
	"github.com/openfairlead/fairlead/internal/presets"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
	"github.com/openfairlead/fairlead/introductions"
	"github.com/openfairlead/fairlead/mentoring"
)

// place is where an installation keeps its things.
type place struct {
	data    string // folder
	keyFile string
	list    string // of erasures
	// named is what --database says. It may be a URL with a password: show
	// sqlstore.Describe(p.database()).
	named string
}

// databaseVariable names the database where no flag does. Other accounts of a
// machine see the flags of a program, and not its environment.
const databaseVariable = "FAIRLEAD_DATABASE"

// flags adds the flags that say where the installation is.
func (p *place) flags(f *pflag.FlagSet) {
	f.StringVar(&p.data, "data", defaultDataFolder(), "data folder")
	f.StringVar(&p.named, "database", "", "postgres:// URL of a PostgreSQL database, or path of a database file (default DATA/fairlead.db); put a URL with a password into "+databaseVariable+" instead")
	f.StringVar(&p.keyFile, "master-key-file", "", "master key file; keep it apart from the data folder and its backups (default "+vault.DefaultPath(defaultDataFolder())+")")
}

// database is the path of a file, or a URL.
func (p *place) database() string {
	if p.named != "" {
		return p.named
	}
	if named := os.Getenv(databaseVariable); named != "" {
		return named
	}
	return filepath.Join(p.data, "fairlead.db")
}

// folders are those that hold people's data: the data folder, and that of the
// database's file if it lies elsewhere.
func (p *place) folders() []string {
	all := []string{filepath.Clean(p.data)}
	if !sqlstore.IsPostgres(p.database()) {
		if own := filepath.Dir(resolved(p.database())); own != resolved(p.data) {
			all = append(all, own)
		}
	}
	return all
}

// inside reports whether a file lies in a folder or below it, whatever symbolic
// links lead to either.
func inside(folder, file string) bool { return vault.Inside(resolved(folder), resolved(file)) }

// resolved is the absolute path of a file without symbolic links, as far as it
// can be told.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// begun is whether there may be a database: whether a server has one is not
// known before it is asked.
func (p *place) begun() bool {
	if sqlstore.IsPostgres(p.database()) {
		return true
	}
	exists, err := sqlstore.Exists(p.database())
	return err != nil || exists
}

func (p *place) key() string {
	if p.keyFile != "" {
		return p.keyFile
	}
	return vault.DefaultPath(p.data)
}

// defaultDataFolder is $XDG_DATA_HOME/fairlead, or the platform's usual place.
func defaultDataFolder() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "fairlead")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "fairlead-data"
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "fairlead")
	case "windows":
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "fairlead")
		}
	}
	return filepath.Join(home, ".local", "share", "fairlead")
}

// installation is an open one.
type installation struct {
	service *applications.Service
	pairs   *mentoring.Service
	nets    *introductions.Service
	store   *sqlstore.Store
	vault   *vault.Vault
	newKey  bool // the key file was made just now
}

// open opens the database with its key. Only a start of the server makes them
// or brings an older database up to date: a command beside a running server
// must not take its schema away from under it.
func (p *place) open(ctx context.Context, log *slog.Logger, start bool) (*installation, error) {
	v, made, err := p.openKey(start)
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Options{Database: p.database(), Vault: v, Log: log, NoMigration: !start})
	if err != nil {
		return nil, err
	}
	shipped, err := presets.All()
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	list := erasures.Open(p.erasureList(), v)
	pairs := &mentoring.Service{
		Store: store.Mentoring(), Secrets: v, Log: log, Now: time.Now, NewID: newID, Random: rand.Reader,
		Engine: engineVersion(), Erasures: list,
	}
	nets := &introductions.Service{
		Store: store.Networks(), Secrets: v, Log: log, Now: time.Now, NewID: newID, Random: rand.Reader,
		Engine: engineVersion(), Erasures: list,
	}
	return &installation{
		service: &applications.Service{
			Store: store, Secrets: v, Log: log, Now: time.Now, NewID: newID, Random: rand.Reader,
			Engine: engineVersion(), Presets: shipped, Erasures: list, Elsewhere: erasures.Elsewhere(pairs, nets),
		},
		pairs: pairs, nets: nets,
		store: store, vault: v, newKey: made,
	}, nil
}

// openKey loads the master key. The first start on an empty data folder makes
// it; the servers of a PostgreSQL database share one, which none of them makes.
func (p *place) openKey(start bool) (v *vault.Vault, made bool, err error) {
	exists := true
	if sqlstore.IsPostgres(p.database()) {
		if p.keyFile == "" {
			return nil, false, applications.Errorf(applications.FailedPrecondition, "MASTER_KEY_FILE_NEEDED",
				"with PostgreSQL, name the master key's file with --master-key-file: all servers of the database use the same one; make it once, with `fairlead keys create FILE`")
		}
	} else if exists, err = sqlstore.Exists(p.database()); err != nil {
		return nil, false, err
	}
	if !exists && !start {
		return nil, false, applications.Errorf(applications.FailedPrecondition, "NO_INSTALLATION",
			"there is no database %s; start `fairlead serve` once, or name the right folder with --data", p.database())
	}
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		return nil, false, applications.Errorf(applications.FailedPrecondition, "DATA_FOLDER_NOT_WRITABLE",
			"cannot make the data folder %s (%w); make it writable for this account or choose another with --data", p.data, cause(err))
	}
	return vault.LoadOrCreate(p.key(), !exists)
}

// engineVersion names the engine in records.
func engineVersion() string { return "fairlead " + version() }

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// cause is what the system said, without the path, which the message names.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// localAdministrator is whoever can read database and key: the way back in
// when every token is lost.
var localAdministrator = access.Principal{Subject: "system", Grants: []access.Grant{{Role: access.Administrator}}}
