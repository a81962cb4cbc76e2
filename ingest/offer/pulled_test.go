package offer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
)

// answered makes an answer of an offer of Chromium's to receive what is pullable: payload types are ours.
func answered(t testing.TB) string {
	t.Helper()
	payload, opus := "", ""
	for _, f := range Pullable() {
		if f.Codec == nil {
			opus = f.Payload
		} else if f.Codec.Name == "vp8" {
			payload = f.Payload
		}
	}
	require.Equal(t, "96", payload)
	return strings.NewReplacer("a=sendrecv", "a=sendonly", "a=setup:actpass", "a=setup:passive", " 111 ", " "+opus+" ", ":111 ", ":"+opus+" ").
		Replace(offertest.Offer(t, "chromium-sendrecv"))
}

// Of an answer what was offered is taken, with what is switched off left out; anything else is refused.
func TestPulledAnswers(t *testing.T) {
	o, p := ParsePulled([]byte(answered(t)), Pullable())
	require.Nil(t, p)
	require.Equal(t, "vp8", o.Video.Codec.Name)
	require.NotNil(t, o.Audio)
	require.Len(t, o.Description.MediaDescriptions, 2)

	o, p = ParsePulled([]byte(strings.Replace(answered(t), "m=video 9", "m=video 0", 1)), Pullable())
	require.Nil(t, p)
	require.Nil(t, o.Video)
	require.Len(t, o.Description.MediaDescriptions, 2, "as many as were offered")

	for name, answer := range map[string]string{
		"no SDP": "x", "nothing": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
		"another codec":  strings.ReplaceAll(answered(t), "VP8/90000", "VP7/90000"),
		"no fingerprint": strings.ReplaceAll(answered(t), "a=fingerprint:", "a=x:"),
	} {
		_, p := ParsePulled([]byte(answer), Pullable()[:2])
		require.NotNil(t, p, name)
		require.Equal(t, 502, p.Status, name)
	}
}

func FuzzPulledAnswer(f *testing.F) {
	f.Add([]byte(answered(f)))
	f.Add([]byte("v=0"))
	formats := Pullable()
	f.Fuzz(func(t *testing.T, answer []byte) {
		o, p := ParsePulled(answer, formats)
		if (o == nil) == (p == nil) {
			t.Fatal("neither taken nor refused")
		}
		if p == nil && o.Video == nil && o.Audio == nil {
			t.Fatal("an answer without media was taken")
		}
	})
}
