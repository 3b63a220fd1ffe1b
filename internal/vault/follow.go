package vault

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/files"
)

// A new master key takes the place of an old one in three steps, each of which
// can be the last before a crash:
//
//  1. FILE.new is written: a key that no database knows yet.
//  2. The database goes over to it, in one transaction.
//  3. FILE becomes FILE.old, and FILE.new becomes FILE.
//
// After the second step the database opens with FILE.new only, and whoever
// opens it takes the third.

// NextPath is where the key waits that is to take the place of the one in path.
func NextPath(path string) string { return path + ".new" }

// OldPath is where the key is kept that another took the place of.
func OldPath(path string) string { return path + ".old" }

// Next loads the key that is to take the place of the one in path; it makes
// one if there is none. One that is there was prepared, or left by an attempt
// that did not come to the second step: no database knows it, so that it is as
// good as a new one.
func Next(path string) (v *Vault, made bool, err error) {
	next := NextPath(path)
	v, err = Load(next)
	if err == nil || applications.ReasonOf(err) != "MASTER_KEY_MISSING" {
		return v, false, err
	}
	if err := create(next); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, false, applications.Errorf(applications.FailedPrecondition, "MASTER_KEY_NOT_WRITABLE",
			"cannot make the new master key file %s (%w); make its folder writable", next, files.Cause(err))
	}
	v, err = Load(next)
	return v, true, err
}

// Promote takes the third step: path becomes path.old, and path.new, which has to
// hold the key id, becomes path. At every moment there is a file in path, and no
// key is ever overwritten: if path.old is there already, the old key goes to
// path.old.ID.
func Promote(path, id string) error {
	if err := promote(path, id); err != nil {
		return applications.Errorf(applications.FailedPrecondition, "MASTER_KEY_NOT_WRITABLE",
			"the database has the new master key, but %s cannot be put in the place of %s (%w); make the folder writable and start again", NextPath(path), path, files.Cause(err))
	}
	return nil
}

func promote(path, id string) error {
	next, err := os.ReadFile(NextPath(path))
	if err != nil {
		return err
	}
	if !holds(next, id) {
		return fs.ErrNotExist // another process has done it, and a new key waits already
	}
	text, err := os.ReadFile(path)
	if err == nil && bytes.Equal(text, next) {
		return fs.ErrNotExist // another process has just done it
	}
	if err == nil { // a copy, so that path never goes missing
		if err := keepOld(path, text); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Copying took its time: another process may have done all this meanwhile.
	if next, err = os.ReadFile(NextPath(path)); err != nil {
		return err
	} else if !holds(next, id) {
		return fs.ErrNotExist
	}
	if err := os.Rename(NextPath(path), path); err != nil {
		return err
	}
	return files.SyncFolder(filepath.Dir(path))
}

func holds(text []byte, id string) bool {
	v, err := parse(text)
	return err == nil && v.KeyID() == id
}

func keepOld(path string, text []byte) error {
	suffix := ".damaged"
	if old, err := parse(text); err == nil {
		suffix = "." + old.KeyID()
	}
	for _, to := range []string{OldPath(path), OldPath(path) + suffix} {
		if err := writeNew(to, text); !errors.Is(err, fs.ErrExist) {
			return err
		}
		if there, err := os.ReadFile(to); err != nil || bytes.Equal(there, text) {
			return err // there: by an attempt that was cut off, or by another process
		}
	}
	return fs.ErrExist
}

// Follow makes v the master key of the database that keeps id, check and the
// derived keys (wrapped, by label), if the key file, or the one beside it that
// was to take its place, holds that key: somebody changed the master key while
// this program ran, or a change of it was cut off before its last step, which
// Follow then takes. It reports whether v is another key now. Otherwise it is
// MASTER_KEY_MISMATCH, which names the file that holds the key, if it is
// FILE.old.
func (v *Vault) Follow(id string, check []byte, derived map[string][]byte) (changed bool, err error) {
	v.turn.Lock()
	defer v.turn.Unlock()
	if v.now.Load().matches(id, check) {
		return false, nil
	}
	mismatch := v.Matches(id, check)
	if v.path == "" {
		return false, mismatch
	}
	there := func() *Vault {
		w, err := Load(v.path)
		if err != nil || !w.now.Load().matches(id, check) {
			return nil
		}
		return w
	}
	if w := there(); w != nil {
		return true, v.become(w, derived)
	}
	if w, err := Load(NextPath(v.path)); err == nil && w.now.Load().matches(id, check) {
		// Another process may be faster, or this one may read its key and write
		// nothing beside it: then the key is found there again the next time.
		_ = Promote(v.path, id)
		return true, v.become(w, derived)
	}
	if w := there(); w != nil { // another process took the last step between our two looks
		return true, v.become(w, derived)
	}
	if w, err := Load(OldPath(v.path)); err == nil && w.now.Load().matches(id, check) {
		return false, applications.Errorf(applications.FailedPrecondition, "MASTER_KEY_MISMATCH",
			"this database belongs to the master key in %s, which another took the place of: it is a copy from before, or of another installation; point --master-key-file to that file, nothing was changed", OldPath(v.path))
	}
	return false, mismatch
}

// Become makes v the other key, with the derived keys that are kept: after a
// change of the master key by this very program.
func (v *Vault) Become(other *Vault, derived map[string][]byte) error {
	v.turn.Lock()
	defer v.turn.Unlock()
	return v.become(other, derived)
}

// become changes all of v at once: nobody derives from the new key what is
// kept from an old one.
func (v *Vault) become(other *Vault, derived map[string][]byte) error {
	for label, wrapped := range derived {
		if err := other.Keep(label, wrapped); err != nil {
			return err
		}
	}
	v.now.Store(other.now.Load())
	return nil
}
