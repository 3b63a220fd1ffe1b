package gateway

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestRequestsEnd looks for a deadline on what waits for the services.
func TestRequestsEnd(t *testing.T) {
	for path, want := range map[string]time.Duration{"/v1/openCalls": AnswerTimeout, "/v1/programs/p/selections/s:watch": StreamTimeout} {
		asked := false
		h := readBody(newRoutes(), nil, nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			asked = true
			until, ok := r.Context().Deadline()
			if left := time.Until(until); !ok || left > want || left < want-time.Minute {
				t.Errorf("%s ends in %v, want %v", path, left, want)
			}
		}))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		if !asked {
			t.Errorf("%s did not come through", path)
		}
	}
}
