package ingest

import (
	"strings"
	"testing"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/stretchr/testify/require"
)

// Redundancy is taken of who prefers it to Opus alone, and sends it; from nobody without Opus. A viewer is sent it who takes it.
func TestRedundancyOffered(t *testing.T) {
	chromium := func(edits ...string) string {
		return offertest.Offer(t, "chromium-sendrecv", append([]string{"SAVPF 111 63 9", "SAVPF 63 111 9"}, edits...)...)
	}
	watch := strings.NewReplacer("a=sendrecv", "a=recvonly")
	for name, c := range map[string]struct{ path, offer, want string }{
		"preferred":                      {"/whip/a", chromium(), "63 111 111/111"},
		"preferred, echo":                {"/echo", chromium(), "63 111 111/111"},
		"preferred, two blocks each":     {"/whip/a", chromium("111/111", "111/111/111"), "63 111 111/111"},
		"possible":                       {"/whip/a", offertest.Offer(t, "chromium-sendrecv"), "111 minptime=10;useinbandfec=1"},
		"preferred, of a viewer":         {"/whep/a", watch.Replace(chromium()), "63 111 111/111"},
		"possible, of a viewer":          {"/whep/a", watch.Replace(offertest.Offer(t, "chromium-sendrecv")), "111 63 minptime=10;useinbandfec=1"},
		"of other codecs, too":           {"/whip/a", chromium("111/111", "111/0"), "111 minptime=10;useinbandfec=1"},
		"of a codec that is not offered": {"/whip/a", chromium("111/111", "112/112"), "111 minptime=10;useinbandfec=1"},
		"of nothing":                     {"/whip/a", chromium("a=fmtp:63 111/111\r\n", ""), "111 minptime=10;useinbandfec=1"},
		"of one channel":                 {"/whip/a", chromium("red/48000/2", "red/48000"), "111 minptime=10;useinbandfec=1"},
		"without Opus":                   {"/whip/a", chromium("opus/48000", "isac/16000"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			if c.path == "/whep/a" {
				require.Equal(t, 201, f.post("/whip/a", offertest.Offer(t, "chromium")).StatusCode)
			}
			resp := f.post(c.path, c.offer)
			if c.want == "" {
				f.requireProblem(resp, 422, "audio section")
				return
			}
			body := text(t, resp)
			require.Equal(t, 201, resp.StatusCode, body)
			m := parseSDP(t, body).MediaDescriptions[0]
			require.Equal(t, c.want, describeFormats(m))
			require.Equal(t, "minptime=10;useinbandfec=1", offer.AttributesByPayload(m, "fmtp")["111"])
		})
	}
}
