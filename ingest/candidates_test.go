package ingest

import (
	"testing"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/stretchr/testify/require"
)

// What is kept of a candidate must be good enough for pion.
func TestCandidatesAreReadable(t *testing.T) {
	f := newFixture(t, Options{})
	resp := f.post("/whip/a", offertest.Offer(t, "eyevinn"))
	for _, typ := range []string{"host", "srflx raddr 10.0.0.1 rport 5", "prflx", "relay raddr 10.0.0.1 rport 5", "relay"} {
		body := "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ " + typ + "\r\na=candidate:9 1 udp 5 2001:db8::1 5000 typ " + typ + "\r\n"
		got := f.patch(resp.Header.Get("Location"), body, resp.Header.Get("ETag"))
		require.Equal(t, 204, got.StatusCode, text(t, got))
	}
}
