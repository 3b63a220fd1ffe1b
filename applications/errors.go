package applications

import "github.com/openfairlead/fairlead/internal/problem"

// Errors are those of package problem, which all domain packages share.
type (
	Code      = problem.Code
	Violation = problem.Violation
	Error     = problem.Error
)

// The codes of package problem.
const (
	Internal           = problem.Internal
	InvalidArgument    = problem.InvalidArgument
	NotFound           = problem.NotFound
	AlreadyExists      = problem.AlreadyExists
	PermissionDenied   = problem.PermissionDenied
	Unauthenticated    = problem.Unauthenticated
	FailedPrecondition = problem.FailedPrecondition
	Aborted            = problem.Aborted
	ResourceExhausted  = problem.ResourceExhausted
	Unavailable        = problem.Unavailable
	DeadlineExceeded   = problem.DeadlineExceeded
	Canceled           = problem.Canceled
	DataLoss           = problem.DataLoss
)

// Errorf makes an Error. A %w cause is kept for the log and never shown.
func Errorf(code Code, reason, format string, args ...any) *Error {
	return problem.Errorf(code, reason, format, args...)
}

// Invalid makes an InvalidArgument error from violations.
func Invalid(reason, message string, v ...Violation) *Error {
	return problem.Invalid(reason, message, v...)
}

// CodeOf returns the code of err: Internal for an error that is not one of
// ours.
func CodeOf(err error) Code { return problem.CodeOf(err) }

// ReasonOf returns the reason of err, or "" for one that is not ours.
func ReasonOf(err error) string { return problem.ReasonOf(err) }
