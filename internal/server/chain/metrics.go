package chain

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
)

// Metrics counts and times calls. Labels are names of methods and codes, never
// anything a caller wrote.
type Metrics struct {
	duration *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
}

// NewMetrics registers the metrics of the chain.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fairlead_call_duration_seconds", Help: "How long calls took, by method, door (grpc or rest) and code.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15},
		}, []string{"method", "door", "code"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fairlead_calls_in_flight", Help: "Calls being worked on, by door.",
		}, []string{"door"}),
	}
	r.MustRegister(m.duration, m.inFlight)
	return m
}

func (m *Metrics) begin(door string) (end func()) {
	g := m.inFlight.WithLabelValues(door)
	g.Inc()
	return g.Dec
}

func (m *Metrics) observe(method, door string, code codes.Code, took time.Duration) {
	m.duration.WithLabelValues(method, door, code.String()).Observe(took.Seconds())
}
