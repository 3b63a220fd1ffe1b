package server

import (
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
