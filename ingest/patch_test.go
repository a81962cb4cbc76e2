package ingest

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

// RFC 9725 §4.3.1, §4.3.2 and RFC 6585 §3: which trickle requests pass.
func TestTrickle(t *testing.T) {
	f := newFixture(t, Options{})
	created := f.post("/whip/a", offertest.Offer(t, "chromium"))
	location, etag := created.Header.Get("Location"), created.Header.Get("ETag")
	fragmentType := "application/trickle-ice-sdpfrag"
	good := offertest.Credentials(offertest.OldUfrag, offertest.OldPwd) + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:" + offertest.HostCandidate + "\r\n"
	mdns := "a=candidate:1 1 udp 1 3f2a.local 5000 typ host\r\na=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active\r\n"
	tests := []struct {
		name, body string
		headers    []string
		status     int
	}{
		{"matching §4.3.2", good, []string{"Content-Type", fragmentType, "If-Match", etag}, 204},
		{"in a list", good, []string{"Content-Type", fragmentType, "If-Match", `"x", ` + etag}, 204},
		{"candidates of no use §4.3.2", good + mdns, []string{"Content-Type", fragmentType, "If-Match", etag}, 204},
		{"end of candidates", "a=end-of-candidates\r\n", []string{"Content-Type", fragmentType, "If-Match", etag}, 204},
		{"no If-Match §4.3.1", good, []string{"Content-Type", fragmentType}, 428},
		{"ETag instead of If-Match", good, []string{"Content-Type", fragmentType, "ETag", etag}, 428},
		{"stale §4.3.1", good, []string{"Content-Type", fragmentType, "If-Match", `"stale"`}, 412},
		{"weak §4.3.1", good, []string{"Content-Type", fragmentType, "If-Match", "W/" + etag}, 412},
		{"unquoted", good, []string{"Content-Type", fragmentType, "If-Match", strings.Trim(etag, `"`)}, 412},
		{"other type §4.3.1", good, []string{"Content-Type", "application/sdp", "If-Match", etag}, 415},
		{"no type §4.3.1", good, []string{"If-Match", etag}, 415},
		{"malformed §4.3.1", "nonsense", []string{"Content-Type", fragmentType, "If-Match", etag}, 400},
		{"other credentials", offertest.Credentials(offertest.NewUfrag, offertest.NewPwd), []string{"Content-Type", fragmentType, "If-Match", etag}, 400},
		{"too long", strings.Repeat("a=x\r\n", 5000), []string{"Content-Type", fragmentType, "If-Match", etag}, 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := *f
			g.TB = t
			resp := g.do("PATCH", location, tt.body, tt.headers...)
			require.Empty(t, resp.Header.Get("ETag"), "only a restart has one: §4.3.2")
			if tt.status != 204 {
				g.requireProblem(resp, tt.status, ".")
				return
			}
			require.Equal(t, 204, resp.StatusCode)
			require.Empty(t, text(t, resp))
		})
	}
	require.Equal(t, 204, f.do("GET", location, "").StatusCode, "the session goes on")
}

// A client that offers without candidates connects by trickling them.
func TestTrickleConnects(t *testing.T) {
	f := newFixture(t, Options{})
	client := newPeer(t, peerOptions{})
	full := client.offer()
	var bare, candidates strings.Builder
	for line := range strings.Lines(full) {
		if strings.HasPrefix(line, "a=candidate:") {
			candidates.WriteString(line)
		} else if !strings.HasPrefix(line, "a=end-of-candidates") {
			bare.WriteString(line)
		}
	}
	created := f.post("/whip/a", bare.String())
	require.Equal(t, 201, created.StatusCode)
	resp := f.patch(created.Header.Get("Location"), candidates.String(), created.Header.Get("ETag"))
	require.Equal(t, 204, resp.StatusCode, text(t, resp))
	require.NoError(t, client.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: text(t, created)}))
	client.waitConnected()
}

// RFC 9725 §4.3.3: a restart renews credentials and ETag, and media goes on through the same tracks.
func TestICERestart(t *testing.T) {
	for _, tt := range []struct{ name, ifMatch, path string }{
		{"RFC 9110 grammar", `*`, "/whip/a"},
		{"RFC 9725 example", `"*"`, "/whip/a"},
		{"echo", `*`, "/echo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			direction := webrtc.RTPTransceiverDirectionSendonly
			if tt.path == "/echo" {
				direction = webrtc.RTPTransceiverDirectionSendrecv
			}
			client := newPeer(t, peerOptions{direction: direction})
			client.publish(f, tt.path)
			client.waitConnected()
			client.keepSending()
			tap := f.server.sessions.Session(client.location).Tracks()[1].Tap(64)
			takeFrom(t, tap, 5)

			resp := client.restart(f, tt.ifMatch)
			require.Equal(t, 200, resp.StatusCode)
			require.Equal(t, "application/trickle-ice-sdpfrag", resp.Header.Get("Content-Type"))
			etag := resp.Header.Get("ETag")
			require.Regexp(t, `^"[A-Z2-7]{26}"$`, etag)
			require.NotEqual(t, client.etag, etag)
			client.applyRestart(text(t, resp))
			client.waitConnected()
			drain(tap)
			takeFrom(t, tap, 20)
			tap.Close()

			f.requireProblem(f.patch(client.location, "a=end-of-candidates\r\n", client.etag), 412, "ETag")
			require.Equal(t, 204, f.patch(client.location, "a=end-of-candidates\r\n", etag).StatusCode)
		})
	}
}

// Pion takes a source missing from a later offer as ended; many clients never declare any.
func TestICERestartWithoutDeclaredSources(t *testing.T) {
	f := newFixture(t, Options{})
	client := newPeer(t, peerOptions{})
	var bare strings.Builder
	for line := range strings.Lines(client.offer()) {
		if !strings.HasPrefix(line, "a=ssrc") && !strings.HasPrefix(line, "a=msid:") {
			bare.WriteString(line)
		}
	}
	created := f.post("/whip/a", bare.String())
	client.location, client.etag, client.answer = created.Header.Get("Location"), created.Header.Get("ETag"), text(t, created)
	require.Equal(t, 201, created.StatusCode, client.answer)
	require.NoError(t, client.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: client.answer}))
	client.waitConnected()
	client.keepSending()
	tap := f.server.sessions.Session(client.location).Tracks()[1].Tap(64)
	takeFrom(t, tap, 5)
	resp := client.restart(f, "*")
	require.Equal(t, 200, resp.StatusCode)
	client.applyRestart(text(t, resp))
	client.waitConnected()
	drain(tap)
	takeFrom(t, tap, 20)
	tap.Close()
}

// restart makes the client renew its credentials and sends them.
func (p *peer) restart(f *fixture, ifMatch string) *http.Response {
	p.Helper()
	for len(p.connected) > 0 {
		<-p.connected
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	o, err := p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	require.NoError(p, err)
	require.NoError(p, p.pc.SetLocalDescription(o))
	rtptest.Wait(p, gathered, "candidates")
	var b strings.Builder
	for line := range strings.Lines(p.pc.LocalDescription().SDP) {
		if strings.HasPrefix(line, "a=ice-") || strings.HasPrefix(line, "a=candidate") || strings.HasPrefix(line, "m=") {
			b.WriteString(line)
		}
	}
	return f.patch(p.location, b.String(), ifMatch)
}

// applyRestart puts the credentials and candidates of the fragment into the first answer.
func (p *peer) applyRestart(body string) {
	p.Helper()
	require.True(p, strings.HasPrefix(body, "a="))
	require.True(p, strings.HasSuffix(body, "\r\n"))
	require.Contains(p, body, "a=ice-options:trickle\r\n", "as in the answer: RFC 9725 §4.3.3")
	require.Contains(p, p.answer, "a=ice-options:trickle\r\n")
	require.NotContains(p, body, "ice-lite")
	f, err := offer.ParseFragment([]byte(body))
	require.NoError(p, err)
	require.NotEmpty(p, f.Candidates)
	old := &offer.Offer{Description: parseSDP(p, p.answer)}
	require.NotContains(p, p.answer, f.Ufrag)
	next, err := old.Restarted(f)
	require.NoError(p, err)
	sdp, err := next.Text()
	require.NoError(p, err)
	require.NoError(p, p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}))
}

func drain(tap *media.Tap) {
	for p, ok := tap.Next(); ok; p, ok = tap.Next() {
		p.Release()
	}
}

// RFC 9725 §4.3.3: a restart that fails leaves the running ICE session alone.
func TestICERestartRefused(t *testing.T) {
	f := newFixture(t, Options{})
	client := newPeer(t, peerOptions{})
	client.publish(f, "/whip/a")
	client.waitConnected()
	client.keepSending()
	current := parseSDP(t, client.pc.LocalDescription().SDP)
	ufrag := offer.Attribute(current, current.MediaDescriptions[0], "ice-ufrag")
	pwd := offer.Attribute(current, current.MediaDescriptions[0], "ice-pwd")
	for name, body := range map[string]string{
		"no credentials":   "a=end-of-candidates\r\n",
		"the same":         offertest.Credentials(ufrag, pwd),
		"short":            offertest.Credentials("abc", pwd),
		"broken candidate": offertest.Credentials(offertest.NewUfrag, offertest.NewPwd) + "a=candidate:x\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			g := *f
			g.TB = t
			g.requireProblem(g.patch(client.location, body, "*"), 400, ".")
		})
	}
	tap := f.server.sessions.Session(client.location).Tracks()[1].Tap(64)
	takeFrom(t, tap, 10)
	tap.Close()
	p, _ := f.server.Sessions().Publisher("a")
	require.Equal(t, session.StateConnected, p.State())
	require.Equal(t, 204, f.patch(client.location, "a=end-of-candidates\r\n", client.etag).StatusCode, "the ETag holds")
}

// However many requests they come in, the candidates of one ICE session are bounded, and each counts once.
func TestTrickleIsBounded(t *testing.T) {
	f := newFixture(t, Options{})
	created := f.post("/whip/a", offertest.Offer(t, "eyevinn"))
	location, etag := created.Header.Get("Location"), created.Header.Get("ETag")
	for i := range offer.MaxCandidates {
		body := "a=candidate:" + strings.Replace(offertest.HostCandidate, "61764", strconv.Itoa(1000+i), 1) + "\r\n"
		require.Equal(t, 204, f.patch(location, body, etag).StatusCode)
		require.Equal(t, 204, f.patch(location, body, etag).StatusCode)
	}
	f.requireProblem(f.patch(location, "a=candidate:"+offertest.HostCandidate+"\r\n", etag), 400, "64 already")
}
