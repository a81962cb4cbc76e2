package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-live/sluice/cmd/sluice/internal/viewers"
)

var (
	descPlayers      = describe("players", "Viewers over HLS and DASH.", "protocol")
	descReporting    = describe("players_reporting", "Of these, players that tell how it plays (CMCD).")
	descRebuffers    = describe("player_rebufferings", "How often playback has been interrupted for who watches now.")
	descRebuffering  = describe("player_rebuffering_ratio", "Share of the time that they have watched in which playback was interrupted, 0 to 1.")
	descStartup      = describe("player_startup_seconds", "Median of the time until playback began.")
	descPlayLatency  = describe("player_latency_seconds", "Latency of players.", "quantile")
	descVideoBitrate = describe("player_bitrate", "Mean of what is played, in bit/s.")

	descReports        = prometheus.NewDesc("sluice_player_reports_total", "Reports of players (CMCD).", nil, nil)
	descReportsRefused = prometheus.NewDesc("sluice_player_reports_refused_total", "Reports that could not be read, were of no live stream, or were too many of one client.", nil, nil)
	descMissed         = prometheus.NewDesc("sluice_player_requests_missed_total", "Requests of players that were not counted because too many came at once.", nil, nil)
	descForgotten      = prometheus.NewDesc("sluice_players_forgotten_total", "Viewers over HLS and DASH that are counted no more because there were too many.", nil, nil)
)

// players sends who watches over HLS and DASH, and how it plays for those who tell.
func (e emitter) players(s viewers.Stats) {
	for protocol, n := range map[string]int{"hls": s.HLS, "dash": s.DASH} {
		e.ch <- prometheus.MustNewConstMetric(descPlayers, prometheus.GaugeValue, float64(n), e.stream, protocol)
	}
	e.gauge(descReporting, float64(s.Telling))
	if s.Telling == 0 {
		return
	}
	e.gauge(descRebuffers, float64(s.Rebufferings))
	e.gauge(descRebuffering, s.Rebuffering)
	e.gauge(descStartup, s.Startup)
	for quantile, seconds := range map[string]float64{"0.5": s.LatencyMedian, "0.95": s.LatencyHigh} {
		e.ch <- prometheus.MustNewConstMetric(descPlayLatency, prometheus.GaugeValue, seconds, e.stream, quantile)
	}
	e.gauge(descVideoBitrate, s.Bitrate)
}

// collectReports sends what has been counted since the start.
func collectReports(ch chan<- prometheus.Metric, counts viewers.Counts) {
	for desc, n := range map[*prometheus.Desc]uint64{descReports: counts.Reports, descReportsRefused: counts.Refused, descMissed: counts.Missed, descForgotten: counts.Forgotten} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n))
	}
}
