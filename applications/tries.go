package applications

import (
	"net/netip"
	"sync"
	"time"
)

// ReturnCodeTries is how many wrong return codes somebody may send within
// ReturnCodePeriod, by address and program. The callers of Resume count them,
// all in the same Tries.
const (
	ReturnCodeTries  = 10
	ReturnCodePeriod = time.Hour
)

// Tries limits guessing: at most so many failures for each key and period, in
// one process. Successes cost nothing: a clinic behind one address is many
// people. It is safe for concurrent use.
type Tries struct {
	failures int
	period   time.Duration

	mu   sync.Mutex
	keys map[string][]time.Time // of tries not refunded, oldest first
}

// triesKeys bounds the memory: past it, keys without a recent try are dropped,
// and then half of the rest.
const triesKeys = 10_000

// NewTries allows each key failures failed tries in any period.
func NewTries(failures int, period time.Duration) *Tries {
	return &Tries{failures: failures, period: period, keys: map[string][]time.Time{}}
}

// NewReturnCodeTries limits the guessing of return codes.
func NewReturnCodeTries() *Tries { return NewTries(ReturnCodeTries, ReturnCodePeriod) }

// TriesKey is what tries are counted by: an IPv4 address, or the /64 that a
// household or an office has of IPv6, and the program; "" for none.
func TriesKey(address, program string) string {
	if a, err := netip.ParseAddr(address); err == nil {
		a = a.Unmap().WithZone("")
		address = a.String()
		if a.Is6() {
			p, _ := a.Prefix(64) // fails only for more bits than the address has
			address = p.String()
		}
	}
	return program + " " + address
}

// Take counts a try and returns 0, or returns how long the key has to wait.
// It counts before the outcome is known, so that tries at the same moment
// cannot all slip through.
func (t *Tries) Take(key string, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tries := t.recent(key, now)
	if len(tries) >= t.failures {
		return tries[len(tries)-t.failures].Add(t.period).Sub(now)
	}
	if _, known := t.keys[key]; !known && len(t.keys) >= triesKeys {
		t.makeRoom(now)
	}
	t.keys[key] = append(tries, now)
	return 0
}

// Refund takes back the latest try of the key, because it was no wrong guess.
func (t *Tries) Refund(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tries := t.keys[key]; len(tries) > 1 {
		t.keys[key] = tries[:len(tries)-1]
	} else {
		delete(t.keys, key)
	}
}

func (t *Tries) recent(key string, now time.Time) []time.Time {
	tries := t.keys[key]
	for len(tries) > 0 && !now.Before(tries[0].Add(t.period)) {
		tries = tries[1:]
	}
	return tries
}

func (t *Tries) makeRoom(now time.Time) {
	for k := range t.keys {
		if len(t.recent(k, now)) == 0 {
			delete(t.keys, k)
		}
	}
	for k := range t.keys {
		if len(t.keys) <= triesKeys/2 { // so that room is rarely made
			return
		}
		delete(t.keys, k)
	}
}
