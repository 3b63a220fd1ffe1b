package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/openfairlead/fairlead/internal/disk"
	"github.com/openfairlead/fairlead/internal/sqlstore"
)

// What is little space: the database may need as much again while it is copied
// or brought up to date.
const (
	littleSpace   = 1 << 30   // bytes; and three times the size of the database
	almostNoSpace = 128 << 20 // bytes
)

// drive looks at what the database lies on.
func (d *doctor) drive() {
	folder, what := d.at.data, "the data folder"
	if !sqlstore.IsPostgres(d.at.database()) {
		if d.at.named != "" || os.Getenv(databaseVariable) != "" {
			folder, what = filepath.Dir(d.at.database()), "the database's folder"
		}
		if service := disk.SyncService(folder); service != "" {
			d.problem("%s lies in a folder of %s, which copies files while they are written and breaks the database; move it and name the new place with --data", what, service)
		}
	}
	on, err := d.fileSystem(folder)
	if err != nil {
		return // whether the folder can be used at all is told elsewhere
	}
	if !sqlstore.IsPostgres(d.at.database()) {
		switch on.Class {
		case disk.Network:
			d.problem("%s lies on a network drive (%s), where locks and flushes do not hold, so that a lost connection breaks the database; move it to a disk of this machine, or keep the data in PostgreSQL (--database)", what, on.Kind)
		case disk.Memory:
			d.warn("%s lies in memory (%s): everything is gone when the machine stops; move it to a disk", what, on.Kind)
		case disk.Layer:
			d.warn("%s lies in a container's own file system (%s) and is gone when the container is; mount a volume there", what, on.Kind)
		}
	}
	if !on.FreeKnown {
		return
	}
	var size uint64
	for _, end := range []string{"", "-wal"} {
		if info, err := os.Stat(d.at.database() + end); err == nil && !sqlstore.IsPostgres(d.at.database()) {
			size += uint64(info.Size())
		}
	}
	switch {
	case on.Free < almostNoSpace:
		d.problem("there is almost no space left for %s (%s free); a full disk stops the server", what, megabytes(on.Free))
	case on.Free < max(littleSpace, 3*size):
		d.warn("there is little space left for %s: %s free, and the database has %s; a backup or an upgrade may need as much again", what, megabytes(on.Free), megabytes(size))
	default:
		d.ok("there is space for %s: %s free", what, megabytes(on.Free))
	}
}

func megabytes(n uint64) string {
	if n >= 10<<30 {
		return fmt.Sprintf("%d GB", n>>30)
	}
	return fmt.Sprintf("%d MB", n>>20)
}

// erasures looks whether the list of erasures can be written: nothing can be
// erased where it cannot.
func (d *doctor) erasures() {
	list := d.at.erasureList()
	f, err := os.OpenFile(list, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = os.CreateTemp(filepath.Dir(list), ".doctor-*"); err == nil {
			defer os.Remove(f.Name())
		}
	}
	if errors.Is(err, fs.ErrNotExist) && !d.at.begun() {
		return // the first start makes even its folder
	}
	if err != nil {
		d.problem("the list of erasures %s cannot be written (%v), so that nobody can be erased; make its folder, writable for this account, or name another place with --erasure-list", list, cause(err))
		return
	}
	_ = f.Close() // nothing was written
}

// modes looks at who else of this machine can read the files of the database.
// What is told of the folder is not told again of each.
func (d *doctor) modes() {
	if runtime.GOOS == "windows" || sqlstore.IsPostgres(d.at.database()) {
		return
	}
	folder, err := os.Stat(filepath.Dir(d.at.database()))
	if err != nil || folder.Mode().Perm()&0o011 == 0 { // nobody else gets in
		return
	}
	for _, file := range []string{d.at.database(), d.at.database() + "-wal", d.at.database() + "-shm"} {
		info, err := os.Stat(file)
		if err == nil && info.Mode().Perm()&fs.FileMode(0o066) != 0 {
			d.problem("other accounts of this machine can read the database %s (mode %04o): names of programs, times and the audit log are not encrypted in it; run: chmod 600 %s", file, info.Mode().Perm(), file)
		}
	}
}

// clock looks whether the time of this machine can be right: calls open and
// close by it, and audit lines and certificates hold it.
func (d *doctor) clock(now time.Time) {
	if info, err := os.Stat(d.at.database()); err == nil && info.ModTime().After(now.Add(2*time.Minute)) {
		d.problem("the clock of this machine is slow: it says %s, and the database was changed at %s; set it", now.UTC().Format(time.DateTime), info.ModTime().UTC().Format(time.DateTime))
		return
	}
	if built := d.built(); built.After(now) {
		d.problem("the clock of this machine is slow: it says %s, and this program was made on %s; set it", now.UTC().Format(time.DateTime), built.UTC().Format(time.DateOnly))
		return
	}
	if synced, known := d.synced(); known && !synced {
		d.warn("nothing keeps the clock of this machine right, and calls open and close by it; turn on time synchronization, for example: timedatectl set-ntp true")
	} else {
		d.ok("the clock says %s", now.Format("2006-01-02 15:04 MST"))
	}
}
