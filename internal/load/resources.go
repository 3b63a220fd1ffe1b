package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Resources are what a server says of itself at /metrics.
type Resources struct {
	CPU         time.Duration // used since its start
	Memory      int64         // resident, bytes
	Live        int64         // of the heap at its last collection, bytes
	Goroutines  int
	Descriptors int
	Shed        int // calls refused because there was too much to do
}

// Look reads what the server at ops (host:port of --ops) holds now.
func Look(ctx context.Context, ops string) (r Resources, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ops+"/metrics", nil)
	if err != nil {
		return r, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	values := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		name, _, _ = strings.Cut(name, "{")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] += v
		}
	}
	for _, name := range []string{"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "go_goroutines"} {
		if _, ok := values[name]; !ok {
			err = errors.Join(err, fmt.Errorf("/metrics does not tell %s; only Linux does", name))
		}
	}
	return Resources{
		CPU:        time.Duration(values["process_cpu_seconds_total"] * float64(time.Second)),
		Memory:     int64(values["process_resident_memory_bytes"]), // With GOGC=100 the next collection is due at twice what lived at the last.
		Live:       int64(values["go_memstats_next_gc_bytes"] / 2),
		Goroutines: int(values["go_goroutines"]), Descriptors: int(values["process_open_fds"]),
		Shed: int(values["fairlead_calls_shed_total"]),
	}, errors.Join(err, lines.Err())
}
