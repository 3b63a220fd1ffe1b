package sqlstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
)

// installation is the "program" of what belongs to no program: staff, tokens,
// and calls outside any.
const installation = ""

var (
	// Held until the end of the transaction, so that no key is destroyed that a
	// transaction in progress seals with.
	queryCurrentKey = newQuery(`SELECT id, wrapped FROM data_keys WHERE program = $1 AND current = 1 ${for key share}`)
	queryDataKey    = newQuery(`SELECT wrapped FROM data_keys WHERE program = $1 AND id = $2`)
	insertDataKey   = newQuery(`INSERT INTO data_keys (program, id, current, wrapped, create_time) VALUES ($1, $2, 1, $3, $4)`)
	deleteDataKeys  = newQuery(`DELETE FROM data_keys WHERE program = $1`)
)

type keyName struct{ program, id string }

func (t *tx) addDataKey(ctx context.Context, program string) error {
	k, wrapped, err := t.s.vault.NewDataKey(program)
	if err != nil {
		return err
	}
	return t.storeDataKey(ctx, k, wrapped)
}

func (t *tx) storeDataKey(ctx context.Context, k *vault.DataKey, wrapped []byte) error {
	if _, err := t.exec(ctx, insertDataKey, k.Program, k.ID, wrapped, t.s.now().UnixMicro()); err != nil {
		return err
	}
	t.remember(k)
	return nil
}

func (t *tx) remember(k *vault.DataKey) {
	if t.keys == nil {
		t.keys = map[string]*vault.DataKey{}
	}
	t.keys[k.Program] = k
}

// currentKey returns the key that new values of a program are sealed with:
// NotFound PROGRAM_NOT_FOUND if there is no such program. It asks the database
// once in each transaction, because another process may have deleted the
// program or changed its key; unwrapping happens once for each key.
func (t *tx) currentKey(ctx context.Context, program string) (*vault.DataKey, error) {
	if k := t.keys[program]; k != nil {
		return k, nil
	}
	if !t.write {
		return nil, errReadOnly
	}
	var id string
	var wrapped []byte
	found, err := t.one(ctx, queryCurrentKey, []any{program}, &id, &wrapped)
	if err == nil && !found {
		// A key that was replaced while we waited for it is not seen, nor, by the
		// same look, the one in its place.
		found, err = t.one(ctx, queryCurrentKey, []any{program}, &id, &wrapped)
	}
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("PROGRAM", "program")
	}
	k, err := t.s.unwrap(program, id, wrapped)
	if err != nil {
		return nil, err
	}
	t.remember(k)
	return k, nil
}

func (s *Store) unwrap(program, id string, wrapped []byte) (*vault.DataKey, error) {
	name := keyName{program, id}
	if k, ok := s.opened.Load(name); ok {
		return k.(*vault.DataKey), nil
	}
	k, err := s.vault.OpenDataKey(program, id, wrapped)
	if err != nil {
		return nil, err
	}
	s.opened.Store(name, k)
	return k, nil
}

// keyOf returns the key that sealed a value, or nil if it does not exist (any
// more).
func (t *tx) keyOf(ctx context.Context, program string, sealed []byte) (*vault.DataKey, error) {
	id, ok := vault.SealedBy(sealed)
	if !ok {
		return nil, nil
	}
	if k := t.keys[program]; k != nil && k.ID == id { // perhaps not committed yet
		return k, nil
	}
	if k, ok := t.s.opened.Load(keyName{program, id}); ok {
		return k.(*vault.DataKey), nil
	}
	var wrapped []byte
	found, err := t.one(ctx, queryDataKey, []any{program, id}, &wrapped)
	if err != nil || !found {
		return nil, err
	}
	return t.s.unwrap(program, id, wrapped)
}

// forget drops from memory what a deleted program's key opened, and the key.
func (s *Store) forget(program string) {
	s.opened.Range(func(name, _ any) bool {
		if name.(keyName).program == program {
			s.opened.Delete(name)
		}
		return true
	})
	s.forms.forget(program)
}

// seal encrypts bytes for their place; nil stays nil (NULL).
func (t *tx) seal(ctx context.Context, program string, at vault.Place, plain []byte) ([]byte, error) {
	if plain == nil {
		return nil, nil
	}
	k, err := t.currentKey(ctx, program)
	if err != nil {
		return nil, err
	}
	return k.Seal(at, plain)
}

// unseal is the inverse of seal.
func (t *tx) unseal(ctx context.Context, program string, at vault.Place, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	k, err := t.keyOf(ctx, program, sealed)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, vault.Unreadable(at)
	}
	plain, err := k.Open(at, sealed)
	if plain == nil && err == nil {
		plain = []byte{} // empty, and not absent
	}
	return plain, err
}

// sealBody encodes a value as JSON and encrypts it. Fields that are columns
// are zero in v.
func (t *tx) sealBody(ctx context.Context, program, table, row string, v any) ([]byte, error) {
	plain, err := encode(v)
	if err != nil {
		return nil, err
	}
	return t.seal(ctx, program, bodyPlace(table, row), plain)
}

func bodyPlace(table, row string) vault.Place {
	return vault.Place{Table: table, Field: "body", Row: row}
}

// openBody is the inverse of sealBody.
func (t *tx) openBody(ctx context.Context, program, table, row string, sealed []byte, into any) error {
	at := bodyPlace(table, row)
	if sealed == nil {
		return vault.Unreadable(at)
	}
	plain, err := t.unseal(ctx, program, at, sealed)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return vault.Unreadable(at) // json's words would quote the value
	}
	return nil
}

// encode is JSON without HTML escapes, refusing texts that JSON would change:
// encoding/json replaces invalid UTF-8 by the escape \ufffd, which it writes
// for nothing else.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	out := b.Bytes()
	for rest, at := out, 0; ; {
		i := bytes.Index(rest, []byte(`\ufffd`))
		if i < 0 {
			return out, nil
		}
		slashes := 1 // an even number of them is backslashes and then "ufffd"
		for at+i-slashes >= 0 && out[at+i-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 1 {
			return nil, notText()
		}
		rest, at = rest[i+1:], at+i+1
	}
}

// micros is how a time stands in a column: microseconds since 1970, 0 for the
// zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// fromMicros is the inverse of micros.
func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// toMicros cuts times that were read to the microsecond, in UTC.
func toMicros(times ...*time.Time) {
	for _, t := range times {
		*t = t.UTC().Truncate(time.Microsecond)
	}
}

func notFound(noun, word string) error {
	return applications.Errorf(applications.NotFound, noun+"_NOT_FOUND", "there is no such %s", word)
}

func exists(noun, word string) error {
	return applications.Errorf(applications.AlreadyExists, noun+"_EXISTS", "there is already such a %s", word)
}

func stale(word string) error {
	return applications.Errorf(applications.Aborted, "STALE_REVISION", "the %s was changed meanwhile; read it again and repeat the change", word)
}

func unixMicro(us int64) time.Time { return time.UnixMicro(us).UTC() }

var errReadOnly = errors.New("sqlstore: a View cannot write")
