package gateway

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/openfairlead/fairlead/internal/server/chain"
)

// Admit asks for a place for a request that has been read. The place is given
// back when leave is called, or before that when the answer begins to be
// written: whoever reads slowly keeps nobody out.
func Admit(gates *chain.Gates, w http.ResponseWriter, r *http.Request) (admitted http.ResponseWriter, leave func(), err error) {
	leave, err = gates.Enter(r.Context(), r.Method == http.MethodGet || r.Method == http.MethodHead)
	if err != nil {
		return nil, nil, err
	}
	leave = sync.OnceFunc(leave)
	return &leavingWriter{w, leave}, leave, nil
}

// afterRefusal is how long the next request over a connection is not read
// after one was refused for lack of room. To refuse one takes a few percent of
// the time that doing it takes: who asks again at once, a thousand at a time,
// would take it from those who were let in.
const afterRefusal = 250 * time.Millisecond

// rest waits afterRefusal, with the answer on its way. A proxy's connection is
// many callers', as is one of HTTP/2; one that ends with the answer has no next
// request.
func rest(w http.ResponseWriter, r *http.Request, trusted []netip.Prefix) {
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	if r.ProtoMajor != 1 || r.Close || chain.IsTrusted(remote.Addr(), trusted) || http.NewResponseController(w).Flush() != nil {
		return
	}
	t := time.NewTimer(afterRefusal)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done(): // the caller has gone
	}
}

// leavingWriter gives the place back when the answer is there.
type leavingWriter struct {
	http.ResponseWriter
	leave func()
}

func (w *leavingWriter) WriteHeader(code int) {
	w.leave()
	w.ResponseWriter.WriteHeader(code)
}

func (w *leavingWriter) Write(p []byte) (int, error) {
	w.leave()
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find the writer's abilities.
func (w *leavingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
