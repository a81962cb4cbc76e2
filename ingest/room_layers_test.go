package ingest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
)

// enterInLayers has somebody enter the den who films in layers.
func enterInLayers(t *testing.T, f *fixture, name string) (*simulcaster, *guest) {
	t.Helper()
	studio, sender := layered(t)
	g := f.enter(guestOptions{path: "/rooms/den", name: name, peer: studio.peer, first: true, simulcast: true})
	studio.waitConnected()
	studio.negotiated(sender)
	studio.film()
	return studio, g
}

// Of who sends a simulcast in a room each of the others gets the layer that is enough for the size in which it is shown, and that its network
// carries; who does not show a picture gets none, and the sound all the same.
func TestRoomLayers(t *testing.T) {
	f := newFixture(t, Options{})
	studio, ann := enterInLayers(t, f, "Ann")
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

// Whoever asks before any media comes gets nothing else from the first picture on, whatever else it has asked for before: of who is not there
// nothing is remembered.
func TestRoomLayersAskedForAtOnce(t *testing.T) {
	f := newFixture(t, Options{})
	_, ann := enterInLayers(t, f, "Ann")
	small := func(g *guest, ids ...string) {
		var views []signal.Viewed
		for _, id := range ids {
			views = append(views, signal.Viewed{Participant: id, Width: 120, Height: 90})
		}
		g.say(signal.Event{Kind: signal.View, Views: views})
	}
	size := func(g *guest) int {
		return len(rtptest.Wait(t, g.from(ann.self, media.KindVideo), "a picture").Payload)
	}
	cyd := f.enter(guestOptions{path: "/rooms/den", name: "Cyd"})
	until := func(bytes int) {
		for got := 0; got != bytes; {
			got = size(cyd)
		}
	}
	until(973) // so that all layers are there
	small(cyd, ann.self)
	until(73)
	bob := f.enter(guestOptions{path: "/rooms/den", name: "Bob", first: true, asks: func(g *guest) {
		for i := range 64 {
			small(g, fmt.Sprint("nobody ", i), g.self)
		}
		small(g, ann.self)
	}})
	for range 100 {
		require.Equal(t, 73, size(bob))
	}
}
