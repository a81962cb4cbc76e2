package room

import (
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
)

// RFC 8853 §5.3.1: a simulcast is taken where the client sends its picture, and nowhere else; of the layers that it has, once it has some.
func TestAskForLayers(t *testing.T) {
	answer := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rid:x recv\r\na=rid:lo send\r\na=rid:hi send\r\n"
	for _, tt := range []struct {
		remote *webrtc.SessionDescription
		want   []string
	}{
		{nil, []string{"q recv", "h recv", "f recv", "recv q;h;f"}},
		{&webrtc.SessionDescription{SDP: "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"}, []string{"q recv", "h recv", "f recv", "recv q;h;f"}},
		{&webrtc.SessionDescription{SDP: answer}, []string{"lo recv", "hi recv", "recv lo;hi"}},
	} {
		desc := &sdp.SessionDescription{}
		for _, kind := range []string{"audio", "video", "video"} {
			desc.WithMedia(&sdp.MediaDescription{MediaName: sdp.MediaName{Media: kind}})
		}
		askForLayers(desc, sentLayers(tt.remote))
		require.Empty(t, desc.MediaDescriptions[0].Attributes)
		require.Empty(t, desc.MediaDescriptions[2].Attributes)
		var got []string
		for _, a := range desc.MediaDescriptions[1].Attributes {
			got = append(got, a.Value)
		}
		require.Equal(t, tt.want, got)
	}
}
