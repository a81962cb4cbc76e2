package offer

import (
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/media"
)

// answer is one of a browser to what is proposed of VP8 and Opus; edits are as in offertest.Offer.
func answer(t testing.TB, edits ...string) string {
	return offertest.Offer(t, "chromium", append([]string{"a=sendonly", "a=recvonly", "a=setup:actpass", "a=setup:active"}, edits...)...)
}

func proposal() *Offer {
	return Propose(&media.Format{Payload: "120", Codec: VideoCodecOf(webrtc.MimeTypeVP8)}, &media.Format{Payload: "109"})
}

// What is offered of a stream is what players need to know of it, under payload types of the server's own.
func TestPropose(t *testing.T) {
	for parameters, want := range map[string]string{
		"packetization-mode=1;profile-level-id=640c1f;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==": "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f",
		"": "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f",
	} {
		o := Propose(&media.Format{Payload: "120", Codec: VideoCodecOf(webrtc.MimeTypeH264), Parameters: parameters}, nil)
		require.Equal(t, want, o.Video.Parameters)
		require.Nil(t, o.Audio)
		_, plays := o.Video.PlaysAs(*o.Video)
		require.True(t, plays)
	}
	vp9 := Propose(&media.Format{Codec: VideoCodecOf(webrtc.MimeTypeVP9), Parameters: "x-google-start-bitrate=1;profile-id=0"}, &media.Format{Payload: "1"})
	require.Equal(t, []string{"profile-id=0", "96", "97", "111"}, []string{vp9.Video.Parameters, vp9.Video.Payload, vp9.Video.Repair, vp9.Audio.Payload})
	require.Empty(t, proposal().Video.Parameters)
}

// A browser's answer is taken with one codec in each section, and candidates that can be reached.
func TestParseAnswer(t *testing.T) {
	a, problem := ParseAnswer([]byte(answer(t)), proposal())
	require.Nil(t, problem)
	require.Equal(t, []string{"96", "97", "111", "4Zcd"}, []string{a.Video.Payload, a.Video.Repair, a.Audio.Payload, a.Ufrag})
	text, err := a.Text()
	require.NoError(t, err)
	require.Contains(t, text, "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n")
	require.Contains(t, text, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n")
	require.Equal(t, 2, strings.Count(text, "a=recvonly"))
	require.NotContains(t, text, "ssrc:")
	for _, tt := range []struct {
		edits  []string
		detail string
	}{
		{[]string{"v=0", "hello"}, "The answer is not SDP"},
		{[]string{"m=video 9", "m=video 0"}, "refuses the video, which is VP8"},
		{[]string{"m=audio 9", "m=audio 0"}, "refuses the audio, which is Opus"},
		{[]string{"m=audio", "m=video"}, "The answer has more than one video section"},
		{[]string{"rtpmap:96 VP8", "rtpmap:96 H263"}, "none of the codecs that were offered"},
		{[]string{"rtpmap:111 opus", "rtpmap:111 G729"}, "none of the codecs that were offered"},
		{[]string{"a=group:BUNDLE 0 1", "a=group:BUNDLE 0"}, "a=group:BUNDLE"},
		{[]string{"a=ice-ufrag:4Zcd", "a=ice-ufrag:4"}, "The answer needs a=ice-ufrag"},
		{[]string{"a=candidate:1467250027", "a=candidate:?"}, "The answer has a candidate that cannot be read"},
	} {
		body := answer(t, tt.edits...)
		if strings.Contains(tt.detail, "cannot be read") {
			body = strings.Replace(body, "1 udp", "one udp", 1)
		}
		_, problem := ParseAnswer([]byte(body), proposal())
		require.NotNil(t, problem, tt.detail)
		require.Contains(t, problem.Detail, tt.detail)
	}
	video := proposal()
	video.Audio = nil
	_, problem = ParseAnswer([]byte(answer(t)), video)
	require.Contains(t, problem.Detail, "2 media sections and the offer 1")
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(answer(f)))
	for _, offered := range offertest.All(f) {
		f.Add([]byte(offered))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o := proposal()
		a, problem := ParseAnswer(body, o)
		if problem != nil {
			require.True(t, problem.Status >= 400 && problem.Status < 500)
			return
		}
		require.NotNil(t, a.Video)
		require.NotNil(t, a.Audio)
		require.Len(t, a.Description.MediaDescriptions, 2)
		require.LessOrEqual(t, len(a.Candidates()), MaxCandidates)
		text, err := a.Text()
		require.NoError(t, err)
		require.Contains(t, text, "a=ice-ufrag:"+a.Ufrag)
	})
}
