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
	switch err := os.Link(file, target); {
	case err == nil:
	case errors.Is(err, fs.ErrExist):
		return applications.Errorf(applications.FailedPrecondition, "BACKUP_FILE_EXISTS", "%s came to be meanwhile; choose another name", target)
	default: // a file system without links
		if err := os.Rename(file, target); err != nil {
			return err
		}
		return files.SyncFolder(filepath.Dir(target))
	}
	if err := os.Remove(file); err != nil {
		return err
	}
	return files.SyncFolder(filepath.Dir(target))
}
