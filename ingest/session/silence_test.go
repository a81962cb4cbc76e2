package session

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// A negotiated track is silent when nothing has come of it for 10 s while the client sends otherwise, and that is reported once.
func TestSilentTracks(t *testing.T) {
	now := time.Now()
	const never = -1
	tests := []struct {
		name                           string
		connected, video, audio, stray time.Duration // ago
		want                           []media.Kind
	}{
		{"both flow", time.Hour, 0, 400 * time.Millisecond, never, nil},
		{"video has stopped", time.Hour, muteAfter, 0, never, []media.Kind{media.KindVideo}},
		{"video has just stopped", time.Hour, muteAfter - 1, 0, never, nil},
		{"no sound ever came", time.Minute, 0, never, never, []media.Kind{media.KindAudio}},
		{"just connected", muteAfter - 1, 0, never, never, nil},
		{"not connected", never, 0, never, never, nil},
		{"the client is gone", time.Hour, time.Minute, time.Minute, never, nil},
		{"it sends something else", time.Hour, never, never, 0, []media.Kind{media.KindVideo, media.KindAudio}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Session{link: &Link{}, at: &Reservation{name: "cam"}}
			if at := now.Add(-tt.connected); tt.connected != never {
				s.connectedAt.Store(&at)
			}
			if tt.stray != never {
				s.link.streams.strayedAt = now.Add(-tt.stray)
			}
			for kind, ago := range map[media.Kind]time.Duration{media.KindVideo: tt.video, media.KindAudio: tt.audio} {
				track := mediatest.Track(kind)
				if ago != never {
					mediatest.PushAt(track, 1, true, now.Add(-ago))
				}
				s.tracks = append(s.tracks, track)
			}
			var found []media.Kind
			for _, track := range s.silent(s.tracks, now) {
				found = append(found, track.Kind())
			}
			require.ElementsMatch(t, tt.want, found)
			var logged strings.Builder
			log := slog.New(slog.NewTextHandler(&logged, nil))
			s.report(s.report(nil, now, log), now, log)
			require.Equal(t, len(tt.want), strings.Count(logged.String(), "level=WARN"), logged.String())
			silent := 0
			for _, st := range s.stats(s.tracks, now) {
				if st.Silent {
					silent++
				}
			}
			require.Equal(t, len(tt.want), silent)
		})
	}
}
