package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

func describeOfSession(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("sluice_session_"+name, help, []string{"session", "kind", "name", "direction"}, nil)
}

var (
	descSessionBitrate = describeOfSession("bitrate", "What flows, in bit/s; direction is received or sent by the server.")
	descSessionPackets = describeOfSession("packets_total", "RTP packets.")
	descSessionLost    = describeOfSession("lost_packets_total", "RTP packets that have not come.")
	descSessionJitter  = describeOfSession("jitter_seconds", "Jitter of arrival.")
	descSessionNACKs   = describeOfSession("nacks_total", "Packets asked for again by who gets them.")
	descSessionPLIs    = describeOfSession("key_frame_requests_total", "Key frames asked for by who gets them.")
	descSessionRTT     = prometheus.NewDesc("sluice_session_rtt_seconds", "Round trip of the connection; 0 while unknown.", []string{"session", "kind", "name"}, nil)
)

func collectSessions(ch chan<- prometheus.Metric, sessions []api.Session) {
	for _, s := range sessions {
		ch <- prometheus.MustNewConstMetric(descSessionRTT, prometheus.GaugeValue, s.RTT, s.ID, s.Kind, s.Name)
		for direction, flow := range map[string]api.Direction{"received": s.Received, "sent": s.Sent} {
			labels := []string{s.ID, s.Kind, s.Name, direction}
			ch <- prometheus.MustNewConstMetric(descSessionBitrate, prometheus.GaugeValue, flow.Bitrate, labels...)
			ch <- prometheus.MustNewConstMetric(descSessionJitter, prometheus.GaugeValue, flow.Jitter, labels...)
			ch <- prometheus.MustNewConstMetric(descSessionPackets, prometheus.CounterValue, float64(flow.Packets), labels...)
			ch <- prometheus.MustNewConstMetric(descSessionLost, prometheus.CounterValue, float64(flow.Lost), labels...)
			ch <- prometheus.MustNewConstMetric(descSessionNACKs, prometheus.CounterValue, float64(flow.NACKs), labels...)
			ch <- prometheus.MustNewConstMetric(descSessionPLIs, prometheus.CounterValue, float64(flow.PLIs), labels...)
		}
	}
}
