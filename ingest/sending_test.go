package ingest

import (
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// Every session is described in both directions, by a name that is not its own.
func TestSessionInfos(t *testing.T) {
	unhurried := defaultTimers()
	unhurried.connect = time.Hour // some never connect
	f := newFixtureWith(t, Options{}, unhurried)
	studio := newPeer(t, peerOptions{})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	studio.keepSending()
	f.publishOffer("other")
	require.Equal(t, 201, f.post("/whep/cam", viewerOffer(t)).StatusCode)
	ann, bob := f.enter(guestOptions{path: "/rooms/den", name: "Ann"}), f.enter(guestOptions{path: "/rooms/den", name: "Bob"})
	ann.keepSending()
	bob.requireMedia(ann)
	var kinds []string
	require.Eventually(t, func() bool {
		kinds = nil
		flows := 0
		for _, info := range f.server.Sessions().Infos() {
			kinds = append(kinds, string(info.Kind)+" "+info.Name)
			require.NotContains(t, studio.location, info.ID)
			for _, in := range info.Received {
				if in.FPS > 20 && in.Width == 640 && in.Height == 480 && in.Bitrate > 0 {
					flows++
				}
			}
			for _, out := range info.Sent {
				if out.Packets > 0 && out.Bitrate > 0 && out.Kind == media.KindVideo {
					flows++
				}
			}
		}
		return flows == 3 // of the studio and of Ann, and to Bob
	}, rtptest.Patience, 50*time.Millisecond)
	require.Equal(t, []string{"publisher cam", "publisher other", "viewer cam", "participant den", "participant den"}, kinds)
}
