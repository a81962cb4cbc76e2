package ingest

import (
	"net/http"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/ingest/signal"
)

// Each of three gets what the other two send, over either way of signalling and whoever offers first; one leaves and comes back.
func TestRoomForwards(t *testing.T) {
	for name, o := range map[string]guestOptions{
		"over WebSocket": {}, "over SSE": {sse: true}, "the client offers first": {first: true}, "both offer": {glare: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			o.path = "/rooms/den"
			enter := func(name string) *guest {
				o.name = name
				g := f.enter(o)
				g.keepSending()
				return g
			}
			ann, bob, cyd := enter("Ann"), enter("Bob"), enter("Cyd")
			all := []*guest{ann, bob, cyd}
			for _, g := range all {
				for _, other := range all {
					if other != g {
						g.requireMedia(other)
					}
				}
			}
			ann.awaitThat(signal.Updated, func(e signal.Event) bool { return e.From == cyd.self && e.Participant.Video && e.Participant.Audio })
			ann.say(signal.Event{Kind: signal.Message, Text: "hello"})
			require.Equal(t, ann.self, cyd.await(signal.Message).From)
			bob.await(signal.Message)
			ann.say(signal.Event{Kind: signal.Message, To: bob.self, Text: "only you"})
			require.Equal(t, "only you", bob.await(signal.Message).Text)

			cyd.offerFirst() // in the middle: nothing that has been agreed on changes
			require.Contains(t, rtptest.Wait(t, cyd.answers, "an answer"), "a=setup:passive")
			cyd.requireMedia(ann)

			bob.say(signal.Event{Kind: signal.Leave})
			left := ann.await(signal.Left)
			require.Equal(t, bob.self, left.From)
			require.Equal(t, room.ErrLeft.Error(), left.Detail)
			again := enter("Bob again")
			require.Equal(t, "Bob again", ann.await(signal.Joined).Participant.Name)
			for _, g := range []*guest{ann, cyd} {
				g.requireMedia(again)
				again.requireMedia(g)
			}
			for _, g := range []*guest{ann, cyd, again} {
				g.say(signal.Event{Kind: signal.Leave})
			}
			f.requireNoRooms()
		})
	}
}

// Who comes waits for nobody's next key frame: the others are asked for one.
func TestRoomAsksForKeyFrames(t *testing.T) {
	f := newFixture(t, Options{})
	ann := f.enter(guestOptions{path: "/rooms/den", name: "Ann"})
	asked := make(chan struct{}, 64)
	ann.onRTCP = func(p rtcp.Packet) {
		if _, ok := p.(*rtcp.PictureLossIndication); ok {
			asked <- struct{}{}
		}
	}
	ann.waitConnected()
	for seq := range uint16(10) { // no key frame among them
		require.NoError(t, ann.video.WriteRTP(rtptest.VP8Packet(seq, false)))
	}
	bob := f.enter(guestOptions{path: "/rooms/den", name: "Bob"})
	bob.waitConnected()
	rtptest.Wait(t, asked, "a request for a key frame")
	pictures := bob.from(ann.self, media.KindVideo)
	require.Eventually(t, func() bool {
		require.NoError(t, ann.video.WriteRTP(rtptest.VP8Packet(1000, true)))
		return len(pictures) > 0
	}, rtptest.Patience, 20*time.Millisecond)
	require.Zero(t, (<-pictures).Payload[1]&1, "a key frame comes first")
}

// A connection that is lost costs nothing: media goes on, and what happened meanwhile is told.
func TestRoomComesBack(t *testing.T) {
	for _, sse := range []bool{false, true} {
		f := newFixture(t, Options{})
		ann, bob := f.enter(guestOptions{path: "/rooms/den", name: "Ann", sse: sse}), f.enter(guestOptions{path: "/rooms/den", name: "Bob"})
		ann.keepSending()
		bob.keepSending()
		bob.requireMedia(ann)
		ann.hangUp()
		bob.awaitThat(signal.Updated, func(e signal.Event) bool { return e.From == ann.self && e.Participant.Away })
		bob.requireMedia(ann)
		cyd := f.enter(guestOptions{path: "/rooms/den", name: "Cyd"})
		bob.awaitThat(signal.Joined, func(e signal.Event) bool { return e.From == cyd.self })
		bob.say(signal.Event{Kind: signal.Message, Text: "are you there?"})
		cyd.await(signal.Message) // so Ann has missed it
		if sse {
			ann.stream()
		} else {
			ann.dial(signal.Event{Kind: signal.Authenticate, Seat: ann.seat, Last: ann.last})
		}
		ann.awaitThat(signal.Joined, func(e signal.Event) bool { return e.From == cyd.self })
		require.Equal(t, "are you there?", ann.await(signal.Message).Text)
		if !sse {
			require.Len(t, ann.awaitThat(signal.Authenticated, func(e signal.Event) bool { return e.Resumed }).Participants, 3)
		}
		cyd.keepSending()
		ann.requireMedia(cyd)
		bob.awaitThat(signal.Updated, func(e signal.Event) bool { return e.From == ann.self && !e.Participant.Away })
	}
}

// Who neither comes back nor has media is given up.
func TestRoomGivesUp(t *testing.T) {
	ts := defaultTimers()
	ts.rooms.Seat = time.Second
	f := newFixtureWith(t, Options{}, ts)
	ann, bob := f.enter(guestOptions{path: "/rooms/den", name: "Ann"}), f.enter(guestOptions{path: "/rooms/den", name: "Bob"})
	ann.hangUp()
	ann.vanish()
	require.NoError(t, ann.pc.GracefulClose())
	require.Equal(t, ann.self, bob.await(signal.Left).From)
	text := `{"event":"authenticate","seat":"` + ann.seat + `"}`
	f.requireProblem(f.do("POST", "/rooms/den/messages", text), http.StatusGone, "given up")
	f.requireProblem(f.do("GET", "/rooms/den/events?seat="+ann.seat, ""), http.StatusGone, "given up")
}

// A room that is full, is of another mode or wants a key says so.
func TestRoomRefuses(t *testing.T) {
	f := newFixture(t, Options{MaxParticipants: 2, MaxStreams: 2, MayEnter: judged(func(room, token string) (known, allowed bool) {
		return token == "key" || token == "other", token == "key"
	})})
	enter := func(path, text string) *http.Response { return f.do("POST", path+"/messages", text) }
	const good = `{"event":"authenticate","name":"Ann","token":"key"}`
	f.requireProblem(enter("/rooms/den", `{"event":"authenticate","name":"Ann"}`), 401, "key")
	f.requireProblem(enter("/rooms/den", `{"event":"authenticate","name":"Ann","token":"other"}`), 403, "not for this room")
	f.requireProblem(enter("/rooms/den", `{"event":"authenticate","token":"key"}`), 400, "name")
	f.requireProblem(enter("/rooms/den", `{"event":"message","text":"hello"}`), 401, "authenticate")
	f.requireProblem(enter("/rooms/den", `hello`), 400, "JSON")
	f.requireProblem(enter("/rooms/-", good), 400, "A room's name is")
	f.requireProblem(f.do("POST", "/rooms/den/messages", good, "Origin", "https://elsewhere.example"), 403, "elsewhere.example")
	require.Equal(t, 201, f.do("POST", "/rooms/den/messages", good, "Origin", f.url).StatusCode)
	require.Equal(t, 201, enter("/rooms/den", good).StatusCode)
	f.requireProblem(enter("/rooms/den", good), 503, "participants")
	f.requireProblem(f.do("POST", "/rooms/den/messages?mesh=1", good), 409, "without ?mesh=1")
	require.Equal(t, 201, f.do("POST", "/rooms/net/messages?mesh=1", good).StatusCode)
	f.requireProblem(enter("/rooms/net", good), 409, "with ?mesh=1")
	f.requireProblem(enter("/rooms/third", good), 503, "rooms")
	f.requireProblem(f.do("GET", "/rooms/den/ws", ""), 426, "WebSocket")
	f.requireProblem(f.do("POST", "/rooms/den/ws", ""), 404, "nothing here")
}

// What a client sends that is of no use is told, and hurts nobody.
func TestRoomHearsNonsense(t *testing.T) {
	f := newFixture(t, Options{})
	ann, bob := f.enter(guestOptions{path: "/rooms/den", name: "Ann"}), f.enter(guestOptions{path: "/rooms/den", name: "Bob"})
	ann.keepSending()
	bob.keepSending()
	bob.requireMedia(ann)
	ann.requireMedia(bob) // while the server has an offer out, it makes nothing of ours
	for _, e := range []signal.Event{
		{Kind: signal.Offer, SDP: "v=0"}, {Kind: signal.Candidate, Candidate: &signal.ICECandidate{Candidate: "candidate:x"}},
		{Kind: signal.Offer, To: bob.self, SDP: "v=0"}, {Kind: signal.Message, To: "nobody", Text: "hello"}, {Kind: signal.Joined},
		{Kind: signal.Offer, SDP: "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=application 5000 DTLS/SCTP 5000\r\nc=IN IP4 0.0.0.0\r\n"},
		{Kind: signal.Authenticate, Name: "Ann"},
	} {
		ann.say(e)
		require.NotEmpty(t, ann.await(signal.Error).Detail, "%+v", e)
	}
	ann.say(signal.Event{Kind: signal.Ping})
	ann.await(signal.Pong)
	bob.requireMedia(ann)
}

// A mesh passes events on and sees no media; there is room for three.
func TestMesh(t *testing.T) {
	passages := make(chan room.Passage, 16)
	f := newFixture(t, Options{OnRoom: func(p room.Passage) { passages <- p }})
	const path = "/rooms/net"
	ann, bob := f.enterMesh(path, "Ann"), f.enterMesh(path, "Bob")
	require.Equal(t, "mesh", string(f.server.Rooms().List()[0].Mode))
	bob.say(signal.Event{Kind: signal.Offer, To: ann.self, SDP: "an offer"})
	offered := ann.await(signal.Offer)
	require.Equal(t, bob.self, offered.From)
	require.Equal(t, "an offer", offered.SDP)
	ann.say(signal.Event{Kind: signal.Candidate, To: bob.self, Candidate: &signal.ICECandidate{Candidate: "candidate:1"}})
	require.Equal(t, "candidate:1", bob.await(signal.Candidate).Candidate.Candidate)
	ann.say(signal.Event{Kind: signal.Offer, SDP: "to the server"})
	require.Contains(t, ann.await(signal.Error).Detail, "for a participant")
	f.enterMesh(path, "Cyd")
	f.requireProblem(f.do("POST", path+"/messages?mesh=1", `{"event":"authenticate","name":"Dan"}`), 503, "(3)")
	bob.say(signal.Event{Kind: signal.Leave})
	for i, want := range []room.Passage{
		{ID: ann.self, Name: "Ann", Participants: 1}, {ID: bob.self, Name: "Bob", Participants: 2}, {Name: "Cyd", Participants: 3},
		{ID: bob.self, Name: "Bob", Participants: 2, Left: true, Reason: room.ErrLeft.Error()},
	} {
		p := rtptest.Wait(t, passages, "a passage")
		if want.ID == "" {
			want.ID = p.ID
		}
		want.Room, want.Mode, want.Since = "net", room.ModeMesh, p.Since
		require.Equal(t, want, p, "%d", i)
	}
}

// Over signalling, too, the echo gives back what it gets.
func TestEchoOverSignalling(t *testing.T) {
	for _, sse := range []bool{false, true} {
		f := newFixture(t, Options{})
		ann := f.enter(guestOptions{path: "/echo", name: "Ann", sse: sse})
		bob := f.enter(guestOptions{path: "/echo", name: "Bob", sse: sse})
		ann.keepSending()
		bob.keepSending()
		ann.requireMedia(ann)
		bob.requireMedia(bob)
		require.Empty(t, f.server.Rooms().List(), "an echo is no room")
		for _, g := range []*guest{ann, bob} {
			g.say(signal.Event{Kind: signal.Leave})
		}
		f.requireNoRooms()
	}
}

// A hundred comings and goings leave nothing behind.
func TestRoomLeavesNothing(t *testing.T) {
	f := newFixture(t, Options{})
	host := f.enter(guestOptions{path: "/rooms/den", name: "Host"})
	host.waitConnected()
	for i := range 50 {
		g := f.enter(guestOptions{path: "/rooms/den", name: "Guest", sse: i%2 == 0})
		g.say(signal.Event{Kind: signal.Leave})
		require.Equal(t, g.self, host.await(signal.Left).From)
		g.hangUp()
		require.NoError(t, g.pc.GracefulClose())
	}
	require.Eventually(t, func() bool { return f.server.Sessions().Count() == 1 }, rtptest.Patience, 10*time.Millisecond)
	require.Zero(t, host.f.server.Rooms().List()[0].Participants[0].Watchers)
	require.LessOrEqual(t, len(host.pc.GetTransceivers()), 8, "sections are used again")
	host.say(signal.Event{Kind: signal.Leave})
	f.requireNoRooms()
}
