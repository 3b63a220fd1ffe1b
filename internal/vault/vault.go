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
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

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

// Vault is a loaded master key. It is safe for concurrent use, also while it
// follows its database to a new master key.
type Vault struct {
	path string // of the key file, or ""
	now  atomic.Pointer[keys]
	turn sync.Mutex // one at a time changes now
}

// keys is what one master key gives.
type keys struct {
	master  []byte
	id      string
	wrap    tink.AEAD
	derived sync.Map // label -> []byte, so that HKDF runs once for each
}

func newVault(master []byte) (*Vault, error) {
	k, err := newKeys(master)
	if err != nil {
		return nil, err
	}
	v := &Vault{}
	v.now.Store(k)
	return v, nil
}

func newKeys(master []byte) (*keys, error) {
	k := &keys{master: master}
	k.id = hex.EncodeToString(k.key(labelID)[:8])
	wrap, err := subtle.NewAESGCM(k.key(labelWrap))
	if err != nil {
		return nil, err
	}
	k.wrap = wrap
	return k, nil
}

// key is HKDF-SHA256 of the master key with the label as its info, or what
// took its place.
func (k *keys) key(label string) []byte {
	if key, ok := k.derived.Load(label); ok {
		return key.([]byte)
	}
	key, err := hkdf.Key(sha256.New, k.master, nil, label, keySize)
	if err != nil {
		panic("vault: deriving a key: " + err.Error()) // only for lengths that keySize is not
	}
	got, _ := k.derived.LoadOrStore(label, key)
	return got.([]byte)
}

// KeyID names the master key. It is derived from the key, and not secret.
func (v *Vault) KeyID() string { return v.now.Load().id }

// Format keeps the key out of whatever prints a Vault.
func (v *Vault) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "vault(%s)", v.KeyID()) }

// Check is a value that only the holder of the master key can make; a database
// keeps it to recognize its key. 16 bytes.
func (v *Vault) Check() []byte { return v.now.Load().check() }

func (k *keys) check() []byte { return k.key(labelCheck)[:16] }

// Matches reports whether the database that keeps id and check belongs to
// this key: FailedPrecondition MASTER_KEY_MISMATCH if not.
func (v *Vault) Matches(id string, check []byte) error {
	k := v.now.Load()
	if k.matches(id, check) {
		return nil
	}
	return applications.Errorf(applications.FailedPrecondition, "MASTER_KEY_MISMATCH",
		"the database was written with the master key %s, and the key file holds %s; point --master-key-file to the right key, nothing was changed", printable(id), k.id)
}

func (k *keys) matches(id string, check []byte) bool {
	return hmac.Equal([]byte(id), []byte(k.id)) && hmac.Equal(check, k.check())
}

// Derive returns the 32-byte key of the label: for page tokens, cookies and
// whatever else needs a key of its own. The caller must not change it. The
// label has to stand in Labels, or it would be forgotten when the master key
// changes.
func (v *Vault) Derive(label string) []byte {
	if !slices.ContainsFunc(Labels, func(l Label) bool { return l.Name == label }) {
		panic("vault: the label " + strconv.Quote(label) + " does not stand in vault.Labels")
	}
	return v.now.Load().key(appPrefix + label)
}

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
