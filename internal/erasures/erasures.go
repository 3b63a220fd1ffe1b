// Package erasures keeps the list of what was erased in a file outside the
// database, so that no restore of an older backup brings anybody back.
//
// The file is text, a line for each erasure, and names nobody: when, which
// application or program by its id, and a code that only the holder of the
// master key can make. Lines stand for themselves, so that the files of several
// servers can be put together in any order; lines are only ever added.
package erasures

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/files"
	"github.com/openfairlead/fairlead/internal/vault"
	"github.com/openfairlead/fairlead/introductions"
	"github.com/openfairlead/fairlead/mentoring"
)

const header = `# What was erased in Fairlead. It names nobody: ids only.
# When an older backup is restored, this list erases it all again. Keep it where
# a restore does not touch it, and take it along when the server moves. Add no
# line by hand: each is signed with the master key. Two such files can be put
# together into one.
`

// cutOff stands after a line that a crash cut off, and makes it no damage.
const cutOff = "# The line before was cut off by a crash."

// label of the key that lines are signed with.
const label = "erasure list"

const timeFormat = "2006-01-02T15:04:05.000000Z"

// DefaultPath is where the list of the installation is whose master key is in
// keyFile: beside it, apart from the data and its backups. An installation has
// one list, whatever its keys were: the one that backups from before a change
// need is not another, and its lines are as good under it.
func DefaultPath(keyFile string) string {
	if now := strings.TrimSuffix(keyFile, vault.OldPath("")); filepath.Base(keyFile) != vault.OldPath("") {
		keyFile = now
	}
	return keyFile + ".erasures"
}

// File is a list in a file. It is safe for concurrent use, also by several
// processes. It implements applications.ErasureList.
type File struct {
	path    string
	secrets applications.Secrets

	mu    sync.Mutex
	known map[string]bool // what is on the list, as of size
	size  int64
}

// Open names a list. The file is made with its first line.
func Open(path string, secrets applications.Secrets) *File {
	return &File{path: path, secrets: secrets}
}

// Path is where the list is.
func (f *File) Path() string { return f.path }

var _ applications.ErasureList = (*File)(nil)

// what names what an erasure erased; two erasures of the same are one.
func what(e applications.Erasure) string {
	if e.Application != "" {
		return "programs/" + e.Program + "/applications/" + e.Application + " -"
	}
	return "programs/" + e.Program + " " + e.ProgramCreated.UTC().Format(timeFormat)
}

// line is an erasure as it stands in the file, without the newline.
func line(secrets applications.Secrets, e applications.Erasure) string {
	text := e.Time.UTC().Format(timeFormat) + " " + what(e)
	return text + " " + hex.EncodeToString(secrets.MAC(label, []byte("fairlead erasure 1\n"+text)))
}

// parse reads a line; ok is false for one that the holder of the master key did
// not write.
func parse(secrets applications.Secrets, text string) (e applications.Erasure, ok bool) {
	parts := strings.Split(text, " ")
	if len(parts) != 4 {
		return e, false
	}
	var err error
	if e.Time, err = time.Parse(timeFormat, parts[0]); err != nil {
		return e, false
	}
	rest, ok := strings.CutPrefix(parts[1], "programs/")
	if !ok {
		return e, false
	}
	var of bool
	if e.Program, e.Application, of = strings.Cut(rest, "/applications/"); !of {
		if e.ProgramCreated, err = time.Parse(timeFormat, parts[2]); err != nil {
			return e, false
		}
	}
	return e, hmac.Equal([]byte(line(secrets, e)), []byte(text))
}

// Read returns the erasures on a list, each once. FailedPrecondition with the
// reason ERASURE_LIST_MISSING (also fs.ErrNotExist) if there is no file,
// ERASURE_LIST_UNREADABLE, or ERASURE_LIST_BROKEN, which names the first line
// that the holder of the master key did not write: nothing of such a list is
// returned, because it may lack lines, too.
func Read(path string, secrets applications.Secrets) ([]applications.Erasure, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, applications.Errorf(applications.FailedPrecondition, "ERASURE_LIST_MISSING", "there is no list of erasures in %s (%w)", path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer file.Close()
	list, _, err := read(path, file, secrets)
	return list, err
}

func unreadable(path string, err error) error {
	return applications.Errorf(applications.FailedPrecondition, "ERASURE_LIST_UNREADABLE", "cannot read the list of erasures in %s (%w); it must belong to the account that runs the server", path, files.Cause(err))
}

// maxList is more than a million lines.
const maxList = 256 << 20

func read(path string, file io.Reader, secrets applications.Secrets) (list []applications.Erasure, size int64, err error) {
	text, err := io.ReadAll(io.LimitReader(file, maxList))
	if err != nil {
		return nil, 0, unreadable(path, err)
	}
	if len(text) == maxList {
		return nil, 0, unreadable(path, errors.New("it is larger than 256 MiB"))
	}
	size = int64(len(text))
	// What stands after the last newline is still being written, or was cut off;
	// or it is whole, and an editor left out its end.
	if _, whole := parse(secrets, lastLine(text)); !whole {
		text = text[:len(text)-len(lastLine(text))]
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	seen := map[string]bool{}
	for n, l := range lines {
		l = strings.TrimRight(l, "\r")
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		e, ok := parse(secrets, l)
		if !ok {
			if n+1 < len(lines) && lines[n+1] == cutOff {
				continue
			}
			return nil, 0, applications.Errorf(applications.FailedPrecondition, "ERASURE_LIST_BROKEN",
				"line %d of the list of erasures in %s was not written by this installation, or was damaged: compare the list with another copy of it (`fairlead erasures export` writes one from a database), and take the line out", n+1, path)
		}
		if !seen[what(e)] {
			seen[what(e)] = true
			list = append(list, e)
		}
	}
	return list, size, nil
}

// CutOff reports whether a list ends in the middle of a line, as a copy of it
// does that was cut short: then there may have been more.
func CutOff(path string, secrets applications.Secrets) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	last := lastLine(text)
	_, whole := parse(secrets, last)
	return last != "" && !whole
}

// lastLine is what stands after the last newline.
func lastLine(text []byte) string { return string(text[bytes.LastIndexByte(text, '\n')+1:]) }

// Add puts erasures on the list that are not on it. When it returns nil they
// are on disk.
func (f *File) Add(list ...applications.Erasure) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return f.notWritable(err)
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return f.notWritable(err)
	}
	defer file.Close()
	if err := f.refresh(file); err != nil {
		return err
	}
	var text strings.Builder
	added := map[string]bool{}
	for _, e := range list {
		if w := what(e); !f.known[w] && !added[w] {
			text.WriteString(line(f.secrets, e) + "\n")
			added[w] = true
		}
	}
	if text.Len() == 0 {
		return f.sync(file) // by another process, which may not have come to it yet
	}
	begin, err := f.beginning(file)
	if err != nil {
		return err
	}
	// One write: two processes that add at the same time do not mix.
	if _, err := file.WriteString(begin + text.String()); err != nil {
		return f.notWritable(err)
	}
	if err := f.sync(file); err != nil {
		return err
	}
	if begin != "" {
		if err := files.SyncFolder(filepath.Dir(f.path)); err != nil {
			return f.notWritable(err)
		}
	}
	return nil
}

// refresh reads the file again if it is not as long as when it was last read.
func (f *File) refresh(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return unreadable(f.path, err)
	}
	if f.known != nil && info.Size() == f.size {
		return nil
	}
	list, size, err := read(f.path, file, f.secrets)
	if err != nil {
		return err
	}
	f.known, f.size = map[string]bool{}, size
	for _, e := range list {
		f.known[what(e)] = true
	}
	return nil
}

// beginning is what has to come before new lines: the header in a new file, or
// the end of a line that a crash cut off.
func (f *File) beginning(file *os.File) (string, error) {
	if f.size == 0 {
		return header, nil
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, f.size-1); err != nil {
		return "", unreadable(f.path, err)
	}
	if last[0] != '\n' {
		return "\n" + cutOff + "\n", nil
	}
	return "", nil
}

func (f *File) sync(file *os.File) error {
	if err := file.Sync(); err != nil {
		return f.notWritable(err)
	}
	return nil
}

func (f *File) notWritable(err error) error {
	return applications.Errorf(applications.FailedPrecondition, "ERASURE_LIST_NOT_WRITABLE",
		"cannot write the list of erasures %s (%w); make it and its folder writable for the account that runs the server, or choose another place with --erasure-list", f.path, files.Cause(err))
}

// Replay erases again what the list in a file says, in a database that was
// restored from an older backup, and returns how many it erased. Doing it again
// erases nothing more. It is an error if the list is missing.
func Replay(ctx context.Context, store applications.Store, secrets applications.Secrets, path string) (int, error) {
	list, err := Read(path, secrets)
	if err != nil {
		return 0, err
	}
	pairs := &mentoring.Service{Secrets: secrets, Now: time.Now, Random: rand.Reader}
	nets := &introductions.Service{Secrets: secrets, Now: time.Now, Random: rand.Reader}
	service := &applications.Service{Store: store, Secrets: secrets, Now: time.Now, Random: rand.Reader, Elsewhere: Elsewhere(pairs, nets)}
	return service.ReplayErasures(ctx, list)
}

// Export writes a list of everything that the database says was erased.
func Export(ctx context.Context, store applications.Store, secrets applications.Secrets, w io.Writer) (int, error) {
	var list []applications.Erasure
	err := store.View(ctx, func(tx applications.Tx) (err error) {
		list, err = tx.Erasures(ctx, time.Time{})
		return err
	})
	if err != nil {
		return 0, err
	}
	var text strings.Builder
	text.WriteString(header)
	for _, e := range list {
		fmt.Fprintln(&text, line(secrets, e))
	}
	_, err = io.WriteString(w, text.String())
	return len(list), err
}
