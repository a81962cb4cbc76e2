package offer

import (
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/media"
)

// Error correction is taken of a viewer that offers it, and of nobody else.
func TestCorrectionOffered(t *testing.T) {
	with := []string{"SAVPF 96 97", "SAVPF 96 97 49", "a=rtpmap:96 VP8/90000", "a=rtpmap:49 flexfec-03/90000\r\na=fmtp:49 repair-window=10000000\r\na=rtpmap:96 VP8/90000"}
	watching := Watching(&media.Format{Codec: VideoCodecOf(webrtc.MimeTypeVP8)})
	for name, tt := range map[string]struct {
		use   Purpose
		edits []string
		want  string
	}{
		"of a viewer":          {watching, with, "49"},
		"of another version":   {watching, append(with[:3:3], "a=rtpmap:49 flexfec/90000\r\na=rtpmap:96 VP8/90000"), ""},
		"of a viewer without":  {watching, nil, ""},
		"of who publishes":     {Publishing(nil), with, ""},
		"of who hears an echo": {Echoing(), with, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o, refused := Parse([]byte(offertest.Offer(t, "chromium-sendrecv", tt.edits...)), tt.use)
			require.Nil(t, refused)
			require.Equal(t, tt.want, o.Video.FEC)
			for _, m := range o.Description.MediaDescriptions {
				if m.MediaName.Media != "video" {
					continue
				}
				formats := []string{"96", "97"}
				if tt.want != "" {
					formats = append(formats, tt.want)
					require.Equal(t, media.FECParameters, AttributesByPayload(m, "fmtp")["49"])
				}
				require.Equal(t, formats, m.MediaName.Formats)
			}
			require.NoError(t, o.Register(&webrtc.MediaEngine{}))
		})
	}
}
