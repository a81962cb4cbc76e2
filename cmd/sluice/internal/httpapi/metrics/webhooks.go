package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-live/sluice/cmd/sluice/internal/service"
)

func describeWebhook(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sluice_webhook_"+name, help, append([]string{"target"}, labels...), nil)
}

var (
	descHookTaken    = describeWebhook("taken_total", "Events that a webhook has taken.")
	descHookFailures = describeWebhook("failures_total", "Requests to a webhook that have failed; they are made again.")
	descHookDropped  = describeWebhook("dropped_total", "Events that a webhook has not taken and is told no more.", "reason")
	descHookQueued   = describeWebhook("queued", "Events that a webhook has not taken yet.")
	descHookUnkept   = describeWebhook("unkept", "1 while the events that a webhook has not taken cannot be kept on the disk.")
	descHooksLost    = prometheus.NewDesc("sluice_webhook_lost_total", "Events that no webhook is told, because too many came at once.", nil, nil)
)

// collectWebhooks sends the metrics of the servers that are told of events.
func collectWebhooks(ch chan<- prometheus.Metric, s *service.Service) {
	for _, of := range s.Webhooks().States() {
		send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, kind, value, append([]string{of.Target}, labels...)...)
		}
		send(descHookTaken, prometheus.CounterValue, float64(of.Delivered))
		send(descHookFailures, prometheus.CounterValue, float64(of.Failures))
		for reason, n := range map[string]uint64{"full": of.Full, "old": of.Old, "gone": of.Gone} {
			send(descHookDropped, prometheus.CounterValue, float64(n), reason)
		}
		send(descHookQueued, prometheus.GaugeValue, float64(of.Queued))
		send(descHookUnkept, prometheus.GaugeValue, oneIf(of.Unkept))
	}
	ch <- prometheus.MustNewConstMetric(descHooksLost, prometheus.CounterValue, float64(s.Webhooks().Lost()))
}
