package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// mayWrite finds out, before work is spent on it, whether a file can be written.
func mayWrite(name string, force bool) error {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return usage("%s is a folder: name a file", name)
	case err == nil && !force:
		return usage("%s exists; choose another name, or overwrite it with --force", name)
	}
	dir := filepath.Dir(name)
	probe, err := os.CreateTemp(dir, ".fairlead-*")
	if err != nil {
		return usage("cannot write to the folder %s: %w", dir, cause(err))
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// writeNew writes a file that only its owner can read, whole or not at all.
func writeNew(name string, content []byte, force bool) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".fairlead-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if force {
		return os.Rename(f.Name(), name)
	}
	// A link, unlike a rename, never replaces a file that came to be meanwhile.
	switch err = os.Link(f.Name(), name); {
	case err == nil:
		return os.Remove(f.Name())
	case errors.Is(err, fs.ErrExist):
		os.Remove(f.Name())
		return usage("%s came to be meanwhile; choose another name, or overwrite it with --force", name)
	}
	return os.Rename(f.Name(), name) // a file system without links
}
