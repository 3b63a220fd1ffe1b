package calls

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/openfairlead/fairlead/internal/logbook"
	"github.com/openfairlead/fairlead/internal/problem"
)

// TokenKind is a kind of token that people have for what is theirs in a program:
// an application, an enrollment, a membership. A token is not stored: it carries
// the program and the id, so that it can be looked up, and a MAC over them and a
// generation, so that a new generation revokes it.
type TokenKind struct {
	Prefix string // what tokens begin with
	Label  string // of the key of the MAC
}

const (
	macBytes   = 32
	uuidBytes  = 16
	tokenBytes = 200 // at most
)

// Make derives the token of an id, which is a UUID; mac is Secrets.MAC.
func (k TokenKind) Make(mac func(label string, message []byte) []byte, program, id string, generation int) string {
	uuid, ok := logbook.ReadUUID(id)
	if !ok {
		panic("what a token is for has a UUID")
	}
	raw := append([]byte(nil), mac(k.Label, SecretOf(program, id, generation))...)
	raw = append(raw, uuid[:]...)
	raw = append(raw, program...)
	return k.Prefix + base64.RawURLEncoding.EncodeToString(raw)
}

// Read takes a token apart. It proves nothing yet.
func (k TokenKind) Read(token string) (program, id string, ok bool) {
	text, ok := strings.CutPrefix(token, k.Prefix)
	if !ok || len(token) > tokenBytes {
		return "", "", false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= macBytes+uuidBytes {
		return "", "", false
	}
	return string(raw[macBytes+uuidBytes:]), logbook.UUID([16]byte(raw[macBytes : macBytes+uuidBytes])), true
}

// Is reports, in constant time, whether a token is the present one.
func (k TokenKind) Is(token string, mac func(label string, message []byte) []byte, program, id string, generation int) bool {
	return hmac.Equal([]byte(token), []byte(k.Make(mac, program, id, generation)))
}

// SecretOf is what somebody's secrets are derived from. It is unambiguous because
// a program's id has no zero byte.
func SecretOf(program, id string, generation int) []byte {
	b := append([]byte(program), 0)
	b = append(b, id...)
	return binary.BigEndian.AppendUint64(append(b, 0), uint64(generation))
}

// InvalidToken refuses a token, in the same words whatever is wrong with it.
func InvalidToken() error {
	return problem.Errorf(problem.Unauthenticated, "TOKEN_INVALID", "the token is not valid: it is mistyped, revoked or expired")
}
