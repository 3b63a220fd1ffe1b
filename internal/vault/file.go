package vault

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/files"
)

// The key file is text that explains itself to whoever finds it.
const (
	fileHeader = `# Fairlead master key.
# Whoever has this file and the database can read everything in it; without
# this file nobody can. Keep a copy in a safe place, apart from the backups of
# the database. Only the account that runs the server may read it (chmod 600).
`
	fileFormat  = "1"
	maxFileSize = 4096 // bytes; a key file has about 450
)

// DefaultPath is where the key file is when nothing is configured: in the
// account's configuration folder ($XDG_CONFIG_HOME/fairlead/master.key), which
// is never in the data folder; or, for an account without one, beside the data
// folder, as DATA.master.key.
func DefaultPath(dataFolder string) string {
	if dir, err := os.UserConfigDir(); err == nil {
		if p := filepath.Join(dir, "fairlead", "master.key"); !Inside(dataFolder, p) {
			return p
		}
	}
	abs, err := filepath.Abs(dataFolder)
	if err != nil {
		abs = filepath.Clean(dataFolder)
	}
	return abs + ".master.key"
}

// Inside reports whether the file lies in the folder: a copy of the data
// folder would then hold its own key.
func Inside(folder, file string) bool {
	folder, err1 := filepath.Abs(folder)
	file, err2 := filepath.Abs(file)
	if err1 != nil || err2 != nil {
		return false
	}
	rel, err := filepath.Rel(folder, file)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// LoadOrCreate loads the key file, or, if it is missing and mayCreate is true,
// makes it. Only the first start on an empty data folder may create: a new key
// beside an old database could read nothing of it.
func LoadOrCreate(path string, mayCreate bool) (v *Vault, created bool, err error) {
	v, err = Load(path)
	if applications.ReasonOf(err) != "MASTER_KEY_MISSING" || !mayCreate {
		return v, false, err
	}
	err = create(path)
	if errors.Is(err, fs.ErrExist) { // another process was first
		v, err = Load(path)
		return v, false, err
	}
	if err != nil {
		return nil, false, applications.Errorf(applications.FailedPrecondition, "MASTER_KEY_NOT_WRITABLE",
			"cannot make the master key file %s (%w); make its folder writable or choose another place with --master-key-file", path, files.Cause(err))
	}
	v, err = Load(path)
	return v, true, err
}

// Load reads a key file. All errors are FailedPrecondition, with the reasons
// MASTER_KEY_MISSING, MASTER_KEY_PERMISSIONS (someone else could read it),
// MASTER_KEY_UNREADABLE and MASTER_KEY_MALFORMED. None holds key material.
func Load(path string) (*Vault, error) {
	fail := func(reason, format string, args ...any) (*Vault, error) {
		return nil, applications.Errorf(applications.FailedPrecondition, reason, format, args...)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fail("MASTER_KEY_MISSING",
			"the master key file %s is missing; without it the database cannot be read, and a new key would not help: restore the file from your copy, or name its place with --master-key-file", path)
	}
	if err != nil {
		return fail("MASTER_KEY_UNREADABLE", "cannot open the master key file %s (%w); it must belong to the account that runs the server", path, files.Cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fail("MASTER_KEY_UNREADABLE", "cannot look at the master key file %s (%w)", path, files.Cause(err))
	}
	if !info.Mode().IsRegular() {
		return fail("MASTER_KEY_UNREADABLE", "%s is not a file; --master-key-file takes the key file itself", path)
	}
	// Windows has no such bits; there the folder's access list protects it.
	if perm := info.Mode().Perm(); runtime.GOOS != "windows" && perm&0o077 != 0 {
		return fail("MASTER_KEY_PERMISSIONS", "the master key file %s can be read by other accounts (mode %04o); run: chmod 600 %s", path, perm, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return fail("MASTER_KEY_UNREADABLE", "cannot read the master key file %s (%w)", path, files.Cause(err))
	}
	v, err := parse(text)
	if err != nil {
		return fail("MASTER_KEY_MALFORMED", "the master key file %s is damaged: %s; restore it from your copy", path, err)
	}
	v.path = path
	return v, nil
}

// parse reads the text of a key file. Its errors name lines, never values.
func parse(text []byte) (*Vault, error) {
	if len(text) > maxFileSize {
		return nil, errors.New("it is too long to be a key file")
	}
	fields := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if _, twice := fields[name]; !ok || twice {
			return nil, fmt.Errorf("line %d is not of the form \"name: value\", or its name stands twice", n)
		}
		fields[name] = strings.TrimSpace(value)
	}
	for _, name := range []string{"fairlead-master-key", "id", "key", "check"} {
		if fields[name] == "" {
			return nil, fmt.Errorf("the line %q is missing", name+":")
		}
	}
	if fields["fairlead-master-key"] != fileFormat {
		return nil, fmt.Errorf("it has a format that this version does not know; it knows format %s", fileFormat)
	}
	master, err := base64.StdEncoding.DecodeString(fields["key"])
	if err != nil || len(master) != keySize {
		return nil, errors.New("the key is not 32 bytes in base64")
	}
	v, err := newVault(master)
	if err != nil {
		return nil, errors.New("the key cannot be used")
	}
	if !hmac.Equal([]byte(fields["id"]), []byte(v.KeyID())) || !hmac.Equal([]byte(fields["check"]), []byte(hex.EncodeToString(v.Check()))) {
		return nil, errors.New("the key does not agree with its id and check value")
	}
	return v, nil
}

// Generate makes a new master key that is in no file: for tests, and for
// tools that print a key file.
func Generate() (*Vault, error) { return newVault(random(keySize)) }

// FileText is the content of the vault's key file.
func (v *Vault) FileText() []byte {
	k := v.now.Load()
	return fmt.Appendf(nil, "%s\nfairlead-master-key: %s\nid: %s\nkey: %s\ncheck: %x\n",
		fileHeader, fileFormat, k.id, base64.StdEncoding.EncodeToString(k.master), k.check())
}

// create writes a new key file, whole and on disk, or fails with fs.ErrExist
// if there is one. The link step is what makes it exclusive and never partial.
func create(path string) error {
	v, err := Generate()
	if err != nil {
		return err
	}
	return writeNew(path, v.FileText())
}

func writeNew(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".master.key-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Sync()
	}
	if err2 := tmp.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			return createExclusive(path, text) // file systems without links
		}
		return err
	}
	return files.SyncFolder(dir)
}

func createExclusive(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err != nil {
		os.Remove(path)
		return err
	}
	return files.SyncFolder(filepath.Dir(path))
}
