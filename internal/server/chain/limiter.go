package chain

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxTracked bounds the callers that a limiter remembers. Who was quiet the
// longest is forgotten first, and starts afresh.
const maxTracked = 20_000

// Limiter lets each caller make so many calls a second, with some at once. The
// zero rate limits nobody.
type Limiter struct {
	perSecond rate.Limit
	burst     int
	now       func() time.Time

	mu     sync.Mutex
	byKey  map[string]*list.Element
	recent *list.List // of *tracked, the most recent in front
}

type tracked struct {
	key    string
	bucket *rate.Limiter
}

// NewLimiter makes a limiter; perSecond 0 limits nobody.
func NewLimiter(perSecond float64, burst int, now func() time.Time) *Limiter {
	return &Limiter{perSecond: rate.Limit(perSecond), burst: burst, now: now, byKey: map[string]*list.Element{}, recent: list.New()}
}

// Take counts one call of the caller. A positive answer is how long to wait;
// the call then does not count.
func (l *Limiter) Take(key string) time.Duration {
	if l.perSecond <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	r := l.bucket(key).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// Exhausted is how long the caller has to wait for the next call, 0 for not at
// all. It counts nothing.
func (l *Limiter) Exhausted(key string) time.Duration {
	if l.perSecond <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	missing := 1 - l.bucket(key).TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(l.perSecond) * float64(time.Second))
}

func (l *Limiter) bucket(key string) *rate.Limiter {
	if e, ok := l.byKey[key]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*tracked).bucket
	}
	if l.recent.Len() >= maxTracked {
		oldest := l.recent.Back()
		delete(l.byKey, oldest.Value.(*tracked).key)
		l.recent.Remove(oldest)
	}
	t := &tracked{key: key, bucket: rate.NewLimiter(l.perSecond, l.burst)}
	l.byKey[key] = l.recent.PushFront(t)
	return t.bucket
}
