package server

import "syscall"

// What the system says about a port that cannot be listened on: WSAEADDRINUSE
// and WSAEACCES. syscall's own names for them are numbers that Windows never
// gives.
const (
	errInUse     = syscall.Errno(10048)
	errForbidden = syscall.Errno(10013)
)
