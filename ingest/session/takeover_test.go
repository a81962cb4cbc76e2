package session

import (
	"net/http"
	"net/http/httptest"
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

// One whose first packet came before that of who publishes already, and who is late to say so, has been taken over from.
func TestOvertaken(t *testing.T) {
	r := NewRegistry(Limits{Sessions: 2, Streams: 1, PerAddress: 2, Connecting: 2}, Several{})
	publisher := func() *Publisher {
		at := NewReservation(httptest.NewRequest(http.MethodPost, "/whip/cam", nil), KindPublisher, "cam")
		require.Nil(t, r.Reserve(at))
		return NewPublisher(NewDetached(at, 0))
	}
	first, second := publisher(), publisher()
	now := time.Unix(100, 0)
	r.publish(second, now.Add(time.Millisecond))
	r.publish(first, now)
	require.Equal(t, []*Publisher{second}, r.Publishers())
	require.ErrorIs(t, first.Err(), ErrTakenOver)
	require.True(t, r.TakenOver("cam", first.session.Path()), "or its client comes back and takes over in its turn")
	require.False(t, r.TakenOver("cam", second.session.Path()))
}
