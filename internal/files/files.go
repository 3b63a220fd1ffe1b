// Package files holds what package os lacks for files that have to be there
// after a crash, and for telling people what is wrong with one.
package files

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
)

// Sync has a file that somebody else wrote on disk.
func Sync(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) // Windows syncs no other
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SyncFolder makes a new name in a folder durable. Windows cannot and need not.
func SyncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Cause is what the system said, without the path, which a message that is made
// of it names.
func Cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}
