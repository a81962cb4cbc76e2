package offer

import (
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
)

// What Parse takes has one transport, in each section, and can be read again.
func FuzzParse(f *testing.F) {
	for _, offered := range offertest.All(f) {
		f.Add([]byte(offered))
	}
	f.Add([]byte(offertest.Offer(f, "chromium", "m=video 9", "m=video 0", "a=mid:1\r\n", "a=mid:1\r\na=bundle-only\r\n")))
	f.Add([]byte(offertest.Offer(f, "chromium") + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, problem := Parse(body, Publishing(nil))
		if problem != nil {
			require.True(t, problem.Status >= 400 && problem.Status < 500)
			return
		}
		text, err := o.Text()
		require.NoError(t, err)
		again := &sdp.SessionDescription{}
		require.NoError(t, again.UnmarshalString(text))
		require.LessOrEqual(t, len(again.MediaDescriptions)+len(o.rejected), maxSections)
		for _, m := range again.MediaDescriptions {
			ufrag, _ := m.Attribute("ice-ufrag")
			require.Equal(t, o.Ufrag, ufrag)
			require.NotZero(t, m.MediaName.Port.Value)
		}
	})
}
