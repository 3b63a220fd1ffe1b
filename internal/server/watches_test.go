package server

import (
	"fmt"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

func TestWatchesAreBounded(t *testing.T) {
	var w watches
	var ends []func()
	for i := range watchesOfAll {
		end, err := w.begin(fmt.Sprint("tokens/", i/watchesOfOne))
		if err != nil {
			t.Fatalf("watch %d: %v", i, err)
		}
		ends = append(ends, end)
		if i == watchesOfOne-1 {
			if _, err := w.begin("tokens/0"); applications.CodeOf(err) != applications.ResourceExhausted {
				t.Errorf("one caller watches more than %d: %v", watchesOfOne, err)
			}
		}
	}
	if _, err := w.begin("tokens/another"); applications.CodeOf(err) != applications.ResourceExhausted {
		t.Errorf("more than %d are watched: %v", watchesOfAll, err)
	}
	ends[0]()
	if end, err := w.begin("tokens/another"); err != nil {
		t.Errorf("a place became free: %v", err)
	} else {
		end()
	}
	for _, end := range ends[1:] {
		end()
	}
	if w.all != 0 || len(w.of) != 0 {
		t.Errorf("%d are left, of %d callers", w.all, len(w.of))
	}
}
