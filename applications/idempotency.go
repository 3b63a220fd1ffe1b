package applications

import (
	"context"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/logbook"
)

// Idempotency identifies a mutation for its retries. The zero value is a call
// without a request id.
type Idempotency = logbook.Idempotency

// once is logbook.Once for a call of this service.
func once[T any](ctx context.Context, s *Service, who access.Principal, program, method string, idem Idempotency, fn func(tx Tx) (T, string, error)) (T, error) {
	call := logbook.Call{Program: program, Method: method, Subject: who.Subject, Idempotency: idem, MAC: s.Secrets.MAC, Now: s.now}
	return logbook.Once(ctx, s.Store.Update, call, fn)
}

// IsRequestID reports whether s can be a request id: a UUID of version 4
// (RFC 9562) in its canonical form, in small letters.
func IsRequestID(s string) bool { return logbook.IsRequestID(s) }
