package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// mayWrite finds out, before work is spent on it, whether a file can be written.
// The inputs are files that must not be overwritten, with --force neither.
func mayWrite(name string, force bool, inputs ...string) error {
	if name == "-" {
		return usage("--out names a file; --json prints the record on stdout")
	}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return usage("%s is a folder: name a file", name)
	case err == nil && !info.Mode().IsRegular():
		return usage("%s is no regular file: name another one, or print the record with --json", name)
	}
	if err == nil {
		for _, input := range inputs {
			if other, err := os.Stat(input); err == nil && os.SameFile(info, other) {
				return usage("--out %s would overwrite a file that is read: choose another name", name)
			}
		}
	}
	if _, err := os.Lstat(name); err == nil && !force {
		return usage("%s exists; choose another name, or overwrite it with --force", name)
	}
	dir := filepath.Dir(aim(name))
	probe, err := os.CreateTemp(dir, ".fairlead-*")
	if err != nil {
		return usage("cannot write to the folder %s: %w", dir, cause(err))
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// aim is the file that a name leads to, through symbolic links.
func aim(name string) string {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		return real
	}
	return name
}

// writeNew writes a file that only its owner can read, whole or not at all.
func writeNew(name string, content []byte, force bool) (err error) {
	name = aim(name)
	defer func() {
		// The system names the temporary file, which nobody knows.
		var p *fs.PathError
		if errors.As(err, &p) {
			err = exit(exitInternal, "%s could not be written: %w", name, p.Err)
		}
	}()
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
		return usage("%s came to be meanwhile; choose another name, or overwrite it with --force", name)
	}
	return os.Rename(f.Name(), name) // a file system without links
}
