package httpapi

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// newOffer is an offer that sends sound and gets it back.
func newOffer(t *testing.T) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	defer pc.Close()
	_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio)
	require.NoError(t, err)
	offer, err := pc.CreateOffer(nil)
	require.NoError(t, err)
	return offer.SDP
}

// proxied is a service behind a proxy at 10.0.0.1, where each client may have two sessions.
func proxied(t *testing.T, change func(*config.Config)) *testService {
	t.Helper()
	cfg := testConfig(t, config.Auth{})
	cfg.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	cfg.Limits.SessionsPerAddress = 2
	change(&cfg)
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	return s
}

// Sessions are counted for the client behind a trusted proxy; what others say of themselves counts nothing.
func TestLimitsCountTheClient(t *testing.T) {
	s, offer := proxied(t, func(*config.Config) {}), newOffer(t)
	post := func(peer, client string) int {
		r := httptest.NewRequest("POST", "/echo", strings.NewReader(offer))
		r.RemoteAddr = peer + ":4000"
		r.Header.Set("Content-Type", "application/sdp")
		r.Header.Set("X-Forwarded-For", client)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		return w.Code
	}
	for i := range 10 {
		for range 2 {
			require.Equal(t, 201, post("10.0.0.1", fmt.Sprintf("198.51.100.99, 192.0.2.%d", i)))
		}
	}
	require.Equal(t, 429, post("10.0.0.1", "198.51.100.99, 192.0.2.1"), "a third of the same")
	statuses := map[int]int{}
	for i := range 10 {
		statuses[post("203.0.113.9", fmt.Sprintf("192.0.2.%d", 100+i))]++
	}
	require.Equal(t, map[int]int{201: 2, 429: 8}, statuses, "who is no proxy has the sessions of one address")
	for _, session := range s.Ingest().Sessions().Infos() {
		require.NotContains(t, session.Address, "10.0.0.1")
	}
}
