package room

import (
	"strconv"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/stretchr/testify/require"
)

func describing() *participant {
	return &participant{room: &room{rooms: &Rooms{config: Config{MaxParticipants: 4}}}}
}

// Whatever a participant describes, what is left of it is bounded.
func FuzzRoomDescription(f *testing.F) {
	for _, offered := range offertest.All(f) {
		f.Add(offered, true)
	}
	f.Fuzz(func(t *testing.T, text string, offered bool) {
		p, kind := describing(), webrtc.SDPTypeAnswer
		if offered {
			kind = webrtc.SDPTypeOffer
		}
		out, err := p.checkDescription(kind, text)
		if err != nil {
			return
		}
		desc := &sdp.SessionDescription{}
		if err := desc.UnmarshalString(out); err != nil {
			t.Fatalf("%q cannot be read: %v", out, err)
		}
		if n := strings.Count(out, "a=candidate:"); n > offer.MaxCandidates || len(p.candidates) > offer.MaxCandidates {
			t.Fatalf("%d candidates", n)
		}
		if n := len(desc.MediaDescriptions); offered && n > 2*4+spareSections {
			t.Fatalf("%d sections", n)
		}
	})
}

// Candidates count once, however they come, and there is an end to them.
func TestRoomCandidatesAreBounded(t *testing.T) {
	p := describing()
	offered := func(from, to int) string {
		text := offertest.Offer(t, "chromium")
		var lines strings.Builder
		for port := from; port < to; port++ {
			lines.WriteString("a=candidate:1 1 udp 2113937151 192.0.2.1 " + strconv.Itoa(port) + " typ host\r\n")
		}
		at := strings.Index(text, "a=ice-ufrag")
		require.Positive(t, at)
		return text[:at] + lines.String() + text[at:]
	}
	before := strings.Count(offertest.Offer(t, "chromium"), "a=candidate:")
	for range 3 {
		out, err := p.checkDescription(webrtc.SDPTypeOffer, offered(1000, 1040))
		require.NoError(t, err)
		require.Contains(t, out, "192.0.2.1 1039")
	}
	require.LessOrEqual(t, len(p.candidates), 40+before)
	out, err := p.checkDescription(webrtc.SDPTypeOffer, offered(2000, 2040))
	require.NoError(t, err)
	require.NotContains(t, out, "192.0.2.1 2039")
	require.Len(t, p.candidates, offer.MaxCandidates)
}
