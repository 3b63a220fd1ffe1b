package server

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// lastWords is how long after the server began to stop a request may go on
// arriving. What has not arrived has done nothing yet, and somebody who sends
// slowly, or not at all, is not to keep the server up for as long as what runs.
const lastWords = 5 * time.Second

// arriving are the requests whose bodies have not come whole.
type arriving struct {
	mu     sync.Mutex
	bodies map[*arrivingBody]bool
	until  time.Time // zero: the server is not stopping
}

// arrivingBody takes itself off the list when it is whole.
type arrivingBody struct {
	io.ReadCloser
	of       *arriving
	deadline func(time.Time) error // of reading it
}

func (a *arriving) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := &arrivingBody{r.Body, a, http.NewResponseController(w).SetReadDeadline}
		a.begin(body)
		defer a.end(body, false)
		whole := *r
		whole.Body = body
		next.ServeHTTP(w, &whole)
	})
}

func (b *arrivingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.of.end(b, true)
	}
	return n, err
}

func (a *arriving) begin(b *arrivingBody) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bodies == nil {
		a.bodies = map[*arrivingBody]bool{}
	}
	a.bodies[b] = true
	if !a.until.IsZero() {
		_ = b.deadline(a.until) // not every test server has deadlines
	}
}

// end takes the deadline of a whole body back, because it would end a request
// that runs; what is not whole is not waited for after the answer either.
func (a *arriving) end(b *arrivingBody, whole bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.bodies[b] {
		return
	}
	delete(a.bodies, b)
	if whole && !a.until.IsZero() {
		_ = b.deadline(time.Time{})
	}
}

// stop gives all of them until then.
func (a *arriving) stop(until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until = until
	for b := range a.bodies {
		_ = b.deadline(until)
	}
}
