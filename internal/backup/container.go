package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
)

const (
	manifestName = "manifest.json"
	macName      = "manifest.mac"
	maxManifest  = 1 << 20 // bytes; one has some 3,000
	macLabel     = "backup manifest"
	block        = 512 // of tar
)

func manifestMAC(v *vault.Vault, manifest []byte) []byte {
	return []byte(hex.EncodeToString(v.MAC(macLabel, manifest)) + "\n")
}

// compose writes the members in the one way in which they can be written: a
// reader composes again what it has read and compares, so that no byte of a
// backup can change unnoticed.
func compose(w io.Writer, manifest, mac []byte, m *Manifest, payload io.Reader) error {
	t := tar.NewWriter(w)
	for _, member := range []struct {
		name    string
		size    int64
		content io.Reader
	}{
		{manifestName, int64(len(manifest)), bytes.NewReader(manifest)},
		{macName, int64(len(mac)), bytes.NewReader(mac)},
		{m.Payload.Name, m.Payload.Size, payload},
	} {
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: member.name, Size: member.size, Mode: 0o600, ModTime: m.Created.UTC().Truncate(time.Second)}); err != nil {
			return err
		}
		if _, err := io.CopyN(t, member.content, member.size); err != nil {
			return err
		}
	}
	return t.Close()
}

// pack digests the payload, writes the container, has it on disk, and reads it
// again. Only then the first block is written: before, the file is no tar.
func pack(ctx context.Context, m *Manifest, v *vault.Vault, payload, target string, p Progress) error {
	in, err := os.Open(payload)
	if err != nil {
		return err
	}
	defer in.Close()
	h := sha256.New()
	p.step("packing")
	if m.Payload.Size, err = io.Copy(h, contextReader{ctx, in}); err != nil {
		return err
	}
	m.Payload.SHA256 = hex.EncodeToString(h.Sum(nil))
	manifest, err := m.bytes()
	if err != nil {
		return err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	out := &firstBlockLast{f: f}
	buffered := bufio.NewWriterSize(out, 1<<20)
	if err := compose(buffered, manifest, manifestMAC(v, manifest), m, meter{contextReader{ctx, in}, m.Payload.Size, p, "packing"}.reader()); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	r := &container{f: f, head: out.head}
	if err := r.open(v); err != nil {
		return fmt.Errorf("reading the new backup: %w", err)
	}
	if err := r.check(ctx, io.Discard, p); err != nil {
		return fmt.Errorf("reading the new backup: %w", err)
	}
	if _, err := f.WriteAt(out.head, 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// firstBlockLast keeps the first block back.
type firstBlockLast struct {
	f    *os.File
	head []byte
	at   int64
}

func (w *firstBlockLast) Write(b []byte) (int, error) {
	n := 0
	if missing := block - len(w.head); missing > 0 {
		n = min(missing, len(b))
		w.head = append(w.head, b[:n]...)
		w.at += int64(n)
	}
	written, err := w.f.WriteAt(b[n:], w.at)
	w.at += int64(written)
	return n + written, err
}

// container is a backup that is read.
type container struct {
	f       *os.File
	head    []byte // the first block, if it is not in the file yet
	from    int64  // where the payload begins
	text    []byte // of the manifest
	mac     []byte
	Details *Manifest
}

func (c *container) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.f.ReadAt(b, at)
	if at < int64(len(c.head)) {
		copy(b[:n], c.head[at:])
	}
	return n, err
}

func (c *container) section() *io.SectionReader { return io.NewSectionReader(c, 0, size(c.f.Name())) }

func notABackup(name string) error {
	return applications.Errorf(applications.FailedPrecondition, "NOT_A_BACKUP",
		"%s is not a backup of Fairlead, or one that was cut off while it was made; nothing was changed", name)
}

func damaged(name, how string) error {
	return applications.Errorf(applications.DataLoss, "BACKUP_DAMAGED",
		"the backup %s is damaged (%s): use another copy or another backup; nothing was changed", name, how)
}

func newer(name string) error {
	return applications.Errorf(applications.FailedPrecondition, "BACKUP_NEWER",
		"the backup %s was made by a newer version of this program; restore it with that version or a newer one; nothing was changed", name)
}

// open reads and checks the manifest.
func (c *container) open(v *vault.Vault) error {
	name := filepath.Base(c.f.Name())
	whole := c.section()
	t := tar.NewReader(whole)
	text, err := member(t, manifestName)
	if err != nil {
		return notABackup(name)
	}
	mac, err := member(t, macName)
	if err != nil {
		return damaged(name, "its second part is not what it should be")
	}
	h, err := t.Next()
	if err != nil || h.Name != sqlitePayload && h.Name != postgresPayload {
		return damaged(name, "its third part is not what it should be")
	}
	m, err := parseManifest(text)
	if err != nil {
		return damaged(name, "its manifest cannot be read")
	}
	if m.Format > formatVersion {
		return newer(name)
	}
	if m.KeyID != v.KeyID() {
		return applications.Errorf(applications.FailedPrecondition, "MASTER_KEY_MISMATCH",
			"the backup %s was made with the master key %s, and the key file holds %s; name the right file with --master-key-file; nothing was changed", name, plainID(m.KeyID), v.KeyID())
	}
	if !hmac.Equal(mac, manifestMAC(v, text)) {
		return damaged(name, "its manifest is not the one that the holder of the master key wrote")
	}
	if m.Payload.Name != h.Name || m.Payload.Size != h.Size || m.Format != formatVersion {
		return damaged(name, "its third part is not what the manifest says")
	}
	if c.from, err = whole.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	c.text, c.mac, c.Details = text, mac, m
	return nil
}

// check reads everything, compares each byte with what it has to be, and
// writes the payload out.
func (c *container) check(ctx context.Context, payload io.Writer, p Progress) error {
	name := filepath.Base(c.f.Name())
	h := sha256.New()
	in := meter{contextReader{ctx, io.NewSectionReader(c, c.from, c.Details.Payload.Size)}, c.Details.Payload.Size, p, "reading the backup"}.reader()
	same := &comparer{r: bufio.NewReaderSize(c.section(), 1<<20)}
	err := compose(same, c.text, c.mac, c.Details, io.TeeReader(in, io.MultiWriter(h, payload)))
	switch {
	case errors.Is(err, errDiffers), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return damaged(name, "some of its bytes have changed, or its end is missing")
	case err != nil:
		return err
	case hex.EncodeToString(h.Sum(nil)) != c.Details.Payload.SHA256:
		return damaged(name, "the database in it has changed")
	}
	if _, err := same.r.ReadByte(); !errors.Is(err, io.EOF) {
		return damaged(name, "something was added at its end")
	}
	return nil
}

// member reads a small member that has to come next.
func member(t *tar.Reader, name string) ([]byte, error) {
	h, err := t.Next()
	if err != nil {
		return nil, err
	}
	if h.Name != name || h.Size > maxManifest {
		return nil, errors.New("another member")
	}
	return io.ReadAll(t)
}

var errDiffers = errors.New("the bytes differ")

// comparer compares what is written to it with what it reads.
type comparer struct {
	r   *bufio.Reader
	buf []byte
}

func (c *comparer) Write(b []byte) (int, error) {
	if cap(c.buf) < len(b) {
		c.buf = make([]byte, len(b))
	}
	if _, err := io.ReadFull(c.r, c.buf[:len(b)]); err != nil {
		return 0, err
	}
	if !bytes.Equal(b, c.buf[:len(b)]) {
		return 0, errDiffers
	}
	return len(b), nil
}

// contextReader ends when the context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(b []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(b)
}

// meter reports how much was read.
type meter struct {
	r     io.Reader
	total int64
	p     Progress
	step  string
}

func (m meter) reader() io.Reader {
	if m.p == nil {
		return m.r
	}
	var done int64
	return readFunc(func(b []byte) (int, error) {
		n, err := m.r.Read(b)
		done += int64(n)
		m.p(m.step, done, m.total)
		return n, err
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// plainID keeps what is no key id out of messages.
func plainID(id string) string {
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 8 {
		return "(not a key id)"
	}
	return id
}
