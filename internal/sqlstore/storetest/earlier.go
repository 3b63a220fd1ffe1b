package storetest

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/openfairlead/fairlead/internal/vault"
)

// Earlier unpacks a database of an earlier schema, made by the code of its time,
// into a folder of its own, and returns its path and that of its key.
func Earlier(t testing.TB, schema int) (database, keyFile string, v *vault.Vault) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	base := filepath.Join(filepath.Dir(here), "..", "testdata", "schemas", strconv.Itoa(schema))
	dir := t.TempDir()
	database, keyFile = filepath.Join(dir, "fairlead.db"), filepath.Join(dir, "master.key")
	packed, err := os.Open(base + ".db.gz")
	must(t, err)
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	must(t, err)
	text, err := io.ReadAll(z)
	must(t, err)
	key, err := os.ReadFile(base + ".key")
	must(t, err)
	must(t, errors.Join(os.WriteFile(database, text, 0o600), os.WriteFile(keyFile, key, 0o600)))
	v, err = vault.Load(keyFile)
	must(t, err)
	return database, keyFile, v
}
