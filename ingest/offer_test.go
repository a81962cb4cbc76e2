package ingest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/stretchr/testify/require"
)

func parseSDP(t testing.TB, text string) *sdp.SessionDescription {
	t.Helper()
	desc := &sdp.SessionDescription{}
	require.NoError(t, desc.UnmarshalString(text))
	return desc
}

func has(m *sdp.MediaDescription, key string) bool {
	_, ok := m.Attribute(key)
	return ok
}

// RFC 9725 §4.2, §4.3.2, §4.4: what clients in use offer is answered as a whole.
func TestOffersOfClients(t *testing.T) {
	tests := []struct {
		name, path string
		sections   []string // kind, payload types
		setup      string
	}{
		{"chromium", "/whip/a", []string{"audio 111", "video 96 97"}, "active"},
		{"chromium-sendrecv", "/whip/a", []string{"audio 111", "video 96 97"}, "active"},
		{"chromium-sendrecv", "/echo", []string{"audio 111", "video 96 97"}, "active"},
		{"chromium-simulcast", "/whip/a", []string{"audio 111", "video 96 97"}, "active"},
		{"eyevinn", "/whip/a", []string{"audio 111", "video 96 97"}, "active"},
		{"medooze", "/whip/a", []string{"audio 111", "video 96 97"}, "active"},
		{"ffmpeg8-audio", "/whip/a", []string{"audio 111"}, "active"},
		{"chromium-h264", "/whip/a", []string{"audio 111", "video 96 97"}, "active"},
		{"firefox", "/whip/a", []string{"audio 109", "video 120 124"}, "active"},
		{"safari", "/whip/a", []string{"audio 111", "video 96 97"}, "active"},
		{"obs", "/whip/a", []string{"audio 111", "video 96 97"}, "active"},
		{"obs-av1", "/whip/a", []string{"audio 111", "video 96 97"}, "active"},
		{"ffmpeg8", "/whip/a", []string{"audio 111", "video 106"}, "active"},
		{"larix", "/whip/a", []string{"video 96", "audio 111"}, "active"},
		{"gstreamer-h264", "/whip/a", []string{"video 101", "audio 96"}, "active"},
		{"gstreamer", "/whip/a", []string{"video 101", "audio 96"}, "active"},
		{"simple-whip-client", "/whip/a", []string{"audio 100", "video 96"}, "active"},
	}
	for _, tt := range tests {
		t.Run(tt.name+tt.path, func(t *testing.T) {
			f := newFixture(t, Options{})
			resp := f.post(tt.path, offertest.Offer(t, tt.name))
			body := text(t, resp)
			require.Equal(t, 201, resp.StatusCode, body)
			require.True(t, strings.HasPrefix(body, "v=0\r\n"))
			desc := parseSDP(t, body)
			require.Len(t, desc.MediaDescriptions, len(tt.sections))
			for i, m := range desc.MediaDescriptions {
				require.Equal(t, tt.sections[i], m.MediaName.Media+" "+strings.Join(m.MediaName.Formats, " "))
				requireAnswerSection(t, m, tt.path, tt.setup)
			}
			checkFirstCandidate(t, desc)
			require.Equal(t, 200, f.do("DELETE", resp.Header.Get("Location"), "").StatusCode)
			f.requireNothingLeft()
		})
	}
}

func requireAnswerSection(t *testing.T, m *sdp.MediaDescription, path, setup string) {
	t.Helper()
	want := "recvonly"
	if path == "/echo" {
		want = "sendrecv"
	}
	require.Equal(t, want, offer.Direction(m.Attributes), "RFC 9725 §4.2")
	require.True(t, has(m, "rtcp-mux") && has(m, "rtcp-mux-only"), "RFC 9725 §4.4.1")
	require.NotZero(t, m.MediaName.Port.Value, "a section was refused: RFC 9725 §4.4.3")
	got, _ := m.Attribute("setup")
	require.Equal(t, setup, got, "RFC 9725 §4.4.4")
	for _, a := range m.Attributes {
		require.NotContains(t, a.Value, "video-orientation")
	}
}

// RFC 9725 §4.3.2: the answer has all candidates; the first is one that a client without choice can use.
func checkFirstCandidate(t *testing.T, desc *sdp.SessionDescription) {
	t.Helper()
	first := desc.MediaDescriptions[0]
	c, ok := first.Attribute("candidate")
	require.True(t, ok)
	f := strings.Fields(c)
	require.Equal(t, []string{"1", "udp", "127.0.0.1", "host"}, []string{f[1], f[2], f[4], f[7]})
	require.True(t, has(first, "end-of-candidates"))
}

// RFC 9725 §4.4.4: each DTLS role is accepted, and the answer takes the other one.
func TestOfferSetup(t *testing.T) {
	for offered, answered := range map[string]string{"actpass": "active", "passive": "active", "active": "passive"} {
		t.Run(offered, func(t *testing.T) {
			f := newFixture(t, Options{})
			resp := f.post("/whip/a", offertest.Offer(t, "chromium", "a=setup:actpass", "a=setup:"+offered))
			require.Equal(t, 201, resp.StatusCode)
			require.Contains(t, text(t, resp), "a=setup:"+answered+"\r\n")
		})
	}
}

// RFC 9725 §4.2, §4.4: a bad offer is refused as a whole, never by a 5xx, and nothing is left of it.
func TestOffersRefused(t *testing.T) {
	var many strings.Builder
	for i := range offer.MaxCandidates + 1 {
		fmt.Fprintf(&many, "a=candidate:1 1 udp 2122260223 192.0.2.1 %d typ host\r\n", 1000+i)
	}
	chromium := func(edits ...string) string { return offertest.Offer(t, "chromium", edits...) }
	video := chromium()[strings.Index(chromium(), "m=video"):]
	tests := []struct {
		name, path, offer string
		status            int
		detail            string
	}{
		{"empty", "/whip/a", "", 400, "0 media sections"},
		{"text", "/whip/a", "hello", 400, "not SDP"},
		{"zeroes", "/whip/a", strings.Repeat("\x00", 100), 400, "not SDP"},
		{"no media", "/whip/a", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", 400, "0 media sections"},
		{"recvonly §4.2", "/whip/a", chromium("a=sendonly", "a=recvonly"), 400, "a=sendonly"},
		{"inactive §4.2", "/whip/a", chromium("a=sendonly", "a=inactive"), 400, "a=sendonly"},
		{"echo of sendonly", "/echo", chromium(), 400, "a=sendrecv"},
		{"two videos §4.4.2", "/whip/a", chromium() + strings.ReplaceAll(video, "a=mid:1", "a=mid:2"), 422, "more than one video"},
		{"two streams §4.4.2", "/whip/a", chromium("a=msid:6fd1b2a4-7f0e-4c33-9d51-1f1f8f0f6d10 0c1d", "a=msid:other 0c1d"), 422, "more than one MediaStream"},
		{"two tracks in one section §4.4.2", "/whip/a", chromium("a=ssrc-group:FID 3921857394 1740882371\r\n", ""), 422, "more than one track"},
		{"too many sources", "/whip/a", chromium() + ssrcLines(16+1), 400, "sources"},
		{"data channel", "/whip/a", chromium("m=audio 9 UDP/TLS/RTP/SAVPF", "m=application 9 UDP/DTLS/SCTP"), 422, "none of data channels"},
		{"data channel alone", "/whip/a", dataSection(), 422, "one audio, one video or both"},
		{"another protocol", "/echo", dataSection("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000"), 422, "none of data channels"},
		{"two sections of data channels", "/echo", dataSection() + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n", 422, "more than one application"},
		{"section of text", "/whip/a", chromium("m=audio 9 UDP/TLS/RTP/SAVPF", "m=text 9 UDP/TLS/RTP/SAVPF"), 422, "audio, video and data channels only"},
		{"OBS: HEVC §4.4.3", "/whip/a", offertest.Offer(t, "obs-hevc"), 422, "Sluice takes VP8, VP9, H.264 or AV1 video and Opus audio"},
		{"H.264, interleaved", "/whip/a", offertest.Offer(t, "obs", "packetization-mode=1", "packetization-mode=2"), 422, "video section"},
		{"VP9, 10 bits", "/whip/a", offertest.Offer(t, "gstreamer", "VP8/90000\r\n", "VP9/90000\r\na=fmtp:101 profile-id=2\r\n"), 422, "video section"},
		{"AV1, 4:4:4", "/whip/a", offertest.Offer(t, "obs-av1", "AV1/90000\r\n", "AV1/90000\r\na=fmtp:96 profile=1\r\n"), 422, "video section"},
		{"another clock rate", "/whip/a", offertest.Offer(t, "gstreamer", "VP8/90000", "VP8/48000"), 422, "video section"},
		{"no audio codec §4.4.3", "/whip/a", chromium("opus/48000", "isac/16000"), 422, "audio section"},
		{"codec without payload type", "/whip/a", offertest.Offer(t, "gstreamer", "m=video 9 UDP/TLS/RTP/SAVPF 101", "m=video 9 UDP/TLS/RTP/SAVPF 102"), 422, "video section"},
		{"payload type of eight bits", "/whip/a", offertest.Offer(t, "gstreamer", "SAVPF 101", "SAVPF 201", "a=rtpmap:101", "a=rtpmap:201"), 422, "video section"},
		{"not bundled §4.4.1", "/whip/a", chromium("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"), 400, "BUNDLE"},
		{"no mid", "/whip/a", chromium("a=mid:1\r\n", ""), 400, "a=mid"},
		{"same mid", "/whip/a", chromium("a=mid:1\r\n", "a=mid:0\r\n"), 400, "a=mid"},
		{"switched off", "/whip/a", chromium("m=audio 9", "m=audio 0", "m=video 9", "m=video 0"), 400, "port 0"},
		{"no credentials", "/whip/a", chromium("a=ice-pwd:2/1muCWoOi3uLifh0NuRHlWi\r\n", ""), 400, "a=ice-pwd"},
		{"short password", "/whip/a", chromium("a=ice-pwd:2/1muCWoOi3uLifh0NuRHlWi", "a=ice-pwd:short"), 400, "a=ice-pwd"},
		{"no fingerprint", "/whip/a", chromium("a=fingerprint:sha-256 ", "a=fp:"), 400, "a=fingerprint"},
		{"setup:holdconn", "/whip/a", chromium("a=setup:actpass", "a=setup:holdconn"), 400, "setup"},
		{"broken candidate", "/whip/a", chromium("1467250027 1 udp 2122260223", "x"), 400, "candidate"},
		{"too many candidates", "/whip/a", chromium("a=setup:actpass\r\na=mid:0", "a=setup:actpass\r\n"+many.String()+"a=mid:0"), 400, "candidates"},
		{"five sections", "/whip/a", chromium() + video + video + video, 400, "5 media sections"},
	}
	f := newFixture(t, Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := *f
			g.TB = t
			g.requireProblem(g.post(tt.path, tt.offer), tt.status, tt.detail)
			g.requireNothingLeft()
		})
	}
}

func ssrcLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a=ssrc:%d cname:x\r\n", 1000+i)
	}
	return b.String()
}

// A direction may stand for all sections (RFC 8866 §6.7), and credentials as well.
func TestOfferSessionLevel(t *testing.T) {
	f := newFixture(t, Options{})
	offered := offertest.Offer(t, "chromium", "a=sendonly\r\n", "", "a=setup:actpass\r\n", "", "t=0 0\r\n", "t=0 0\r\na=sendonly\r\na=setup:actpass\r\n")
	resp := f.post("/whip/a", offered)
	require.Equal(t, 201, resp.StatusCode, text(t, resp))
}

// Bad offers must neither stop the server nor leave anything behind. Some cut ones are whole.
func TestManyBadOffers(t *testing.T) {
	f := newFixture(t, Options{})
	good := offertest.Offer(t, "chromium")
	for i := range 200 {
		resp := f.post("/whip/a", good[:len(good)*i/200])
		require.Less(t, resp.StatusCode, 500, text(t, resp))
		if resp.StatusCode == 201 {
			require.Equal(t, 200, f.do("DELETE", resp.Header.Get("Location"), "").StatusCode)
		}
	}
	f.requireNothingLeft()
}

// dataSection is an offer of data channels alone; edits are pairs of what to replace and what by.
func dataSection(edits ...string) string {
	return strings.NewReplacer(edits...).Replace("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" +
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sctp-port:5000\r\na=setup:actpass\r\n" +
		"a=ice-ufrag:abcd\r\na=ice-pwd:" + strings.Repeat("p", 22) + "\r\na=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB\r\n")
}
