package session

import (
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// Media has stopped when nothing has come for a second, or never did.
func TestSilent(t *testing.T) {
	now := time.Unix(100, 0)
	tests := []struct {
		name    string
		state   State
		started time.Duration // ago, as are the packets
		packets []time.Duration
		want    bool
	}{
		{"just begun", StateConnecting, time.Second, nil, false},
		{"never heard of", StateConnecting, beginsWithin + 1, nil, true},
		{"connected, never heard of", StateConnected, beginsWithin + 1, nil, true},
		{"flows", StateConnected, time.Hour, []time.Duration{time.Minute, silentAfter}, false},
		{"stopped", StateConnected, time.Hour, []time.Duration{time.Minute, silentAfter + 1}, true},
		{"cut off", StateDisconnected, time.Hour, []time.Duration{0, 0}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &Publisher{session: &Session{started: now.Add(-tt.started)}}
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
