package faulttest

import (
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/load"
)

// TestReadiness: what the trials say of /readyz can fail.
func TestReadiness(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	look := func(begin, end float64, ready bool) probe { return probe{at(begin), at(end), ready} }
	lasts := func(seconds float64, ready ready) fault {
		return fault{name: "fault", began: began, there: began, healing: at(seconds), ended: at(seconds), ready: ready}
	}
	back, late := look(8.1, 8.2, true), 8+recovered.Seconds()
	for _, c := range []struct {
		name   string
		fault  fault
		probes []probe
		good   bool
	}{
		{"fails and comes back", lasts(8, mustNotBeReady), []probe{look(1.5, 6.5, false), back}, true},
		{"says yes", lasts(8, mustNotBeReady), []probe{look(1.5, 2, false), look(2.5, 3, true), back}, false},
		{"says yes at first", lasts(8, mustNotBeReady), []probe{look(.5, .6, true), look(1.5, 6.5, false), back}, true},
		{"says nothing", lasts(8, mustNotBeReady), []probe{look(.1, 5.1, false), look(3.5, 8.5, false), back}, false},
		{"says nothing of something short", lasts(2, mustNotBeReady), []probe{look(2.1, 2.2, true)}, true},
		{"says no", lasts(8, mustBeReady), []probe{look(2, 3, false), back}, false},
		{"never says no", lasts(8, mustFailToBeReady), []probe{look(2, 3, true), back}, false},
		{"says no once", lasts(8, mustFailToBeReady), []probe{look(2, 3, true), look(4, 5, false), back}, true},
		{"does not come back", lasts(8, mayBeReady), []probe{look(2, 3, true)}, false},
		{"comes back and goes again", lasts(8, mayBeReady), []probe{back, look(late, late+1, false)}, false},
		{"comes back late", lasts(8, mayBeReady), []probe{look(late, late+1, true)}, false},
		{"comes back after the next fault", lasts(8, mayBeReady), []probe{look(101, 102, true)}, false},
	} {
		if _, _, err := readiness(c.probes, c.fault, at(100)); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestGrown: half an hour finds what each fault leaves behind.
func TestGrown(t *testing.T) {
	for _, c := range []struct {
		name                                string
		memory, heap, goroutines, connected float64 // left behind by each fault
		grows                               string
	}{
		{name: "nothing"},
		{name: "goroutines", goroutines: 1, grows: goroutines},
		{name: "descriptors", connected: 1, grows: descriptors},
		{name: "half a MiB", memory: .5, grows: memory},
		{name: "a quarter of a MiB that lives", memory: .25, heap: .25, grows: heap},
	} {
		var samples []load.Resources
		for i := range 61 {
			n := float64(i)
			samples = append(samples, load.Resources{ // and noise
				Memory: int64((80 + float64(i%7) + n*c.memory) * (1 << 20)), Live: int64((16 + float64(i%3) + n*c.heap) * (1 << 20)),
				Goroutines: 23 + i%5 + int(n*c.goroutines), Descriptors: 18 + i%3 + int(n*c.connected),
			})
		}
		found := ""
		for _, g := range grown(samples) {
			if !exact[g.name].holds(g) {
				found += g.name
			}
		}
		if found != c.grows {
			t.Errorf("%s: found %q, want %q", c.name, found, c.grows)
		}
	}
}
