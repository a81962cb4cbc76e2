package ingest

import (
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
)

const (
	chromiumTransport = "a=ice-ufrag:4Zcd\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlWi\r\na=ice-options:trickle\r\n"
	otherPrint        = "a=fingerprint:sha-512 " + "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:" +
		"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n"
)

// bundleOnly is Chromium's offer with pictures that have no transport of their own.
func bundleOnly(t testing.TB) string { return makeBundleOnly(offertest.Offer(t, "chromium")) }

// makeBundleOnly takes the transport out of the pictures of an offer (RFC 9429 §5.2.1).
func makeBundleOnly(offered string) string {
	audio, video, _ := strings.Cut(offered, "m=video 9")
	video = "m=video 0" + withoutLines(video, "a=ice-", "a=fingerprint:", "a=setup:", "a=rtcp-mux", "a=candidate:") + "a=bundle-only\r\n"
	return audio + video
}

// withoutLines leaves out the lines that begin so.
func withoutLines(text string, prefixes ...string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		out := false
		for _, p := range prefixes {
			out = out || strings.HasPrefix(line, p)
		}
		if !out {
			b.WriteString(line)
		}
	}
	return b.String()
}

// Whatever is legal, or goes wrong on the way of a text, is answered as if it were Chromium's own offer.
func TestLegalOffers(t *testing.T) {
	chromium := offertest.Offer(t, "chromium")
	edit := func(edits ...string) string { return offertest.Offer(t, "chromium", edits...) }
	audio, video, _ := strings.Cut(chromium, "m=video")
	video = "m=video" + video
	print := "a=fingerprint:" + strings.Split(strings.Split(chromium, "a=fingerprint:")[1], "\r\n")[0] + "\r\n"
	section := func(mid string) string {
		return "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:" + mid + "\r\n"
	}
	tests := []struct {
		name, offer string
		ports       string // of the answer's sections: - is 0
	}{
		{"bundle-only", bundleOnly(t), "++"},
		{"bundle-only in LF", strings.ReplaceAll(bundleOnly(t), "\r\n", "\n"), "++"},
		{"bundle-only, its own bundle first", strings.NewReplacer("BUNDLE 0 1", "BUNDLE 1 0").Replace(bundleOnlyFirst(t)), "++"},
		{"no last line end", strings.TrimRight(chromium, "\r\n"), "++"},
		{"LF", strings.ReplaceAll(chromium, "\r\n", "\n"), "++"},
		{"CR", strings.ReplaceAll(chromium, "\r\n", "\r"), "++"},
		{"CR at the end", strings.TrimRight(chromium, "\r\n") + "\r", "++"},
		{"blanks at the ends of lines", strings.ReplaceAll(chromium, "\r\n", " \t\r\n"), "++"},
		{"blank lines", "\r\n\n" + strings.ReplaceAll(chromium, "\r\nm=", "\r\n\r\nm=") + "\r\n\r\n", "++"},
		{"a byte order mark", "\ufeff" + chromium, "++"},
		{"an empty name", edit("s=-\r\n", "s= \r\n"), "++"},
		{"attributes that nobody knows", edit("a=mid:1\r\n", "a=mid:1\r\na=x-flag\r\na=x-google:1 2 3\r\na=extmap-allow-mixed\r\n"), "++"},
		{"a transport for all", edit(chromiumTransport, "", print, "", "a=setup:actpass\r\n", "", "t=0 0\r\n", "t=0 0\r\n"+chromiumTransport+print+"a=setup:actpass\r\n"), "++"},
		{"options for ICE for all", edit("a=ice-options:trickle\r\n", "", "t=0 0\r\n", "t=0 0\r\na=ice-options:trickle ice2\r\n"), "++"},
		{"several fingerprints", edit(print, otherPrint+"a=fingerprint:foo-1 00:11\r\n"+strings.Replace(print, "sha-256", "SHA-256", 1)), "++"},
		{"the active role", edit("a=setup:actpass", "a=setup:active"), "++"},
		{"its own credentials in each section", audio + strings.ReplaceAll(video, "4Zcd", "5Zcd"), "++"},
		{"pictures switched off", edit("m=video 9", "m=video 0"), "+-"},
		{"sound switched off", edit("m=audio 9", "m=audio 0"), "-+"},
		{"a data channel switched off between", edit("m=video 9", section("x")+"m=video 9"), "+-+"},
		{"names of other clients", edit("BUNDLE 0 1", "BUNDLE  sdparta_0 video!1", "a=mid:0", "a=mid:sdparta_0", "a=mid:1", "a=mid:video!1"), "++"},
		{"another group first", edit("a=group:BUNDLE 0 1", "a=group:LS 0 1\r\na=group:BUNDLE 0 1"), "++"},
		{"sound alone, without a name", strings.NewReplacer("a=group:BUNDLE 0 1\r\n", "", "a=mid:0\r\n", "").Replace(audio), "+"},
		{"pictures first", strings.Replace(chromium, audio[strings.Index(audio, "m="):], "", 1) + audio[strings.Index(audio, "m="):], "++"},
		{"bandwidths and titles", edit("c=IN IP4 0.0.0.0\r\n", "i=camera\r\nc=IN IP4 0.0.0.0\r\nb=AS:2500\r\nb=TIAS:2500000\r\n"), "++"},
		{"groups of sources", chromium + "a=ssrc-group:FEC-FR 3921857394 77\r\na=ssrc:77 cname:x\r\n", "++"},
	}
	f := newFixture(t, Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := *f
			g.TB = t
			resp := g.post("/whip/a", tt.offer)
			body := text(t, resp)
			require.Equal(t, 201, resp.StatusCode, body)
			ports := ""
			for _, m := range parseSDP(t, body).MediaDescriptions {
				if m.MediaName.Port.Value == 0 {
					require.True(t, has(m, "inactive"))
					ports += "-"
					continue
				}
				ports += "+"
				require.True(t, has(m, "ice-ufrag") && has(m, "recvonly"))
			}
			require.Equal(t, tt.ports, ports)
			restarted := g.patch(resp.Header.Get("Location"), offertest.Credentials(offertest.NewUfrag, offertest.NewPwd), "*")
			require.Equal(t, 200, restarted.StatusCode, text(t, restarted))
			require.Equal(t, 200, g.do("DELETE", resp.Header.Get("Location"), "").StatusCode)
			g.requireNothingLeft()
		})
	}
}

// bundleOnlyFirst is an offer whose first section is bundle-only: the second one has the transport.
func bundleOnlyFirst(t testing.TB) string {
	offered := bundleOnly(t)
	head, sections, _ := strings.Cut(offered, "m=audio")
	audio, video, _ := strings.Cut(sections, "m=video")
	return head + "m=video" + strings.ReplaceAll(video, "a=mid:1", "a=mid:0") + "m=audio" + strings.ReplaceAll(audio, "a=mid:0", "a=mid:1")
}

// Media of a section that has no transport of its own comes over that of the bundle.
func TestBundleOnlyCarriesMedia(t *testing.T) {
	tracks := make(chan *media.Track, 2)
	f := newFixture(t, Options{OnPublish: func(p *session.Publisher) error {
		for _, track := range p.Tracks() {
			tracks <- track
		}
		return nil
	}})
	p := newPeer(t, peerOptions{})
	resp := f.post("/whip/cam", makeBundleOnly(p.offer()))
	answer := text(t, resp)
	require.Equal(t, 201, resp.StatusCode, answer)
	taps := []*media.Tap{(<-tracks).Tap(64), (<-tracks).Tap(64)}
	require.NoError(t, p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	p.waitConnected()
	p.keepSending()
	for _, tap := range taps {
		takeFrom(t, tap, 3)
		tap.Close()
	}
}
