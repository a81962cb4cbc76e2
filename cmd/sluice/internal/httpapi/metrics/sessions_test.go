package metrics

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/public/panics"
)

// scrape returns the samples by their labels and description.
func scrape(t *testing.T, collect func(chan<- prometheus.Metric)) map[string]float64 {
	t.Helper()
	ch := make(chan prometheus.Metric, 1000)
	collect(ch)
	close(ch)
	samples := map[string]float64{}
	for m := range ch {
		var out dto.Metric
		require.NoError(t, m.Write(&out))
		name := ""
		for desc, short := range map[*prometheus.Desc]string{descSessionPackets: "packets", descSessionBitrate: "bitrate", descRoomDrops: "drops", descRooms: "rooms",
			descEstimates: "estimates", descEstimateSum: "sum", descEstimateLeast: "least", descShort: "short"} {
			if m.Desc() == desc {
				name = short
			}
		}
		if name == "" {
			continue
		}
		for _, label := range out.Label {
			name += " " + label.GetValue()
		}
		samples[name] = out.GetCounter().GetValue() + out.GetGauge().GetValue()
	}
	return samples
}

// Prometheus collects in a goroutine of its own, whose panic nobody else could contain.
func TestCollectorContainsPanics(t *testing.T) {
	before := panics.Count()
	collector{}.Collect(nil) // of no service
	require.Equal(t, before+1, panics.Count())
}

// Of viewers whose bandwidth is known there are sums, and no sample for each.
func TestBandwidthOfViewers(t *testing.T) {
	viewer := func(estimate, wanted float64) api.Session {
		return api.Session{Kind: "viewer", Bandwidth: &api.Bandwidth{Estimate: estimate, Wanted: wanted}}
	}
	got := scrape(t, func(ch chan<- prometheus.Metric) {
		collectBandwidth(ch, []api.Session{{Kind: "publisher"}, viewer(0, 0), viewer(3e6, 1e6), viewer(3e5, 1e6)})
	})
	require.Equal(t, map[string]float64{"estimates": 2, "sum": 3.3e6, "least": 3e5, "short": 1}, got)
	require.Equal(t, map[string]float64{"estimates": 0, "sum": 0, "least": 0, "short": 0}, scrape(t, func(ch chan<- prometheus.Metric) { collectBandwidth(ch, nil) }))
}

// However many sessions come and go there is one sample for each kind and direction, and no counter goes backwards.
func TestSessionsByKind(t *testing.T) {
	var s sums
	viewers := func(from, to int, packets uint64) (all []api.Session) {
		for i := from; i < to; i++ {
			all = append(all, api.Session{ID: fmt.Sprint(i), Kind: "viewer", Name: fmt.Sprint("stream", i), Sent: api.Direction{Packets: packets, Bitrate: 1000}})
		}
		return all
	}
	for _, tc := range []struct {
		sessions         []api.Session
		packets, bitrate float64
	}{
		{viewers(0, 10, 5), 50, 10_000},
		{viewers(0, 10, 7), 70, 10_000},
		{viewers(5, 15, 7), 105, 10_000}, // five have gone, five have come
		{nil, 105, 0},
		{viewers(5, 6, 3), 108, 1000}, // one of the same id is another one
	} {
		got := scrape(t, func(ch chan<- prometheus.Metric) { s.collectSessions(ch, tc.sessions) })
		require.Equal(t, map[string]float64{
			"packets sent viewer": tc.packets, "bitrate sent viewer": tc.bitrate, "packets received viewer": 0, "bitrate received viewer": 0,
		}, got)
		require.Len(t, s.sessions, len(tc.sessions), "nothing is kept of those that have gone")
	}
}

func TestRoomsTogether(t *testing.T) {
	var s sums
	for _, tc := range []struct {
		rooms []room.Info
		drops float64
	}{
		{[]room.Info{{Name: "den", Dropped: 3}, {Name: "hall", Dropped: 4}}, 7},
		{[]room.Info{{Name: "hall", Dropped: 6}}, 9},
		{nil, 9},
	} {
		got := scrape(t, func(ch chan<- prometheus.Metric) { s.collectRooms(ch, tc.rooms) })
		require.Equal(t, map[string]float64{"drops": tc.drops, "rooms": float64(len(tc.rooms))}, got)
	}
}
