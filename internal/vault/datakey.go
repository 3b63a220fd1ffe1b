package vault

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/openfairlead/fairlead/applications"
)

// A sealed value is: format byte, 8 bytes of the data key's id, 12 bytes of
// random nonce, ciphertext, 16 bytes of tag. The id says which key opens it,
// so that rows under an old and a new key can live side by side.
const (
	sealFormat = 1
	idSize     = 8
	headSize   = 1 + idSize
	// SealHead is the length of format, key id and nonce: bytes that no two
	// sealed values share.
	SealHead = headSize + subtle.AESGCMIVSize
)

// DataKey encrypts what belongs to one program, or, with an empty program, to
// the installation. AES-256-GCM with random nonces: a key stays good for 2^32
// values (NIST SP 800-38D), more than any program writes. Safe for concurrent
// use.
type DataKey struct {
	ID      string // 16 hex digits
	Program string
	id      [idSize]byte
	aead    tink.AEAD
}

// Place is where a sealed value belongs. It is bound to the value, so that one
// moved to another row, field, table or program does not open.
type Place struct {
	Table, Field, Row string
}

// NewDataKey makes a data key for a program, and its wrapped form, which is
// what a database keeps. A program whose wrapped key is destroyed can be read
// by nobody.
func (v *Vault) NewDataKey(program string) (*DataKey, []byte, error) {
	raw, id := random(keySize), random(idSize)
	k, err := newDataKey(program, id, raw)
	if err != nil {
		return nil, nil, err
	}
	wrapped, err := v.now.Load().wrap.Encrypt(raw, wrapContext(program, k.ID))
	if err != nil {
		return nil, nil, err
	}
	return k, wrapped, nil
}

// OpenDataKey unwraps a data key: DataLoss DATA_KEY_UNREADABLE if it is not
// the key with that id of that program, wrapped by this master key.
func (v *Vault) OpenDataKey(program, id string, wrapped []byte) (*DataKey, error) {
	raw, idBytes, err := v.now.Load().unwrap(program, id, wrapped)
	if err != nil {
		return nil, err
	}
	return newDataKey(program, idBytes, raw)
}

func (k *keys) unwrap(program, id string, wrapped []byte) (raw, idBytes []byte, err error) {
	raw, err = k.wrap.Decrypt(wrapped, wrapContext(program, id))
	idBytes, err2 := hex.DecodeString(id)
	if err != nil || err2 != nil || len(idBytes) != idSize || len(raw) != keySize {
		return nil, nil, applications.Errorf(applications.DataLoss, "DATA_KEY_UNREADABLE",
			"the data key %s does not open with the master key %s: the database was changed from outside; restore it from a backup", printable(id), k.id)
	}
	return raw, idBytes, nil
}

// Rewrap turns a data key that v wrapped into the same one wrapped by to.
func (v *Vault) Rewrap(to *Vault, program, id string, wrapped []byte) ([]byte, error) {
	raw, _, err := v.now.Load().unwrap(program, id, wrapped)
	if err != nil {
		return nil, err
	}
	return to.now.Load().wrap.Encrypt(raw, wrapContext(program, id))
}

func newDataKey(program string, id, raw []byte) (*DataKey, error) {
	a, err := subtle.NewAESGCM(raw)
	if err != nil {
		return nil, err
	}
	k := &DataKey{ID: hex.EncodeToString(id), Program: program, aead: a}
	copy(k.id[:], id)
	return k, nil
}

// Seal encrypts a value for its place.
func (k *DataKey) Seal(at Place, plain []byte) ([]byte, error) {
	ct, err := k.aead.Encrypt(plain, k.context(at))
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, headSize+len(ct))
	out = append(out, sealFormat)
	out = append(out, k.id[:]...)
	return append(out, ct...), nil
}

// Open decrypts a value that was sealed by this key for this place. Anything
// else is DataLoss SEALED_VALUE_UNREADABLE, which names the place but for the
// row's content nothing.
func (k *DataKey) Open(at Place, sealed []byte) ([]byte, error) {
	if id, ok := SealedBy(sealed); ok && id == k.ID {
		if plain, err := k.aead.Decrypt(sealed[headSize:], k.context(at)); err == nil {
			return plain, nil
		}
	}
	return nil, Unreadable(at)
}

// Unreadable is the error for a sealed value that does not open where it
// stands.
func Unreadable(at Place) error {
	return applications.Errorf(applications.DataLoss, "SEALED_VALUE_UNREADABLE",
		"a stored value does not decrypt (table %s, field %s, row %q): the database was changed from outside or its disk is failing; restore it from a backup", at.Table, at.Field, at.Row)
}

// Head is what every value begins with that this key sealed.
func (k *DataKey) Head() []byte { return append([]byte{sealFormat}, k.id[:]...) }

// SealedBy returns the id of the data key that sealed a value, and whether it
// looks like a sealed value at all.
func SealedBy(sealed []byte) (id string, ok bool) {
	if len(sealed) < SealHead+subtle.AESGCMTagSize || sealed[0] != sealFormat {
		return "", false
	}
	return hex.EncodeToString(sealed[1:headSize]), true
}

// context is the associated data of a value: the parts with their lengths, so
// that no two places give the same bytes.
func (k *DataKey) context(at Place) []byte {
	b := make([]byte, 0, 64+len(k.Program)+len(at.Row))
	b = append(b, "fairlead sealed value 1"...)
	return appendParts(b, k.Program, at.Table, at.Field, at.Row)
}

func wrapContext(program, id string) []byte {
	return appendParts([]byte("fairlead data key 1"), program, id)
}

func appendParts(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}
