//go:build !windows

package server

import "syscall"

// What the system says about a port that cannot be listened on.
const (
	errInUse     = syscall.EADDRINUSE
	errForbidden = syscall.EACCES
)
