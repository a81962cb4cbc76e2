package session

import (
	"log/slog"
	"net"

	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/stretchr/testify/require"
)

func FuzzOffer(f *testing.F) {
	for _, offered := range offertest.All(f) {
		f.Add([]byte(offered))
	}
	f.Add([]byte(offertest.Offer(f, "chromium", "SAVPF 111 63", "SAVPF 63 111")))
	peers := loopbackPeers(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		o, problem := offer.Parse(body, offer.Publishing(nil))
		if problem != nil {
			require.True(t, problem.Status >= 400 && problem.Status < 500)
			return
		}
		pc, link, err := peers.Open(o, false)
		require.NoError(t, err)
		sess := New(&Reservation{}, pc, link, time.Minute)
		if sess.accept(o) == nil {
			sess.Receive(media.NewPacketPool())
			_, _ = sess.answer(t.Context(), nil)
		}
		sess.Close(ErrDeleted)
		sess.run(0, slog.New(slog.DiscardHandler))
	})
}

// loopbackPeers make peer connections over one socket.
func loopbackPeers(t testing.TB) *Peers {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn})
	t.Cleanup(func() { require.NoError(t, mux.Close()) })
	var settings webrtc.SettingEngine
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIncludeLoopbackCandidate(true)
	return NewPeers(settings, Sockets{UDP: mux})
}
