package gateway

import (
	"net/http"
	"sync"

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
