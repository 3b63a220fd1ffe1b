package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/files"
)

// publish gives a complete file its name, durably. Without replace it never
// takes the place of a file that came to be meanwhile.
func publish(file, target string, replace bool) error {
	if replace {
		if err := os.Rename(file, target); err != nil {
			return err
		}
		return files.SyncFolder(filepath.Dir(target))
	}
	err := os.Link(file, target)
	switch {
	case err == nil:
		err = os.Remove(file)
	case !errors.Is(err, fs.ErrExist): // a file system without links
		err = claim(file, target)
	}
	if errors.Is(err, fs.ErrExist) {
		return applications.Errorf(applications.FailedPrecondition, "BACKUP_FILE_EXISTS", "%s came to be meanwhile; choose another name", target)
	}
	if err != nil {
		return err
	}
	return files.SyncFolder(filepath.Dir(target))
}

// claim gives a file a name that nothing has: it makes an empty file of that
// name first, which fails where there is one, and then takes its own file's
// place. A kill between the two leaves the empty file.
func claim(file, target string) error {
	f, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err = f.Close(); err == nil {
		err = os.Rename(file, target)
	}
	if err != nil {
		return errors.Join(err, os.Remove(target))
	}
	return nil
}
