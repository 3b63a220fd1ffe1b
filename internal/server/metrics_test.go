package server_test

import (
	"context"
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openfairlead/fairlead/internal/server"
)

func TestRunsCollector(t *testing.T) {
	c := server.RunsCollector(func(ctx context.Context) (int, int, error) {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("a look at the metrics may wait for ever")
		}
		return 3, 1, nil
	})
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	got, err := r.Gather()
	if err != nil || len(got) != 1 || got[0].GetName() != "fairlead_runs" {
		t.Fatalf("%v %v", got, err)
	}
	values := map[string]float64{}
	for _, m := range got[0].GetMetric() {
		values[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
	}
	if len(values) != 2 || values["queued"] != 3 || values["running"] != 1 {
		t.Errorf("%v", values)
	}
	// A store that fails takes no other metric with it.
	failing := server.RunsCollector(func(context.Context) (int, int, error) { return 0, 0, errors.New("away") })
	r = prometheus.NewRegistry()
	r.MustRegister(failing, prometheus.NewGauge(prometheus.GaugeOpts{Name: "other"}))
	got, err = r.Gather()
	if err != nil || len(got) != 1 || got[0].GetName() != "other" {
		t.Errorf("%v %v", got, err)
	}
}
