// Package vault keeps the installation's secrets: one master key in a file of
// its own, the keys derived from it, and one data key per program that the
// master key wraps.
//
// It protects backups, dumps and stolen disks. It does not protect against
// whoever runs the server, who holds the key file.
package vault

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/openfairlead/fairlead/applications"
)

// keySize is the length in bytes of the master key and of every derived key.
const keySize = 32

// Labels that this package derives keys for itself. Callers' labels get the
// prefix "app ", so that no caller can ask for one of these.
const (
	labelID    = "vault key id"
	labelCheck = "vault check value"
	labelWrap  = "vault wrap data keys"
	appPrefix  = "app "
)

// Vault is a loaded master key. It is safe for concurrent use.
type Vault struct {
	master  []byte
	id      string
	wrap    tink.AEAD
	derived sync.Map // label -> []byte, so that HKDF runs once for each
}

func newVault(master []byte) (*Vault, error) {
	v := &Vault{master: master}
	v.id = hex.EncodeToString(v.key(labelID)[:8])
	wrap, err := subtle.NewAESGCM(v.key(labelWrap))
	if err != nil {
		return nil, err
	}
	v.wrap = wrap
	return v, nil
}

// key is HKDF-SHA256 of the master key with the label as its info.
func (v *Vault) key(label string) []byte {
	if k, ok := v.derived.Load(label); ok {
		return k.([]byte)
	}
	k, err := hkdf.Key(sha256.New, v.master, nil, label, keySize)
	if err != nil {
		panic("vault: deriving a key: " + err.Error()) // only for lengths that keySize is not
	}
	got, _ := v.derived.LoadOrStore(label, k)
	return got.([]byte)
}

// KeyID names the master key. It is derived from the key, and not secret.
func (v *Vault) KeyID() string { return v.id }

// Format keeps the key out of whatever prints a Vault.
func (v *Vault) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "vault(%s)", v.id) }

// Check is a value that only the holder of the master key can make; a database
// keeps it to recognize its key. 16 bytes.
func (v *Vault) Check() []byte { return v.key(labelCheck)[:16] }

// Matches reports whether the database that keeps id and check belongs to
// this key: FailedPrecondition MASTER_KEY_MISMATCH if not.
func (v *Vault) Matches(id string, check []byte) error {
	if hmac.Equal([]byte(id), []byte(v.id)) && hmac.Equal(check, v.Check()) {
		return nil
	}
	return applications.Errorf(applications.FailedPrecondition, "MASTER_KEY_MISMATCH",
		"the database was written with the master key %s, and the key file holds %s; point --master-key-file to the right key, nothing was changed", printable(id), v.id)
}

// Derive returns the 32-byte key of the label: for page tokens, cookies and
// whatever else needs a key of its own. The caller must not change it.
func (v *Vault) Derive(label string) []byte { return v.key(appPrefix + label) }

// MAC is HMAC-SHA256 of the message under the label's key. It makes a Vault
// the applications.Secrets of a service.
func (v *Vault) MAC(label string, message []byte) []byte {
	h := hmac.New(sha256.New, v.Derive(label))
	h.Write(message)
	return h.Sum(nil)
}

var _ applications.Secrets = (*Vault)(nil)

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: the program ends if the system has no randomness
	return b
}

// printable keeps a key id that somebody damaged from putting anything but a
// key id into a message.
func printable(id string) string {
	if len(id) > 32 {
		return "(not a key id)"
	}
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "(not a key id)"
		}
	}
	return id
}
