package ingest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
)

// Of who sends a simulcast in a room each of the others gets the layer that is enough for the size in which it is shown, and that its network
// carries; who does not show a picture gets none, and the sound all the same.
func TestRoomLayers(t *testing.T) {
	f := newFixture(t, Options{})
	studio, sender := layered(t)
	ann := f.enter(guestOptions{path: "/rooms/den", name: "Ann", peer: studio.peer, first: true, simulcast: true})
	studio.waitConnected()
	studio.negotiated(sender)
	studio.film()
	atPace(t, func(number int) { _ = studio.audio.WriteRTP(rtptest.OpusPacket(uint16(number))) })
	slow := &slowLink{packets: 60}
	bob := f.enter(guestOptions{path: "/rooms/den", name: "Bob", peer: newPeer(t, peerOptions{wrap: slow.wrap})})
	pictures, sound := bob.from(ann.self, media.KindVideo), bob.from(ann.self, media.KindAudio)
	until := func(layer string) {
		t.Helper()
		for size := 0; size != map[string]int{"l": 73, "m": 253, "h": 973}[layer]; {
			size = len(rtptest.Wait(t, pictures, "layer "+layer).Payload)
		}
	}
	view := func(width, height int) {
		bob.say(signal.Event{Kind: signal.View, Views: []signal.Viewed{{Participant: ann.self, Width: width, Height: height}}})
	}
	until("h")
	view(320, 240)
	until("m")
	view(0, 0)
	for seen := true; seen; {
		for len(pictures) > 0 {
			<-pictures
		}
		for range 20 {
			rtptest.Wait(t, sound, "sound")
		}
		seen = len(pictures) > 0
	}
	view(120, 90)
	until("l")
	view(1280, 720)
	until("h")
	slow.bitrate.Store(150_000)
	until("l")
	require.NotZero(t, f.bandwidthOf(session.KindParticipant).Estimate)
	slow.bitrate.Store(0)
	until("h")
	bob.say(signal.Event{Kind: signal.View, Views: []signal.Viewed{{Participant: ann.self, Width: -1}}})
	require.Equal(t, 400, bob.await(signal.Error).Code)
	ann.say(signal.Event{Kind: signal.Leave})
	bob.say(signal.Event{Kind: signal.Leave})
	f.requireNoRooms()
}
