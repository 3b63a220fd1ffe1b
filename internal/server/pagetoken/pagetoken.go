// Package pagetoken makes the opaque tokens that lead from one page of a list
// to the next. A token is signed, ends after a day, and is good for nothing
// but the same list asked by the same caller with the same query.
package pagetoken

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

// Life is how long a token is good for.
const Life = 24 * time.Hour

// MaxLength bounds a token, in characters. What is longer was not made here.
const MaxLength = 2048

const (
	label    = "page-token"
	version  = 1
	bindSize = 16
	macSize  = 16
	headSize = 1 + 8 + bindSize // version, end in Unix seconds, binding
)

// Binding is what a token is good for.
type Binding struct {
	Method  string // full method name
	Subject string // of the principal; "" is the public
	Query   []byte // the request without page size and token, in fixed bytes
}

func (b Binding) digest() []byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(b.Method), []byte(b.Subject), b.Query} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:]) // so that no two bindings run into the same bytes
		h.Write(part)
	}
	return h.Sum(nil)[:bindSize]
}

// Tokens makes and reads page tokens.
type Tokens struct {
	Secrets applications.Secrets
	Now     func() time.Time
}

// Make returns the token for a position, or "" for the position "", the end.
func (t Tokens) Make(b Binding, cursor string) string {
	if cursor == "" {
		return ""
	}
	msg := make([]byte, 0, headSize+len(cursor)+macSize)
	msg = append(msg, version)
	msg = binary.BigEndian.AppendUint64(msg, uint64(t.Now().Add(Life).Unix()))
	msg = append(msg, b.digest()...)
	msg = append(msg, cursor...)
	msg = append(msg, t.Secrets.MAC(label, msg)[:macSize]...)
	return base64.RawURLEncoding.EncodeToString(msg)
}

// Read returns the position that a token stands for; "" for the token "".
// InvalidArgument PAGE_TOKEN_INVALID if it is malformed, has ended, or is
// bound to something else: the message says which.
func (t Tokens) Read(b Binding, token string) (cursor string, err error) {
	if token == "" {
		return "", nil
	}
	const unreadable = "this is no page token of this server; pass nextPageToken exactly as the page before gave it"
	if len(token) > MaxLength {
		return "", invalid(unreadable)
	}
	// The decoder skips line ends, and a token is passed exactly as it was made.
	msg, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || strings.ContainsAny(token, "\r\n") || len(msg) < headSize+macSize || msg[0] != version {
		return "", invalid(unreadable)
	}
	body, mac := msg[:len(msg)-macSize], msg[len(msg)-macSize:]
	if subtle.ConstantTimeCompare(mac, t.Secrets.MAC(label, body)[:macSize]) != 1 {
		return "", invalid(unreadable)
	}
	if subtle.ConstantTimeCompare(body[9:headSize], b.digest()) != 1 {
		return "", invalid("this page token belongs to another list, query or caller; ask for the first page with no token and keep everything but the page size unchanged")
	}
	if end := int64(binary.BigEndian.Uint64(body[1:9])); t.Now().Unix() >= end {
		return "", invalid("this page token has expired; ask for the first page again")
	}
	return string(body[headSize:]), nil
}

func invalid(message string) error {
	return applications.Invalid("PAGE_TOKEN_INVALID", message, applications.Violation{Field: "pageToken", Message: message})
}
