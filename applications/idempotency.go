package applications

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"fmt"

	"github.com/openfairlead/fairlead/internal/access"
)

// once runs a mutation in one transaction, and only once for each request id:
// a retry gets the first answer, whatever happened since. fn returns the answer
// and the id of the resource it made or changed. An answer is kept as JSON, so
// it may hold no secret; secrets are derived again from it.
//
// An id belongs to who used it first: the same id with another request, or
// from another caller, is AlreadyExists REQUEST_ID_REUSED. It has to be a UUID
// of version 4: the id alone finds the first answer of a caller without a
// token, so it must be one that nobody guesses and no two clients share.
func once[T any](ctx context.Context, s *Service, who access.Principal, program, method string, idem Idempotency, fn func(tx Tx) (T, string, error)) (T, error) {
	var answer T
	if idem.RequestID == "" {
		err := s.Store.Update(ctx, func(tx Tx) (err error) {
			answer, _, err = fn(tx)
			return err
		})
		return answer, err
	}
	if !IsRequestID(idem.RequestID) {
		return answer, Invalid("REQUEST_ID_INVALID", "the request id is not a UUID of version 4", Violation{"request_id", "a random UUID (version 4, in small letters) made for this one request"})
	}
	// Keyed: a request's bytes can be guessed by whoever knows the person, and a
	// plain digest in a stolen database would confirm the guess.
	want := s.Secrets.MAC(labelRequestHash, append([]byte(who.Subject+"\x00"), idem.Hash...))

	attempt := func() error {
		return s.Store.Update(ctx, func(tx Tx) error {
			first, err := tx.Request(ctx, program, method, idem.RequestID)
			switch {
			case err == nil && first.Answer == nil:
				return Errorf(FailedPrecondition, "ANSWER_ERASED", "what this request id was used for was about a person whose data was erased since: there is no answer any more")
			case err == nil && !hmac.Equal(first.Hash, want):
				return Errorf(AlreadyExists, "REQUEST_ID_REUSED", "this request id was used for another request: make a new one")
			case err == nil:
				var replay T
				if err := json.Unmarshal(first.Answer, &replay); err != nil {
					return fmt.Errorf("stored answer to a request: %w", err)
				}
				answer = replay
				return nil
			case CodeOf(err) != NotFound:
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
				Program: program, Method: method, ID: idem.RequestID, Hash: want,
				Resource: resource, Answer: encoded, Time: s.now(),
			})
		})
	}
	err := attempt()
	if CodeOf(err) == AlreadyExists && ReasonOf(err) == "REQUEST_EXISTS" {
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

// labelRequestHash is the label of the key that requests are compared under.
const labelRequestHash = "request hash"

// IsRequestID reports whether s can be a request id: a UUID of version 4
// (RFC 9562) in its canonical form, in small letters.
func IsRequestID(s string) bool {
	b, ok := uuidBytes(s)
	return ok && b[6]>>4 == 4 && b[8]>>6 == 0b10
}

// uuidBytes reads a UUID in its canonical form, in small letters.
func uuidBytes(s string) ([16]byte, bool) {
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

// uuidString is the canonical form of b.
func uuidString(b [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
