package service

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A new peak, of viewers over WebRTC, HLS and DASH together, is told at once, then every ten seconds at most, and before the end; a stream that begins again has another.
func TestPeakOfViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		began := time.Now()
		a := newAudience(slog.New(slog.DiscardHandler), func(stream string, viewers int) {
			told = append(told, fmt.Sprintf("%s %d after %v", stream, viewers, time.Since(began)))
		})
		for n := range 5 {
			a.countWebRTC("cam", 1+n)
			a.countWebRTC("other", 1)
			<-time.After(time.Second)
		}
		a.countWebRTC("cam", 2)
		<-time.After(time.Minute)
		a.countPlayers("cam", 4)
		a.countPlayers("cam", 5)
		require.Equal(t, 7, a.end("cam"))
		require.Zero(t, a.end("nobody"))
		a.countWebRTC("cam", 1)
		<-time.After(time.Minute)
		require.Equal(t, []string{"cam 1 after 0s", "other 1 after 0s", "cam 5 after 10s", "cam 6 after 1m5s", "cam 7 after 1m5s", "cam 1 after 1m5s"}, told)
	})
}
