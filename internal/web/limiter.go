package web

import (
	"sync"
	"time"
)

// limiter allows so many failures per key and period. Successes cost nothing:
// a clinic behind one address is many people.
type limiter struct {
	failures int
	period   time.Duration

	mu   sync.Mutex
	keys map[string][]time.Time // of tries not refunded, oldest first
}

// limiterKeys bounds the memory: past it, keys without a recent try are
// dropped, and then half of the rest.
const limiterKeys = 10_000

func newLimiter(failures int, period time.Duration) *limiter {
	return &limiter{failures: failures, period: period, keys: map[string][]time.Time{}}
}

// take counts a try and returns 0, or returns how long the key has to wait.
// It counts before the outcome is known, so that tries at the same moment
// cannot all slip through.
func (l *limiter) take(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	tries := l.recent(key, now)
	if len(tries) >= l.failures {
		return tries[len(tries)-l.failures].Add(l.period).Sub(now)
	}
	if _, known := l.keys[key]; !known && len(l.keys) >= limiterKeys {
		l.makeRoom(now)
	}
	l.keys[key] = append(tries, now)
	return 0
}

// refund takes back the latest try of the key, because it succeeded.
func (l *limiter) refund(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.keys[key]; len(t) > 1 {
		l.keys[key] = t[:len(t)-1]
	} else {
		delete(l.keys, key)
	}
}

func (l *limiter) recent(key string, now time.Time) []time.Time {
	t := l.keys[key]
	for len(t) > 0 && !now.Before(t[0].Add(l.period)) {
		t = t[1:]
	}
	return t
}

func (l *limiter) makeRoom(now time.Time) {
	for k := range l.keys {
		if len(l.recent(k, now)) == 0 {
			delete(l.keys, k)
		}
	}
	for k := range l.keys {
		if len(l.keys) <= limiterKeys/2 { // so that room is rarely made
			return
		}
		delete(l.keys, k)
	}
}
