package server

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Pool is what a pool of database connections has been doing.
type Pool struct {
	Open, InUse int
	Waits       int64
	Waited      time.Duration
}

// PoolCollector makes metrics of the database's pools, read when asked.
func PoolCollector(pools func() map[string]Pool) prometheus.Collector { return poolCollector{pools} }

type poolCollector struct{ pools func() map[string]Pool }

var (
	poolOpen   = prometheus.NewDesc("fairlead_db_connections_open", "Open database connections, by pool.", []string{"pool"}, nil)
	poolInUse  = prometheus.NewDesc("fairlead_db_connections_in_use", "Database connections in use, by pool.", []string{"pool"}, nil)
	poolWaits  = prometheus.NewDesc("fairlead_db_waits_total", "Transactions that had to wait for a connection, by pool.", []string{"pool"}, nil)
	poolWaited = prometheus.NewDesc("fairlead_db_wait_seconds_total", "How long they waited together, by pool.", []string{"pool"}, nil)
)

func (c poolCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{poolOpen, poolInUse, poolWaits, poolWaited} {
		ch <- d
	}
}

func (c poolCollector) Collect(ch chan<- prometheus.Metric) {
	for name, p := range c.pools() {
		ch <- prometheus.MustNewConstMetric(poolOpen, prometheus.GaugeValue, float64(p.Open), name)
		ch <- prometheus.MustNewConstMetric(poolInUse, prometheus.GaugeValue, float64(p.InUse), name)
		ch <- prometheus.MustNewConstMetric(poolWaits, prometheus.CounterValue, float64(p.Waits), name)
		ch <- prometheus.MustNewConstMetric(poolWaited, prometheus.CounterValue, p.Waited.Seconds(), name)
	}
}

// runsTimeout bounds how long a look at the metrics waits for the database.
const runsTimeout = 2 * time.Second

// RunsCollector makes a metric of the selection runs that are queued and
// running, read when asked. When they cannot be read it is left out, because
// the other metrics then matter more than ever.
func RunsCollector(runs func(context.Context) (queued, running int, err error)) prometheus.Collector {
	return runsCollector{runs}
}

type runsCollector struct {
	runs func(context.Context) (queued, running int, err error)
}

var runsWaiting = prometheus.NewDesc("fairlead_runs", "Selection runs not at their end yet, of all programs and processes, by state: queued or running.", []string{"state"}, nil)

func (c runsCollector) Describe(ch chan<- *prometheus.Desc) { ch <- runsWaiting }

func (c runsCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), runsTimeout)
	defer cancel()
	queued, running, err := c.runs(ctx)
	if err != nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(runsWaiting, prometheus.GaugeValue, float64(queued), "queued")
	ch <- prometheus.MustNewConstMetric(runsWaiting, prometheus.GaugeValue, float64(running), "running")
}

// RunMetrics counts the durable steps of selection runs: how many were
// claimed, and how many came to their end.
type RunMetrics struct{ steps *prometheus.CounterVec }

// NewRunMetrics makes the counters.
func NewRunMetrics() *RunMetrics {
	return &RunMetrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairlead_run_steps_total", Help: "Durable steps of selection runs done by this process, by step: from claimed to stored.",
	}, []string{"step"})}
}

// Describe implements prometheus.Collector.
func (m *RunMetrics) Describe(ch chan<- *prometheus.Desc) { m.steps.Describe(ch) }

// Collect implements prometheus.Collector.
func (m *RunMetrics) Collect(ch chan<- prometheus.Metric) { m.steps.Collect(ch) }

// Hook is for applications.Runner: it counts what was done and never fails.
func (m *RunMetrics) Hook(point string) error {
	if step, ok := strings.CutPrefix(point, "after "); ok {
		m.steps.WithLabelValues(step).Inc()
	}
	return nil
}
