package cli

import "syscall"

// clockSynced asks the kernel whether something keeps the clock right.
func clockSynced() (synced, known bool) {
	var t syscall.Timex // no modes: only read
	state, err := syscall.Adjtimex(&t)
	const timeError, unsynced = 5, 0x40 // TIME_ERROR and STA_UNSYNC of adjtimex(2)
	return state != timeError && t.Status&unsynced == 0, err == nil
}
