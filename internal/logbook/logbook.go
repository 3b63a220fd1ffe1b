// Package logbook holds what every change leaves behind, in whatever domain: a
// line in the audit log, the first answer to a request id, a line in the list of
// what was erased.
package logbook

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"time"

	"github.com/openfairlead/fairlead/internal/problem"
)

// Event is one line of the audit log: what happened to which resource, by
// whom. It never holds a value, a name or an answer.
type Event struct {
	Index    int64 // position in the log, given by the store
	Time     time.Time
	Actor    string // principal's subject; "" is the public; "system"
	Action   string // "application.submit", "identity.read", …
	Resource string // "programs/p/applications/a"
	Reason   string // given by staff for staff, or ""
	// Detail is a few words of structure, never data: "DRAFT>SUBMITTED",
	// "columns=county,sector".
	Detail string
}

// Request is the memory of one mutation by its client-made id.
type Request struct {
	Program string // "" for calls outside any program
	Method  string // "CreateApplication"
	ID      string // UUIDv4
	Hash    []byte // keyed digest of the caller and the request without the id
	// Resource is the id of what it made, Answer the first answer in the
	// service's own encoding, encrypted at rest.
	Resource string
	Answer   []byte
	Time     time.Time
}

// Erasure is a line of the list of what was erased. It names nobody: ids only.
type Erasure struct {
	Program string
	// Application is the id of an application, or of a mentor's or mentee's
	// enrollment; "" for a whole program that was destroyed.
	Application string
	// ProgramCreated says which program was destroyed, of those that had its id
	// one after the other. Zero for a person.
	ProgramCreated time.Time
	Time           time.Time
}

// Idempotency identifies a mutation for its retries. The zero value is a call
// without a request id.
type Idempotency struct {
	RequestID string // UUIDv4, or ""
	// Hash is the SHA-256 of the request without its id: the same id with
	// another hash is refused (AlreadyExists, REQUEST_ID_REUSED).
	Hash []byte
}

// Requests is what Once needs of a transaction.
type Requests interface {
	SaveRequest(ctx context.Context, r *Request) error
	Request(ctx context.Context, program, method, id string) (*Request, error)
}

// Call is one mutation, as Once tells it from others.
type Call struct {
	Program, Method, Subject string
	Idempotency
	MAC func(label string, message []byte) []byte
	Now func() time.Time
}

// labelRequestHash is the label of the key that requests are compared under.
const labelRequestHash = "request hash"

// Once runs a mutation in one transaction, and only once for each request id: a
// retry gets the first answer, whatever happened since. fn returns the answer
// and the id of the resource it made or changed. An answer is kept as JSON, so
// it may hold no secret; secrets are derived again from it.
//
// An id belongs to who used it first: the same id with another request, or
// from another caller, is AlreadyExists REQUEST_ID_REUSED. It has to be a UUID
// of version 4: the id alone finds the first answer of a caller without a
// token, so it must be one that nobody guesses and no two clients share.
func Once[T any, Tx Requests](ctx context.Context, update func(ctx context.Context, fn func(Tx) error) error, c Call, fn func(tx Tx) (T, string, error)) (T, error) {
	var answer T
	if c.RequestID == "" {
		err := update(ctx, func(tx Tx) (err error) {
			answer, _, err = fn(tx)
			return err
		})
		return answer, err
	}
	if !IsRequestID(c.RequestID) {
		return answer, problem.Invalid("REQUEST_ID_INVALID", "the request id is not a UUID of version 4",
			problem.Violation{Field: "request_id", Message: "a random UUID (version 4, in small letters) made for this one request"})
	}
	// Keyed: a request's bytes can be guessed by whoever knows the person, and a
	// plain digest in a stolen database would confirm the guess.
	want := c.MAC(labelRequestHash, append([]byte(c.Subject+"\x00"), c.Hash...))

	attempt := func() error {
		return update(ctx, func(tx Tx) error {
			first, err := tx.Request(ctx, c.Program, c.Method, c.RequestID)
			switch {
			case err == nil && first.Answer == nil:
				return problem.Errorf(problem.FailedPrecondition, "ANSWER_ERASED", "what this request id was used for was about a person whose data was erased since: there is no answer any more")
			case err == nil && !hmac.Equal(first.Hash, want):
				return problem.Errorf(problem.AlreadyExists, "REQUEST_ID_REUSED", "this request id was used for another request: make a new one")
			case err == nil:
				var replay T
				if err := json.Unmarshal(first.Answer, &replay); err != nil {
					return fmt.Errorf("stored answer to a request: %w", err)
				}
				answer = replay
				return nil
			case problem.CodeOf(err) != problem.NotFound:
				return err
			}
			result, resource, err := fn(tx)
			if err != nil {
				return err
			}
			encoded, err := json.Marshal(result)
			if err != nil {
				return fmt.Errorf("encode the answer to a request: %w", err)
			}
			answer = result
			return tx.SaveRequest(ctx, &Request{
				Program: c.Program, Method: c.Method, ID: c.RequestID, Hash: want,
				Resource: resource, Answer: encoded, Time: c.Now(),
			})
		})
	}
	err := attempt()
	if problem.CodeOf(err) == problem.AlreadyExists && problem.ReasonOf(err) == "REQUEST_EXISTS" {
		// Another try with the same id was stored between our look and our
		// write: its answer is there now.
		err = attempt()
	}
	if err != nil {
		var none T
		return none, err
	}
	return answer, nil
}

// IsRequestID reports whether s can be a request id: a UUID of version 4
// (RFC 9562) in its canonical form, in small letters.
func IsRequestID(s string) bool {
	b, ok := ReadUUID(s)
	return ok && b[6]>>4 == 4 && b[8]>>6 == 0b10
}

// ReadUUID reads a UUID in its canonical form, in small letters.
func ReadUUID(s string) ([16]byte, bool) {
	var b [16]byte
	if len(s) != 36 {
		return b, false
	}
	n := 0
	for i := 0; i < len(s); {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return b, false
			}
			i++
			continue
		}
		hi, lo := hexDigit(s[i]), hexDigit(s[i+1])
		if hi > 15 || lo > 15 {
			return b, false
		}
		b[n] = hi<<4 | lo
		n++
		i += 2
	}
	return b, true
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// UUID is the canonical form of b, in small letters.
func UUID(b [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
