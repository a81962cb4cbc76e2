package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/relay"
	"github.com/sluice-live/sluice/public/panics"
)

// RelayHandler serves everything that a relay counts, in Prometheus' format.
func RelayHandler(r *relay.Relay) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), relayCollector{r, &sums{}})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

var (
	descRelayRequests = prometheus.NewDesc("sluice_relay_requests_total", "Requests for live media: asked of the origin for them, answered by what was kept or under way for others, or passed on alone.", []string{"result"}, nil)
	descRelayUpstream = prometheus.NewDesc("sluice_relay_upstream_requests_total", "Requests for live media to the origin.", nil, nil)
	descRelayFailures = prometheus.NewDesc("sluice_relay_failures_total", "Requests for live media that the origin has not answered in time, or not wholly.", nil, nil)
	descRelayRefused  = prometheus.NewDesc("sluice_relay_refused_total", "Requests for live media refused because too many to the origin were under way.", nil, nil)
	descRelayBytes    = prometheus.NewDesc("sluice_relay_bytes_total", "Bytes of live media, from the origin and to clients.", []string{"direction"}, nil)
	descRelayKept     = prometheus.NewDesc("sluice_relay_cache_bytes", "Bytes of live media in memory.", nil, nil)
	descRelayAnswers  = prometheus.NewDesc("sluice_relay_cache_entries", "Playlists, segments and parts in memory.", nil, nil)
	descRelayPulled   = prometheus.NewDesc("sluice_relay_pulled_streams", "Streams that come from the origin over WHEP for the relay's viewers.", nil, nil)
	descRelayPulls    = prometheus.NewDesc("sluice_relay_pulls_total", "Offers to the origin for them: taken for the first viewer, or again after the connection had broken, or failed.", []string{"result"}, nil)
	descRelayWaiting  = prometheus.NewDesc("sluice_relay_upstream_requests", "Requests for live media to the origin under way.", nil, nil)
)

// relayCollector collects the metrics of a relay.
type relayCollector struct {
	relay *relay.Relay
	sums  *sums
}

// Describe sends nothing.
func (relayCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c relayCollector) Collect(ch chan<- prometheus.Metric) {
	_ = panics.Contain(nil, "the collecting of metrics", func() { c.collect(ch) })
}

func (c relayCollector) collect(ch chan<- prometheus.Metric) {
	collectRelayed(ch, c.relay.Stats(), c.relay.Ingest())
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	gauge := func(d *prometheus.Desc, value float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	c.cascade(ch, counter, gauge)
	counter(descPanics, panics.Count())
	reloaded, refused := c.relay.Reloads()
	counter(descReloads, reloaded, "taken")
	counter(descReloads, refused, "refused")
}

// cascade is what there is of viewers over WHEP.
func (c relayCollector) cascade(ch chan<- prometheus.Metric, counter func(*prometheus.Desc, uint64, ...string), gauge func(*prometheus.Desc, float64)) {
	own := c.relay.Ingest()
	for _, p := range own.Sessions().Publishers() {
		emitter{ch, p.Stream()}.audience(own.Viewers().Count(p.Stream()))
	}
	sessions := api.SessionsOf(own.Sessions())
	gauge(descSessions, float64(len(sessions)))
	counter(descExcesses, own.Sessions().Excesses())
	counter(descOverruns, own.Sessions().Overruns())
	c.sums.collectSessions(ch, sessions)
	collectBandwidth(ch, sessions)
	if turn := own.TURN(); turn != nil {
		gauge(descRelays, float64(turn.Relays()))
		counter(descRelayStrays, turn.Dropped())
	}
}
