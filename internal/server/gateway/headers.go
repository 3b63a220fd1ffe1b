package gateway

import (
	"net/http"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// checkHeaders refuses what the gateway would drop without a word, or take one
// of two of: without its If-Match a change overwrites somebody else's, without
// its Idempotency-Key a retry does things twice, and without its Authorization
// a caller is the public. It does not repeat what they say.
func checkHeaders(r *http.Request) error {
	for _, name := range []string{"Authorization", "If-Match", "Idempotency-Key"} {
		fault := headerFault(r.Header.Values(name))
		switch {
		case fault == "":
		case name == "Authorization":
			return applications.Errorf(applications.Unauthenticated, problem.ReasonTokenInvalid, "the header Authorization %s; send one token, as \"Authorization: Bearer TOKEN\"", fault)
		default:
			return applications.Invalid(problem.ReasonHeaderInvalid, "the header "+name+" "+fault+"; send it once, or not at all",
				applications.Violation{Field: name, Message: fault})
		}
	}
	return nil
}

// headerFault says what is wrong with the values of a header that may be there
// once; "" for nothing.
func headerFault(values []string) string {
	switch {
	case len(values) == 0:
		return ""
	case len(values) > 1:
		return "is there more than once"
	case values[0] == "":
		return "is empty"
	}
	for _, b := range []byte(values[0]) {
		if b < ' ' || b > '~' { // all that gRPC carries
			return "has a character that is not printable ASCII"
		}
	}
	return ""
}
