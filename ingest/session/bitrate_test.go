package session

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/transport/v4/packetio"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// What a client sends is measured over windows of 5 s: one above the limit is told, two in a row end the session.
func TestBitrateLimit(t *testing.T) {
	const limit, windows = 1_000_000, 4
	for name, tt := range map[string]struct {
		kind   Kind
		limit  int64
		sent   [windows]int64 // bit/s in each window
		told   int            // in the log
		advice string         // after the second window
		ends   int            // after so many windows; 0: it does not
	}{
		"just enough":       {KindPublisher, limit, [windows]int64{limit, limit, limit, limit}, 0, "", 0},
		"a peak":            {KindPublisher, limit, [windows]int64{0, 5 * limit, 0, 0}, 1, "It sends 5.0 Mbit/s, which is more than it may", 0},
		"two peaks":         {KindPublisher, limit, [windows]int64{2 * limit, 0, 2 * limit, 0}, 2, "", 0},
		"a flood":           {KindPublisher, limit, [windows]int64{0, 3 * limit, 3 * limit, 3 * limit}, 1, "It sends 3.0 Mbit/s", 3},
		"a viewer's flood":  {KindViewer, limit, [windows]int64{3 * limit, 3 * limit, 0, 0}, 1, "It sends 3.0", 2},
		"an upload's flood": {KindUpload, limit, [windows]int64{3 * limit, 3 * limit, 0, 0}, 1, "It sends 3.0", 2},
		"no limit":          {KindPublisher, 0, [windows]int64{90 * limit, 90 * limit, 90 * limit, 90 * limit}, 0, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logged strings.Builder
				s := &Session{link: &Link{}, at: &Reservation{Kind: tt.kind, name: "cam"}, closing: make(chan struct{})}
				s.tracks = []*media.Track{mediatest.Track(media.KindVideo)}
				ended := make(chan time.Duration, 1)
				began := time.Now()
				go func() {
					s.watch(tt.limit, slog.New(slog.NewTextHandler(&logged, nil)))
					ended <- time.Since(began)
				}()
				packet := make([]byte, 1000)
				number := uint16(0)
				stream := s.link.streams.open(packetio.RTPBufferPacket, 1)
				for i, rate := range tt.sent {
					for range rate * int64(bitrateWindow/time.Second) / 8 / int64(len(packet)) {
						if tt.kind == KindUpload {
							number++
							pushBytes(s.tracks[0], number, packet)
						} else {
							_, _ = stream.Write(packet) // it is full: nobody reads
						}
					}
					time.Sleep(bitrateWindow)
					synctest.Wait()
					if i == 1 {
						require.Contains(t, NewPublisher(s).Advice(), tt.advice)
						require.Equal(t, tt.advice == "", NewPublisher(s).Advice() == "")
					}
				}
				if tt.ends == 0 {
					require.NoError(t, s.Err())
					s.Close(ErrHungUp)
					<-ended
				} else {
					require.ErrorIs(t, s.Err(), ErrTooMuch)
					require.Equal(t, time.Duration(tt.ends)*bitrateWindow, <-ended)
				}
				require.Equal(t, tt.told, strings.Count(logged.String(), "sends more than it may"))
			})
		})
	}
}

// pushBytes lets a packet of so many bytes come of a track.
func pushBytes(t *media.Track, number uint16, payload []byte) {
	p := t.NewPacket()
	defer p.Release()
	p.Fill(rtp.Header{Version: 2, SequenceNumber: number}, time.Now(), payload)
	t.Push(p)
}
