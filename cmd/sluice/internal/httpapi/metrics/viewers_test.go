package metrics

import (
	"fmt"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/viewers"
)

func sent(t *testing.T, send func(ch chan<- prometheus.Metric)) (lines []string) {
	t.Helper()
	ch := make(chan prometheus.Metric, 100)
	send(ch)
	close(ch)
	for m := range ch {
		var of dto.Metric
		require.NoError(t, m.Write(&of))
		labels := ""
		for _, l := range of.GetLabel() {
			labels += " " + l.GetValue()
		}
		lines = append(lines, fmt.Sprint(of.GetGauge().GetValue()+of.GetCounter().GetValue(), labels))
	}
	slices.Sort(lines)
	return lines
}

// How it plays is sent where players tell.
func TestPlayers(t *testing.T) {
	players := func(s viewers.Stats) []string {
		return sent(t, func(ch chan<- prometheus.Metric) { emitter{ch, "cam"}.players(s) })
	}
	require.Equal(t, []string{"0 cam", "0 dash cam", "3 hls cam"}, players(viewers.Stats{HLS: 3}))
	require.Equal(t, []string{"0.1 cam", "0.7 cam", "1 dash cam", "1.5 0.5 cam", "2 cam", "2.5 0.95 cam", "3 hls cam", "5 cam", "6e+06 cam"}, players(viewers.Stats{
		HLS: 3, DASH: 1, Telling: 2, Rebufferings: 5, Rebuffering: 0.1, Startup: 0.7, LatencyMedian: 1.5, LatencyHigh: 2.5, Bitrate: 6e6,
	}))
	require.Equal(t, []string{"1", "2", "3", "4"}, sent(t, func(ch chan<- prometheus.Metric) {
		collectReports(ch, viewers.Counts{Reports: 1, Refused: 2, Missed: 3, Forgotten: 4})
	}))
}
