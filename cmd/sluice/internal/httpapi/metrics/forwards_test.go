package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/forward"
)

// Targets of the same name are told of together: Prometheus refuses two values of the same labels, and with them all of /metrics.
func TestForwards(t *testing.T) {
	require.Equal(t, []string{"0 cam other", "0 cam other", "1 cam other", "1 cam tube", "110 cam tube", "2 cam tube", "3 cam tube", "7 cam other"}, sent(t, func(ch chan<- prometheus.Metric) {
		collectForwards(ch, []forward.State{
			{Target: "tube", State: forward.StateForwarding, Bytes: 100, Dropped: 3}, {Target: "tube", State: forward.StateRetrying, Bytes: 10, Retries: 2},
			{Target: "other", State: forward.StateEnded, Bytes: 7, Retries: 1},
		}, "cam")
	}))
}
