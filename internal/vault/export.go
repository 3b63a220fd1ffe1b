package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/files"
)

// A key for the safe is an age file (age-encryption.org/v1) in its text form,
// encrypted to a passphrase by scrypt: `age --decrypt FILE` gives the key file
// too, without this program.

// ShortestPassphrase is in characters. A passphrase protects the key against
// whoever gets the file and may try as often as they like.
const ShortestPassphrase = 12

// workFactor is scrypt's cost, as a power of two: 2^18 takes about a second and
// 256 MiB for each try.
var workFactor = 18

// CheckPassphrase refuses one that is too short or no text:
// InvalidArgument PASSPHRASE_INVALID.
func CheckPassphrase(passphrase string) error {
	problem := ""
	switch {
	case !utf8.ValidString(passphrase):
		problem = "is no UTF-8 text"
	case utf8.RuneCountInString(passphrase) < ShortestPassphrase:
		problem = fmt.Sprintf("is shorter than %d characters; six words that you throw dice for are good", ShortestPassphrase)
	default:
		return nil
	}
	return applications.Errorf(applications.InvalidArgument, "PASSPHRASE_INVALID", "the passphrase %s", problem)
}

// Export returns the key file encrypted to a passphrase.
func (v *Vault) Export(passphrase string) ([]byte, error) {
	if err := CheckPassphrase(passphrase); err != nil {
		return nil, err
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	to.SetWorkFactor(workFactor)
	var out bytes.Buffer
	text := armor.NewWriter(&out)
	w, err := age.Encrypt(text, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(v.FileText()); err != nil {
		return nil, err
	}
	if err := errors.Join(w.Close(), text.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Import is the inverse of Export: InvalidArgument EXPORT_MALFORMED for what is
// no such file, PASSPHRASE_WRONG for another passphrase.
func Import(exported []byte, passphrase string) (*Vault, error) {
	malformed := func(what string) error {
		return applications.Errorf(applications.InvalidArgument, "EXPORT_MALFORMED",
			"this is not a key that `fairlead keys export` wrote, or it was damaged (%s)", what)
	}
	if len(exported) > 4*maxFileSize {
		return nil, malformed("it is too long")
	}
	from, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, CheckPassphrase(passphrase)
	}
	var in io.Reader = bytes.NewReader(exported)
	if strings.HasPrefix(strings.TrimSpace(string(exported)), armor.Header) {
		in = armor.NewReader(in)
	}
	plain, err := age.Decrypt(in, from)
	var other *age.NoIdentityMatchError
	if errors.As(err, &other) {
		return nil, applications.Errorf(applications.InvalidArgument, "PASSPHRASE_WRONG", "the passphrase is not the one that the key was exported with")
	}
	if err != nil {
		return nil, malformed("it is no age file")
	}
	text, err := io.ReadAll(io.LimitReader(plain, maxFileSize+1))
	if err != nil {
		return nil, malformed("it does not decrypt")
	}
	v, err := parse(text)
	if err != nil {
		return nil, malformed(err.Error())
	}
	return v, nil
}

// Put makes v the key in path. What is there is kept as Promote keeps it.
func (v *Vault) Put(path string) error {
	err := writeNew(path, v.FileText())
	if errors.Is(err, fs.ErrExist) {
		err = v.replace(path)
	}
	if err != nil {
		return applications.Errorf(applications.FailedPrecondition, "MASTER_KEY_NOT_WRITABLE",
			"cannot write the master key file %s (%w); make its folder writable or choose another place with --master-key-file", path, files.Cause(err))
	}
	return nil
}

func (v *Vault) replace(path string) error {
	text, err := os.ReadFile(path)
	if err != nil || bytes.Equal(text, v.FileText()) {
		return err
	}
	if err := keepOld(path, text); err != nil {
		return err
	}
	next := NextPath(path)
	if err := writeNew(next, v.FileText()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return files.SyncFolder(filepath.Dir(path))
}
