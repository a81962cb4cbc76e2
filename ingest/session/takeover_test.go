package session

import (
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// Media has stopped when nothing has come for a second.
func TestSilent(t *testing.T) {
	now := time.Unix(100, 0)
	tests := []struct {
		name    string
		state   State
		packets []time.Duration // ago
		want    bool
	}{
		{"flows", StateConnected, []time.Duration{time.Minute, silentAfter}, false},
		{"stopped", StateConnected, []time.Duration{time.Minute, silentAfter + 1}, true},
		{"cut off", StateDisconnected, []time.Duration{0, 0}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPublisher(&Session{})
			p.session.setState(tt.state)
			for _, ago := range tt.packets {
				track := mediatest.Track(media.KindAudio)
				mediatest.PushAt(track, 1, false, now.Add(-ago))
				p.session.tracks = append(p.session.tracks, track)
			}
			require.Equal(t, tt.want, p.silent(now))
		})
	}
}
