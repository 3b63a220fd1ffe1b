// Package problem is the one doctrine of errors, for every domain package: what
// a caller can do something about is an Error with a code, a reason, and words
// for a person.
package problem

import (
	"errors"
	"fmt"
)

// Code is what went wrong, in the closed set that gRPC knows.
type Code uint8

const (
	Internal Code = iota // never told to a caller; logged in full
	InvalidArgument
	NotFound
	AlreadyExists
	PermissionDenied
	Unauthenticated
	FailedPrecondition
	Aborted // somebody else changed it meanwhile: read again and retry
	ResourceExhausted
	Unavailable
	DeadlineExceeded
	Canceled
	DataLoss // stored data does not decrypt or verify
)

// Violation is one problem with one field of a request. Field is a path such
// as "answers.race_ethnicity" or "row 12, column county".
type Violation struct {
	Field, Message string
}

// Error is what every function of this project returns when the caller can do
// something about it. Anything else is an internal error: logged, and told to
// the caller as nothing but a reference.
//
// Reason is UPPER_SNAKE and stable. Message is for a person, says what to do,
// and holds nobody's data.
type Error struct {
	Code       Code
	Reason     string
	Message    string
	Violations []Violation
	cause      error
}

func (e *Error) Error() string { return e.Reason + ": " + e.Message }
func (e *Error) Unwrap() error { return e.cause }

// Errorf makes an Error. A %w cause is kept for the log and never shown.
func Errorf(code Code, reason, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Reason: reason, Message: err.Error(), cause: errors.Unwrap(err)}
}

// Invalid makes an InvalidArgument error from violations.
func Invalid(reason, message string, v ...Violation) *Error {
	return &Error{Code: InvalidArgument, Reason: reason, Message: message, Violations: v}
}

// CodeOf returns the code of err: Internal for an error that is not one of
// ours.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// ReasonOf returns the reason of err, or "" for one that is not ours.
func ReasonOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}
