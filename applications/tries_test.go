package applications

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestTries(t *testing.T) {
	tries := NewReturnCodeTries()
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range ReturnCodeTries {
		if wait := tries.Take("a", now.Add(time.Duration(i)*time.Minute)); wait != 0 {
			t.Fatalf("try %d has to wait %v", i+1, wait)
		}
	}
	if wait := tries.Take("a", now.Add(59*time.Minute)); wait != time.Minute {
		t.Errorf("the eleventh try in the hour has to wait %v, want a minute", wait)
	}
	if tries.Take("b", now.Add(59*time.Minute)) != 0 {
		t.Error("another key is refused")
	}
	if tries.Take("a", now.Add(60*time.Minute)) != 0 {
		t.Error("a try is refused an hour after the first")
	}
	if tries.Take("a", now.Add(60*time.Minute)) == 0 {
		t.Error("two tries are allowed where one became free")
	}
	tries.Refund("a")
	if tries.Take("a", now.Add(60*time.Minute)) != 0 {
		t.Error("a refunded try still counts")
	}
	for i := range 3 * triesKeys {
		tries.Take(fmt.Sprint(i), now.Add(3*time.Hour))
	}
	if len(tries.keys) > triesKeys {
		t.Errorf("%d keys are kept", len(tries.keys))
	}
	if _, there := tries.keys["a"]; there {
		t.Error("an old key is kept for ever")
	}
}

// TestTriesAtOnce: guesses at the same moment do not all slip through.
func TestTriesAtOnce(t *testing.T) {
	tries, now := NewReturnCodeTries(), time.Now()
	var through atomic.Int32
	var wg sync.WaitGroup
	for range 5 * ReturnCodeTries {
		wg.Go(func() {
			if tries.Take("a", now) == 0 {
				through.Add(1)
			}
		})
	}
	wg.Wait()
	if through.Load() != ReturnCodeTries {
		t.Errorf("%d tries got through, want %d", through.Load(), ReturnCodeTries)
	}
}

func TestTriesKey(t *testing.T) {
	for _, same := range [][2]string{
		{"192.0.2.1", "::ffff:192.0.2.1"},
		{"2001:db8:1:2::5", "2001:db8:1:2:ffff::"},
		{"fe80::1%eth0", "fe80::2%eth1"},
	} {
		if a, b := TriesKey(same[0], "p"), TriesKey(same[1], "p"); a != b {
			t.Errorf("%s is %q and %s is %q", same[0], a, same[1], b)
		}
	}
	seen := map[string]bool{}
	for _, address := range []string{"192.0.2.1", "192.0.2.2", "2001:db8:1:2::", "2001:db8:1:3::", "", "unix"} {
		for _, program := range []string{"p", "q"} {
			seen[TriesKey(address, program)] = true
		}
	}
	if len(seen) != 12 {
		t.Errorf("12 addresses and programs have %d keys", len(seen))
	}
}
