package ingest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// relayed reads the server's own TURN server out of Link headers, as clients do.
func (f *fixture) relayed(network string) []webrtc.ICEServer {
	f.Helper()
	pattern := regexp.MustCompile(`<(turn:[^>]*transport=` + network + `)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"`)
	for _, link := range f.do("OPTIONS", "/whip/cam", "").Header.Values("Link") {
		if m := pattern.FindStringSubmatch(link); m != nil {
			return []webrtc.ICEServer{{URLs: []string{m[1]}, Username: m[2], Credential: m[3]}}
		}
	}
	f.Fatal("no TURN server is announced")
	return nil
}

// Clients that reach nothing but the TURN server publish and watch through it, over UDP and over TCP.
func TestRelayedMedia(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			f := newFixture(t, Options{TURNListen: "127.0.0.1:0"})
			studio := newPeer(t, peerOptions{servers: f.relayed(network)})
			studio.publish(f, "/whip/cam")
			studio.waitConnected()
			studio.keepSending()
			p, _ := f.server.Sessions().Publisher("cam")
			takeFrom(t, p.Tracks()[1].Tap(64), 10)
			require.Equal(t, 1, f.server.TURN().Relays())

			viewer := newPeer(t, peerOptions{servers: f.relayed(network), direction: webrtc.RTPTransceiverDirectionRecvonly})
			came := make(chan struct{}, 1)
			viewer.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				if _, _, err := track.ReadRTP(); err == nil {
					select {
					case came <- struct{}{}:
					default:
					}
				}
			})
			viewer.publish(f, "/whep/cam")
			viewer.waitConnected()
			rtptest.Wait(t, came, "a packet")
		})
	}
}

// A secret that a TURN server shares becomes credentials, for each client its own; the secret is told to nobody.
func TestSharedSecret(t *testing.T) {
	f := newFixture(t, Options{ICEServers: []ICEServer{{URLs: []string{"turn:turn.example:3478"}, Secret: turnSecret}}})
	links := f.do("OPTIONS", "/whip/cam", "").Header.Values("Link")
	require.Len(t, links, 1)
	require.Regexp(t, `^<turn:turn\.example:3478>; rel="ice-server"; username="\d{10}:sluice"; credential="[A-Za-z0-9+/]{27}="; credential-type="password"$`, links[0])
	require.NotContains(t, strings.Join(links, ""), turnSecret)
	require.Empty(t, f.do("OPTIONS", "/whip/cam", "", "Access-Control-Request-Method", "POST").Header.Values("Link"), "a preflight, which anybody may send")
}
