package chain

import (
	"fmt"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

func TestOpenStreams(t *testing.T) {
	var o openStreams
	var leave []func()
	for i := range streamsInAll {
		out, err := o.enter(fmt.Sprint("tokens/", i/streamsOfCaller))
		if err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
		leave = append(leave, out)
		if i == streamsOfCaller-1 {
			if _, err := o.enter("tokens/0"); applications.CodeOf(err) != applications.ResourceExhausted {
				t.Errorf("one caller has more than %d: %v", streamsOfCaller, err)
			}
		}
	}
	if _, err := o.enter("tokens/another"); applications.CodeOf(err) != applications.ResourceExhausted {
		t.Errorf("more than %d are open: %v", streamsInAll, err)
	}
	leave[0]()
	out, err := o.enter("tokens/another")
	if err != nil {
		t.Fatalf("a place became free: %v", err)
	}
	out()
	for _, out := range leave[1:] {
		out()
	}
	if o.all != 0 || len(o.byCaller) != 0 {
		t.Errorf("%d are left, of %d callers", o.all, len(o.byCaller))
	}
}
