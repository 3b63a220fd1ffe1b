package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Last is the last backup that was made from a data folder. It is remembered
// in a file there and not in the database, because a backup must not write to
// what it copies, also to a database of an older version; a database that was
// restored has had no backup.
type Last struct {
	Time time.Time `json:"time"`
	File string    `json:"file"` // absolute path
	Size int64     `json:"size"` // bytes
	// Database is what was copied, because after a move a backup of the old
	// database is worth nothing: a file by its path from the data folder, or its
	// absolute one if it lies elsewhere; a server's without a password.
	Database string `json:"database"`
}

// lastFile is the file in the data folder.
const lastFile = "last-backup.json"

// Remember keeps what the last backup was.
func Remember(dataFolder string, l Last) error {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dataFolder, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dataFolder, "."+lastFile+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	// It is no secret, and the account that makes backups may not be the one
	// that runs the server.
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dataFolder, lastFile))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Recall returns the last backup that was made from a data folder, nil if there
// was none.
func Recall(dataFolder string) (*Last, error) {
	text, err := os.ReadFile(filepath.Join(dataFolder, lastFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l := &Last{}
	if err := json.Unmarshal(text, l); err != nil || l.Time.IsZero() {
		return nil, fmt.Errorf("%s is damaged", filepath.Join(dataFolder, lastFile))
	}
	return l, nil
}
