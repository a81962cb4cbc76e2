package ingest

import (
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// A viewer's packets are gathered where they go, whichever socket they leave from, as long as the viewer is there.
func TestViewerGathers(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", ":0"} {
		t.Run(address, func(t *testing.T) {
			f := newFixture(t, Options{UDPListen: address})
			studio := newPeer(t, peerOptions{})
			studio.publish(f, "/whip/cam")
			studio.waitConnected()
			studio.keepSending()
			viewer := newSpectator(t, f, "cam", peerOptions{})
			rtptest.Wait(t, viewer.packets["video"], "video")
			gathered := f.server.sockets.batches.UDP.Gathered
			require.Eventually(t, func() bool { return len(gathered()) == 1 }, rtptest.Patience, time.Millisecond)
			pair, err := viewer.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
			require.NoError(t, err)
			for to := range gathered() {
				require.Equal(t, pair.Local.Port, to.Port())
				require.Eventually(t, func() bool { return gathered()[to] > 0 }, rtptest.Patience, time.Millisecond, "packets to %s are gathered", to)
			}
			require.Equal(t, 200, f.do("DELETE", viewer.location, "").StatusCode)
			require.Eventually(t, func() bool { return len(gathered()) == 0 }, rtptest.Patience, time.Millisecond)
		})
	}
}
