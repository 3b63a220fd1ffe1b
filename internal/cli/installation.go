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
	"github.com/openfairlead/fairlead/internal/presets"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// place is where an installation keeps its things.
type place struct {
	data    string // folder
	keyFile string
}

// flags adds the flags that say where the installation is.
func (p *place) flags(f *pflag.FlagSet) {
	f.StringVar(&p.data, "data", defaultDataFolder(), "data folder")
	f.StringVar(&p.keyFile, "master-key-file", "", "master key file; keep it apart from the data folder and its backups (default "+vault.DefaultPath(defaultDataFolder())+")")
}

func (p *place) database() string { return filepath.Join(p.data, "fairlead.db") }

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
	store   *sqlstore.Store
	vault   *vault.Vault
	newKey  bool // the key file was made just now
}

// open opens the database with its key. Only a start of the server makes them
// or brings an older database up to date: a command beside a running server
// must not take its schema away from under it.
func (p *place) open(ctx context.Context, log *slog.Logger, start bool) (*installation, error) {
	exists, err := sqlstore.Exists(p.database())
	if err != nil {
		return nil, err
	}
	if !exists && !start {
		return nil, applications.Errorf(applications.FailedPrecondition, "NO_INSTALLATION",
			"there is no database in %s; start `fairlead serve` once, or name the right folder with --data", p.data)
	}
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		return nil, applications.Errorf(applications.FailedPrecondition, "DATA_FOLDER_NOT_WRITABLE",
			"cannot make the data folder %s (%w); make it writable for this account or choose another with --data", p.data, cause(err))
	}
	v, made, err := vault.LoadOrCreate(p.key(), !exists)
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Options{Path: p.database(), Vault: v, Log: log, NoMigration: !start})
	if err != nil {
		return nil, err
	}
	shipped, err := presets.All()
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &installation{
		service: &applications.Service{
			Store: store, Secrets: v, Log: log, Now: time.Now, NewID: newID, Random: rand.Reader,
			Engine: engineVersion(), Presets: shipped,
		},
		store: store, vault: v, newKey: made,
	}, nil
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
