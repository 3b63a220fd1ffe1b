//go:build unix

package backup

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// full is whether a disk, a quota or a limit on the size of files is why
// something was not written.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// sqliteLock is the byte of a -shm file that each connection to a database in
// SQLite's write-ahead mode keeps locked (UNIX_SHM_DMS in os_unix.c).
const sqliteLock = 128

// lockedElsewhere reports whether another process has a database open, by its
// -shm file: it may have the database open although its name is gone.
func lockedElsewhere(shm string) (bool, error) {
	f, err := os.OpenFile(shm, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: sqliteLock, Len: 1}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &lock); err != nil {
		return false, err
	}
	return lock.Type != syscall.F_UNLCK, nil
}
