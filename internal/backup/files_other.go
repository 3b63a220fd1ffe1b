//go:build !unix

package backup

import (
	"errors"
	"syscall"
)

// Windows' ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL.
func full(err error) bool {
	return errors.Is(err, syscall.Errno(39)) || errors.Is(err, syscall.Errno(112))
}

// lockedElsewhere: Windows refuses to rename or remove a file that is open.
func lockedElsewhere(string) (bool, error) { return false, nil }
