package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/packager/relay"
)

var (
	descNodes     = prometheus.NewDesc("sluice_cluster_nodes", "Nodes of the cluster, as far as this one knows.", nil, nil)
	descConnected = prometheus.NewDesc("sluice_cluster_connected", "1 while etcd answers; else no stream begins.", nil, nil)
	descSkew      = prometheus.NewDesc("sluice_cluster_clock_skew_seconds", "By how much the clock of another node is ahead of that of this one.", []string{"node"}, nil)
	descSkewed    = prometheus.NewDesc("sluice_cluster_clock_wrong", "1 while the clock of this node is more than a second from those of most others, for which it takes no new streams.", nil, nil)
	descAlone     = prometheus.NewDesc("sluice_cluster_unreserved_streams", "Streams of this node that go on beyond the numbers that etcd knows of, which does not answer.", nil, nil)
	descOwned     = prometheus.NewDesc("sluice_cluster_owned_streams", "Streams that this node has.", nil, nil)
)

// collectCluster sends how a node stands among the others, and what it has of their streams.
func collectCluster(ch chan<- prometheus.Metric, c *cluster.Node, own *ingest.Server) {
	if c == nil {
		return
	}
	members := c.Members()
	gauge := func(d *prometheus.Desc, value float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	gauge(descNodes, float64(len(members)))
	gauge(descConnected, oneIf(c.Connected()))
	gauge(descSkewed, oneIf(c.Skewed()))
	gauge(descAlone, float64(c.Unreserved()))
	for _, m := range members {
		if ahead, known := c.Skew(m.ID); known {
			ch <- prometheus.MustNewConstMetric(descSkew, prometheus.GaugeValue, ahead.Seconds(), m.ID)
		}
		if m.ID == c.ID() {
			gauge(descOwned, float64(m.Owned))
		}
	}
	collectRelayed(ch, c.Stats(), own)
}

// collectRelayed sends what is had of other services' streams: live media, and what is pulled over WHEP.
func collectRelayed(ch chan<- prometheus.Metric, stats relay.Stats, own *ingest.Server) {
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	gauge := func(d *prometheus.Desc, value float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	counter(descRelayRequests, stats.Requests-stats.Hits, "asked")
	counter(descRelayRequests, stats.Hits, "hit")
	counter(descRelayRequests, stats.Passed, "passed")
	counter(descRelayUpstream, stats.Upstream)
	counter(descRelayFailures, stats.Failures)
	counter(descRelayRefused, stats.Refused)
	counter(descRelayBytes, stats.BytesIn, "in")
	counter(descRelayBytes, stats.BytesOut, "out")
	gauge(descRelayKept, float64(stats.Bytes))
	gauge(descRelayAnswers, float64(stats.Answers))
	gauge(descRelayWaiting, float64(stats.Waiting))
	pulled := own.Pulled()
	gauge(descRelayPulled, float64(pulled.Streams))
	counter(descRelayPulls, pulled.Begun-pulled.Resumed, "begun")
	counter(descRelayPulls, pulled.Resumed, "resumed")
	counter(descRelayPulls, pulled.Failed, "failed")
}
