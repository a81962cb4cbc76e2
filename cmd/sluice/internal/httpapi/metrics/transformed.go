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
	descWHEPReducers      = prometheus.NewDesc("sluice_whep_reduced_encoders", "Streams whose video is encoded at a lower bitrate for viewers over WebRTC now.", nil, nil)
	descWHEPReductions    = prometheus.NewDesc("sluice_whep_reduced_begun_total", "Encoders of video at a lower bitrate for viewers over WebRTC that have begun.", nil, nil)
	descWHEPFailures      = prometheus.NewDesc("sluice_whep_reduced_failed_total", "Those that ended by themselves or did not keep up.", nil, nil)
	descWHEPRefused       = prometheus.NewDesc("sluice_whep_reduced_refused_total", "Those that could not begin for want of room.", nil, nil)
	descWHEPReduced       = prometheus.NewDesc("sluice_whep_reduced_pictures_total", "Pictures that were encoded at a lower bitrate for viewers over WebRTC.", nil, nil)
	descWHEPDrops         = prometheus.NewDesc("sluice_whep_reduced_dropped_pictures_total", "Pictures that there was no time to encode at a lower bitrate.", nil, nil)
	descTransformsRefused = prometheus.NewDesc("sluice_transformed_refused_total", "Viewers over WebRTC refused because no more streams can be transformed.", nil, nil)
)

// collectTransformed sends the metrics of streams that are transformed for viewers over WebRTC, and of those whose video is encoded at a lower bit rate
// for them.
func collectTransformed(ch chan<- prometheus.Metric, s transformed.Stats, reduced transformed.ReductionStats) {
	collectReduced(ch, reduced)
	ch <- prometheus.MustNewConstMetric(descTransformers, prometheus.GaugeValue, float64(s.Encoders))
	ch <- prometheus.MustNewConstMetric(descTransformed, prometheus.CounterValue, float64(s.Pictures))
	ch <- prometheus.MustNewConstMetric(descTransformDrops, prometheus.CounterValue, float64(s.Dropped))
	ch <- prometheus.MustNewConstMetric(descTransformRestarts, prometheus.CounterValue, float64(s.Restarts))
	ch <- prometheus.MustNewConstMetric(descTransformsRefused, prometheus.CounterValue, float64(s.Refused))
}

// collectReduced sends the metrics of streams whose video is encoded at a lower bit rate for viewers over WebRTC.
func collectReduced(ch chan<- prometheus.Metric, s transformed.ReductionStats) {
	ch <- prometheus.MustNewConstMetric(descWHEPReducers, prometheus.GaugeValue, float64(s.Encoders))
	ch <- prometheus.MustNewConstMetric(descWHEPReductions, prometheus.CounterValue, float64(s.Begun))
	ch <- prometheus.MustNewConstMetric(descWHEPFailures, prometheus.CounterValue, float64(s.Failed))
	ch <- prometheus.MustNewConstMetric(descWHEPRefused, prometheus.CounterValue, float64(s.Refused))
	ch <- prometheus.MustNewConstMetric(descWHEPReduced, prometheus.CounterValue, float64(s.Pictures))
	ch <- prometheus.MustNewConstMetric(descWHEPDrops, prometheus.CounterValue, float64(s.Dropped))
}
