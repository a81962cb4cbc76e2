package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-live/sluice/cmd/sluice/internal/forward"
)

var (
	descForwarding     = describe("forwarding", "1 while the stream is forwarded to a target of forward, 0 while that is being tried.", "target")
	descForwardBytes   = describe("forward_bytes_total", "Bytes of media that were sent to it.", "target")
	descForwardRetries = describe("forward_retries_total", "Tries after the first to have it take the stream.", "target")
	descForwardDropped = describe("forward_dropped_parts_total", "Parts of the stream that it was too slow for, and packets of SRT that did not come in time.", "target")
)

// collectForwards sends how the targets of a stream stand. Of those that are called the same the sums are told.
func collectForwards(ch chan<- prometheus.Metric, states []forward.State, stream string) {
	targets := map[string]forward.State{}
	for _, of := range states {
		all := targets[of.Target]
		if of.State == forward.StateForwarding {
			all.State = of.State
		}
		all.Bytes, all.Retries, all.Dropped = all.Bytes+of.Bytes, all.Retries+of.Retries, all.Dropped+of.Dropped
		targets[of.Target] = all
	}
	for target, of := range targets {
		send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64) {
			ch <- prometheus.MustNewConstMetric(d, kind, value, stream, target)
		}
		send(descForwarding, prometheus.GaugeValue, oneIf(of.State == forward.StateForwarding))
		send(descForwardBytes, prometheus.CounterValue, float64(of.Bytes))
		send(descForwardRetries, prometheus.CounterValue, float64(of.Retries))
		send(descForwardDropped, prometheus.CounterValue, float64(of.Dropped))
	}
}
