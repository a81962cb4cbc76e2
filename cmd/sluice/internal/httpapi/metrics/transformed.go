package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-live/sluice/ingest/transformed"
)

var (
	descTransformers      = prometheus.NewDesc("sluice_transformed_encoders", "Streams that are transformed for viewers over WebRTC now.", nil, nil)
	descTransformed       = prometheus.NewDesc("sluice_transformed_pictures_total", "Pictures that were transformed for viewers over WebRTC.", nil, nil)
	descTransformDrops    = prometheus.NewDesc("sluice_transformed_dropped_pictures_total", "Pictures that there was no time to transform for viewers over WebRTC.", nil, nil)
	descTransformRestarts = prometheus.NewDesc("sluice_transformed_restarts_total", "Encoders for transformed viewers over WebRTC that ended by themselves.", nil, nil)
	descTransformsRefused = prometheus.NewDesc("sluice_transformed_refused_total", "Viewers over WebRTC refused because no more streams can be transformed.", nil, nil)
)

// collectTransformed sends the metrics of streams that are transformed for viewers over WebRTC.
func collectTransformed(ch chan<- prometheus.Metric, s transformed.Stats) {
	ch <- prometheus.MustNewConstMetric(descTransformers, prometheus.GaugeValue, float64(s.Encoders))
	ch <- prometheus.MustNewConstMetric(descTransformed, prometheus.CounterValue, float64(s.Pictures))
	ch <- prometheus.MustNewConstMetric(descTransformDrops, prometheus.CounterValue, float64(s.Dropped))
	ch <- prometheus.MustNewConstMetric(descTransformRestarts, prometheus.CounterValue, float64(s.Restarts))
	ch <- prometheus.MustNewConstMetric(descTransformsRefused, prometheus.CounterValue, float64(s.Refused))
}
