package backup

import (
	"os/exec"
	"runtime"
	"syscall"
)

// dieWithUs ends a program when this one is killed, so that it does not go on
// restoring alone. The system watches the thread that starts it: the caller
// stays on it until the program has ended, and calls release then.
func dieWithUs(cmd *exec.Cmd) (release func()) {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return runtime.UnlockOSThread
}
