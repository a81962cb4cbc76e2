package client

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/whip"
)

const (
	offerBegun = "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n" +
		"a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:abcd\r\n"
	fragmentBegun = "a=ice-ufrag:abcd\r\na=ice-pwd:secret\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
)

// trickled are the fragments that a server is told behind an offer; it refuses them after so many.
func trickled(t *testing.T, offer string, refuses int, late ...string) (told []string) {
	t.Helper()
	p := &peer{late: make(chan string, maxLate), over: make(chan struct{})}
	for _, c := range late {
		p.late <- c
	}
	close(p.late)
	p.trickle(t.Context(), offer, func(_ context.Context, fragment string) error {
		told = append(told, fragment)
		if len(told) > refuses {
			return errors.New("405 Method Not Allowed")
		}
		return nil
	})
	return told
}

// Candidates that come behind the offer are told one by one, and that there are no more (RFC 8840 §4.4).
func TestTrickle(t *testing.T) {
	const host, other = "candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host", "candidate:2 1 udp 1694498815 192.0.2.1 5001 typ srflx raddr 0.0.0.0 rport 0"
	want := []string{fragmentBegun + "a=" + other + "\r\n", fragmentBegun + "a=end-of-candidates\r\n"}
	require.Equal(t, want, trickled(t, offerBegun, 9, host, other))
	require.Equal(t, want[:1], trickled(t, offerBegun, 0, other, other), "a server that refuses is told no more")
	require.Empty(t, trickled(t, offerBegun+"a=end-of-candidates\r\n", 9, host), "the offer has all")
}

// Servers that OPTIONS names are used at once, and those of the answer alone where there is no connection without.
func TestPublishByServersOfTheEndpoint(t *testing.T) {
	requireNoLeak(t)
	s := newWHIPServer(t, 0)
	s.deaf, s.links[1] = true, `<turn:127.0.0.1:9?transport=udp>; rel="ice-server"; username="u"; credential="c"`
	out, errs, status := runCommand(t, t.Context(), "publish", "--token=key-of-cam", "--no-audio", "--timeout=3s", "test", s.URL+"/whip/cam")
	require.Equal(t, exit.Failed, status, errs)
	require.Contains(t, out, "trying again by the STUN and TURN servers that the answer named")
	require.Equal(t, "POST DELETE POST DELETE", strings.ReplaceAll(strings.ReplaceAll(strings.Join(s.requests, " "), " /whip/cam/session", ""), " /whip/cam", ""))

	s.links = [2]string{s.links[1], ""}
	w := &whip.Client{Endpoint: s.URL + "/whip/cam", Token: "key-of-cam"}
	servers := w.Servers(t.Context())
	require.Equal(t, []whip.Server{{URL: "turn:127.0.0.1:9?transport=udp", Username: "u", Credential: "c"}}, servers)
	peer, err := newPeer(videoCodecs(), servers)
	require.NoError(t, err)
	defer peer.Close()
	require.Equal(t, []string{servers[0].URL}, peer.pc.GetConfiguration().ICEServers[0].URLs)
}
