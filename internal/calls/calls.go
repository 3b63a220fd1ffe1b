// Package calls is what every call to a domain has in common, whichever it is:
// who may, why somebody did it, what it changes a revision of.
package calls

import (
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/words"
)

// System is who acts when nobody called.
var System = access.Principal{Subject: "system"}

// Need refuses a caller who does not hold the permission for the program:
// Unauthenticated TOKEN_REQUIRED, PermissionDenied PERMISSION_MISSING.
func Need(who access.Principal, perm access.Permission, program string) error {
	switch {
	case who.Can(perm, program):
		return nil
	case !who.Authenticated():
		return problem.Errorf(problem.Unauthenticated, "TOKEN_REQUIRED", "this needs a token")
	}
	return problem.Errorf(problem.PermissionDenied, "PERMISSION_MISSING", "this needs the permission %s, which no role of yours gives here", perm)
}

// SameRevision refuses a change to something that somebody else changed
// meanwhile, with Aborted STALE_REVISION. Revision 0 is: unconditionally.
func SameRevision(asked, stored int64) error {
	if asked != 0 && asked != stored {
		return problem.Errorf(problem.Aborted, "STALE_REVISION", "somebody else changed this meanwhile: read it again, then repeat the change")
	}
	return nil
}

// StaffReason cleans and checks the reason that staff give for the audit log.
func StaffReason(field, reason string) (string, []problem.Violation) {
	reason, wrong := words.Clean(reason, false, 1000)
	if wrong == "" && reason == "" {
		wrong = "say why, in a few words without anybody's personal data"
	}
	if wrong != "" {
		return "", []problem.Violation{{Field: field, Message: wrong}}
	}
	return reason, nil
}

// Reason is StaffReason for a call that needs nothing else: InvalidArgument
// REASON_MISSING.
func Reason(reason string) (string, error) {
	reason, bad := StaffReason("reason", reason)
	if len(bad) > 0 {
		return "", problem.Invalid("REASON_MISSING", "this needs a reason, which is recorded", bad...)
	}
	return reason, nil
}

// OnBehalf checks the reason of staff who act for somebody; who acts for
// themselves gives none. InvalidArgument REASON_MISSING.
func OnBehalf(own bool, reason string) (string, error) {
	if own {
		return "", nil
	}
	reason, bad := StaffReason("on_behalf_reason", reason)
	if len(bad) > 0 {
		return "", problem.Invalid("REASON_MISSING", "to act for somebody else needs a reason, which is recorded: how they told you", bad...)
	}
	return reason, nil
}
