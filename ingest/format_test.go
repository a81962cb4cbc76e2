package ingest

import (
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/stretchr/testify/require"
)

// RFC 9725 §4.4.3: one codec of what is offered is answered, in our order of preference or the publisher's, and what belongs to it.
func TestVideoCodecs(t *testing.T) {
	full := offertest.Offer(t, "chromium-h264")
	mode0First := strings.NewReplacer("SAVPF 96 97 103 104 107 108 ", "SAVPF 107 108 103 104 ").Replace(full)
	oddFirst := strings.NewReplacer("SAVPF 96 97 103 104 ", "SAVPF 112 113 96 97 103 104 ", " 100 101 112 113", " 100 101").Replace(full)
	tests := []struct {
		name   string
		codecs []string
		offer  string
		video  string // payload types, then the codec's parameters
	}{
		{"the publisher's first", nil, full, "96 97"},
		{"the only one allowed", []string{"h264"}, full, "103 104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"},
		{"our first", []string{"av1", "vp9", "h264", "vp8"}, full, "45 46 level-idx=5;profile=0;tier=0"},
		{"VP9 of 8 bits", []string{"vp9"}, strings.Replace(full, " 98 99 100 101 ", " 100 101 98 99 ", 1), "98 99 profile-id=0"},
		{"our second", []string{"av1", "vp8"}, offertest.Offer(t, "gstreamer"), "101"},
		{"packetization mode 1 rather than 0", nil, mode0First, "103 104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"},
		{"8 bits, 4:2:0 rather than not", nil, oddFirst, "103 104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"},
		{"packetization mode 0", nil, offertest.Offer(t, "ffmpeg8", "packetization-mode=1;", ""), "106 level-asymmetry-allowed=1;profile-level-id=42e01f"},
		{"High profile", nil, offertest.Offer(t, "larix"), "96 packetization-mode=1;profile-level-id=640028;level-asymmetry-allowed=1"},
		{"4:4:4 when there is nothing else", nil, offertest.Offer(t, "ffmpeg8", "42e01f", "f4001f"), "106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=f4001f"},
		{"no parameters", nil, offertest.Offer(t, "ffmpeg8", "a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n", ""), "106"},
		{"parameter sets", nil, offertest.Offer(t, "gstreamer-h264"), "101 packetization-mode=1;profile-level-id=42c01f"},
		{"AV1 without parameters", []string{"av1"}, offertest.Offer(t, "firefox"), "99 100"},
		{"VP9 without profile", []string{"vp9"}, offertest.Offer(t, "firefox"), "121 125 max-fs=12288;max-fr=60"},
		{"retransmission with a time", nil, offertest.Offer(t, "obs", "a=fmtp:97 apt=96", "a=fmtp:97 rtx-time=3000; apt=96"), "96 97 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1"},
		{"names in small letters", nil, offertest.Offer(t, "obs", "H264/90000", "h264/90000"), "96 97 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, Options{VideoCodecs: tt.codecs})
			resp := f.post("/whip/a", tt.offer)
			body := text(t, resp)
			require.Equal(t, 201, resp.StatusCode, body)
			m := videoSection(t, body)
			parameters, asked := strings.CutSuffix(describeFormats(m), "x-google-start-bitrate=1500")
			require.True(t, asked, "no picture grows in its first seconds")
			require.Equal(t, tt.video, strings.TrimRight(parameters, "; "))
			requireFeedback(t, videoSection(t, tt.offer), m)
		})
	}
}

// What is not allowed is refused as a whole, with what is.
func TestVideoCodecsRefused(t *testing.T) {
	f := newFixture(t, Options{VideoCodecs: []string{"h264", "vp9"}})
	f.requireProblem(f.post("/whip/a", offertest.Offer(t, "gstreamer")), 422, "Sluice takes VP9 or H.264 video and Opus audio.")
	f.requireProblem(f.post("/whip/a", offertest.Offer(t, "obs-av1")), 422, "Sluice takes VP9 or H.264 video and Opus audio.")
	f.requireNothingLeft()
	require.Equal(t, 201, f.post("/echo", offertest.Offer(t, "chromium-sendrecv", "VP9/90000", "x/90000", "H264/90000", "x/90000")).StatusCode, "the echo takes all")
	require.Equal(t, "Sluice takes AV1 video and Opus audio", offer.TakenCodecs([]string{"av1"}))
}

func videoSection(t testing.TB, text string) *sdp.MediaDescription {
	t.Helper()
	desc := parseSDP(t, text)
	i := slices.IndexFunc(desc.MediaDescriptions, func(m *sdp.MediaDescription) bool { return m.MediaName.Media == "video" })
	require.GreaterOrEqual(t, i, 0)
	return desc.MediaDescriptions[i]
}

func describeFormats(m *sdp.MediaDescription) string {
	formats := m.MediaName.Formats
	return strings.TrimSpace(strings.Join(formats, " ") + " " + offer.AttributesByPayload(m, "fmtp")[formats[0]])
}

// requireFeedback checks that all is answered which is offered and of use (RFC 4585 §4.2): of a sender without a word, nothing.
func requireFeedback(t *testing.T, offered, answered *sdp.MediaDescription) {
	t.Helper()
	payload := answered.MediaName.Formats[0]
	feedback := func(m *sdp.MediaDescription) (values []string) {
		for _, a := range m.Attributes {
			if p, value, _ := strings.Cut(a.Value, " "); a.Key == "rtcp-fb" && p == payload && value != "goog-remb" {
				values = append(values, value)
			}
		}
		return values
	}
	require.ElementsMatch(t, feedback(offered), feedback(answered))
}

// What is agreed is told: the codec, and the sender's parameter sets.
func TestFormatParameters(t *testing.T) {
	f := newFixture(t, Options{})
	for file, want := range map[string]string{
		"gstreamer-h264": "video/H264 90000 0 packetization-mode=1;profile-level-id=42c01f;sprop-parameter-sets=Z0LAH9kAUAW7ARAAAAMAEAAAAwPA8YMkgA==,aMuMsg==",
		"obs-av1":        "video/AV1 90000 0 ",
		"firefox":        "video/VP8 90000 0 max-fs=12288;max-fr=60",
	} {
		require.Equal(t, 201, f.post("/whip/"+file, offertest.Offer(t, file)).StatusCode)
		p, _ := f.server.Sessions().Publisher(file)
		track := p.Track(media.KindVideo)
		require.Equal(t, want, describe(track)+" "+track.FormatParameters())
	}
}

// A viewer is answered with what the stream is, as the viewer names it.
func TestViewersFormat(t *testing.T) {
	const parameters = "level-asymmetry-allowed=1;packetization-mode="
	tests := []struct {
		name, publisher string // and its offer
		viewer          string
		edits           []string
		video           string
	}{
		{"VP8", "gstreamer", "chromium-h264", nil, "96 97"},
		{"AV1", "obs-av1", "chromium-h264", nil, "45 46 level-idx=5;profile=0;tier=0"},
		{"Constrained Baseline", "obs", "chromium-h264", nil, "103 104 " + parameters + "1;profile-level-id=42001f"},
		{"High as Constrained High", "larix", "safari", nil, "96 97 " + parameters + "1;profile-level-id=640c1f"},
		{"High as Constrained Baseline", "larix", "firefox", nil, "126 127 profile-level-id=42e01f;" + parameters + "1"},
		{"single units", "ffmpeg8", "firefox", []string{"packetization-mode=1;", ""}, "97 98 profile-level-id=42e01f;level-asymmetry-allowed=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			require.Equal(t, 201, f.post("/whip/cam", offertest.Offer(t, tt.publisher, tt.edits...)).StatusCode)
			resp := f.post("/whep/cam", offertest.Offer(t, tt.viewer, "a=sendonly", "a=recvonly"))
			body := text(t, resp)
			require.Equal(t, 201, resp.StatusCode, body)
			require.Equal(t, tt.video, describeFormats(videoSection(t, body)))
		})
	}
}

// A viewer whose player cannot take the stream as it is learns what it is, and what else there is.
func TestViewersFormatRefused(t *testing.T) {
	f := newFixture(t, Options{})
	for file, title := range map[string]string{"obs": "H.264", "obs-av1": "AV1"} {
		require.Equal(t, 201, f.post("/whip/"+file, offertest.Offer(t, file)).StatusCode)
		resp := f.post("/whep/"+file, offertest.Offer(t, "gstreamer", "a=sendonly", "a=recvonly"))
		f.requireProblem(resp, 422, "viewers of this stream get "+title+" video and Opus audio, which are not encoded for each of them; HLS and DASH play it everywhere.")
	}
	onlyMode0 := offertest.Offer(t, "ffmpeg8", "packetization-mode=1;", "", "a=sendonly", "a=recvonly")
	f.requireProblem(f.post("/whep/obs", onlyMode0), 422, "H.264")
	require.Equal(t, egress.Count{}, f.server.Viewers().Count("obs"))

	require.Equal(t, 201, f.post("/whip/sound", offertest.Offer(t, "ffmpeg8-audio")).StatusCode)
	require.Equal(t, 201, f.post("/whep/sound", offertest.Offer(t, "obs", "a=sendonly", "a=recvonly")).StatusCode, "it may bring pictures of any codec later")
}

// RFC 8866 §6.6: of lines that contradict each other the first counts, and an odd offer is refused in words.
func TestOddFormats(t *testing.T) {
	f := newFixture(t, Options{})
	twice := offertest.Offer(t, "gstreamer", "a=rtpmap:101 VP8/90000", "a=rtpmap:101 VP8/90000\r\na=rtpmap:101 H264/90000")
	resp := f.post("/whip/a", twice)
	require.Contains(t, []int{201, 400}, resp.StatusCode, text(t, resp))
	same := offertest.Offer(t, "obs", "m=audio 56123 UDP/TLS/RTP/SAVPF 111", "m=audio 56123 UDP/TLS/RTP/SAVPF 96", "a=rtpmap:111", "a=rtpmap:96", "a=fmtp:111", "a=fmtp:96")
	resp = f.post("/whip/b", same)
	require.Contains(t, []int{201, 400}, resp.StatusCode, text(t, resp))
	require.Equal(t, webrtc.PayloadType(0), media.PayloadType("0"))
}
