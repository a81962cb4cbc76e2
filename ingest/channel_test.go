package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/internal/webmtest"
	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/ingest/upload"
)

// line is a data channel of a client.
type line struct {
	testing.TB
	*webrtc.DataChannel
	opened, closed chan struct{}
	messages       chan webrtc.DataChannelMessage
}

// open makes a channel, before the offer.
func (p *peer) open(label string, init *webrtc.DataChannelInit) *line {
	p.Helper()
	dc, err := p.pc.CreateDataChannel(label, init)
	require.NoError(p, err)
	l := &line{p, dc, make(chan struct{}, 1), make(chan struct{}, 1), make(chan webrtc.DataChannelMessage, 1024)}
	dc.OnOpen(func() { l.opened <- struct{}{} })
	dc.OnClose(func() { l.closed <- struct{}{} })
	dc.OnMessage(func(m webrtc.DataChannelMessage) { l.messages <- m })
	return l
}

func (l *line) waitOpen() *line {
	l.Helper()
	rtptest.Wait(l.TB, l.opened, "the channel "+l.Label())
	return l
}

func (l *line) say(e signal.Event) {
	l.Helper()
	text, err := json.Marshal(e)
	require.NoError(l, err)
	require.NoError(l, l.SendText(string(text)))
}

// await returns the next event of a kind, and drops those before it.
func (l *line) await(kind string) (e signal.Event) {
	l.Helper()
	for e.Kind != kind {
		m := rtptest.Wait(l.TB, l.messages, kind)
		e = signal.Event{}
		require.True(l, m.IsString && json.Unmarshal(m.Data, &e) == nil, "%q", m.Data)
	}
	return e
}

func (l *line) awaitBytes() []byte {
	l.Helper()
	for {
		if m := rtptest.Wait(l.TB, l.messages, "bytes"); !m.IsString {
			return m.Data
		}
	}
}

// The publisher is heard by all viewers, or by one; each of them is heard by the publisher alone; and all know how the stream stands.
func TestChannelsOfStream(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newPeer(t, peerOptions{})
	host, steering := studio.open(channel.Label, nil), studio.open("input", nil)
	studio.publish(f, "/whip/show")
	require.Contains(t, studio.answer, fmt.Sprint("a=max-message-size:", channel.MaxMessage))
	studio.waitConnected()
	host.waitOpen()
	steering.waitOpen()
	require.Equal(t, "interrupted", host.await(signal.Stream).State, "nothing has been published yet")
	studio.keepSending()
	for host.await(signal.Stream).State != "live" {
	}

	var viewers []*line
	var peers []*peer
	for range 2 {
		p := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionRecvonly})
		unordered := false
		viewers = append(viewers, p.open(channel.Label, &webrtc.DataChannelInit{Ordered: &unordered}))
		peers = append(peers, p)
	}
	pointer, unknown := peers[0].open("gst-navigation", nil), peers[0].open("unknown", nil)
	for i, v := range viewers {
		peers[i].publish(f, "/whep/show")
		v.waitOpen()
		told := v.await(signal.Stream)
		require.Equal(t, []string{"show", "live"}, []string{told.Stream, told.State})
		v.say(signal.Event{Kind: signal.Message, Text: "hello"})
		heard := host.await(signal.Message)
		require.Equal(t, signal.Event{Kind: signal.Message, From: told.Self, Text: "hello"}, heard)
		host.say(signal.Event{Kind: signal.Message, To: heard.From, Text: "hello you"})
		require.Equal(t, "hello you", v.await(signal.Message).Text)
	}
	host.say(signal.Event{Kind: signal.Message, Text: "hello all"})
	for _, v := range viewers {
		require.Equal(t, "hello all", v.await(signal.Message).Text)
		require.Empty(t, v.messages, "what was for the other one")
	}
	whole := bytes.Repeat([]byte{7}, channel.MaxMessage)
	require.NoError(t, host.Send(whole))
	for _, v := range viewers {
		require.Equal(t, whole, v.awaitBytes())
	}
	require.NoError(t, viewers[1].Send(whole[:3]))
	require.Equal(t, whole[:3], host.awaitBytes())
	pointer.waitOpen()
	require.NoError(t, pointer.SendText(`{"event":{"type":"mouse-move","x":1}}`))
	require.Contains(t, string(rtptest.Wait(t, steering.messages, "navigation").Data), "mouse-move")
	rtptest.Wait(t, unknown.closed, "the end of a channel that means nothing")
	for _, wrong := range []struct {
		from *line
		text string
		code int
	}{
		{viewers[0], `{"event":"message","text":"a","to":"x"}`, 403}, {viewers[0], `hello`, 400}, {viewers[0], `{"event":"leave"}`, 400}, {host, `{"event":"message","text":"a","to":"x"}`, 404},
	} {
		require.NoError(t, wrong.from.SendText(wrong.text))
		require.Equal(t, wrong.code, wrong.from.await(signal.Error).Code, wrong.text)
	}
	viewers[0].say(signal.Event{Kind: signal.Ping})
	viewers[0].await(signal.Pong)
	peers[1].vanish()
	for range 2 * channel.MaxBuffered / channel.MaxMessage {
		require.NoError(t, host.Send(whole))
		require.Equal(t, whole, viewers[0].awaitBytes(), "one that does not read holds nobody up")
	}
	require.NotZero(t, f.server.Messages().Dropped.Load())
	require.Equal(t, 200, f.do("DELETE", studio.location, "").StatusCode)
	for viewers[0].await(signal.Stream).State != "interrupted" {
	}
	viewers[0].say(signal.Event{Kind: signal.Message, Text: "is anybody there?"})
	require.Equal(t, 404, viewers[0].await(signal.Error).Code)
	for _, p := range peers {
		require.Equal(t, 200, f.do("DELETE", p.location, "").StatusCode)
	}
	f.requireNothingLeft()
	require.True(t, f.server.Channels().Empty())
}

// Whatever comes over a channel of the echo comes back, with or without media beside it; and who opens too many channels is ended.
func TestChannelEcho(t *testing.T) {
	f := newFixture(t, Options{})
	client := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionSendrecv})
	all := client.open("anything", nil)
	client.publish(f, "/echo")
	all.waitOpen()
	require.NoError(t, all.SendText("hello"))
	require.NoError(t, all.Send([]byte{1, 2}))
	require.Equal(t, webrtc.DataChannelMessage{IsString: true, Data: []byte("hello")}, rtptest.Wait(t, all.messages, "text"))
	require.Equal(t, webrtc.DataChannelMessage{Data: []byte{1, 2}}, rtptest.Wait(t, all.messages, "bytes"))
	for range 8 {
		client.open("more", nil)
	}
	rtptest.Wait(t, all.closed, "the end of the session")
	require.Eventually(t, f.server.Sessions().Empty, rtptest.Patience, rtptest.Patience/1000)
}

// The events of a room and its messages go over channels too, under the ids that they have in signalling, and bytes to all others.
func TestChannelsOfRoom(t *testing.T) {
	f := newFixture(t, Options{})
	var guests []*guest
	var lines []*line
	for _, name := range []string{"Ann", "Ben"} {
		g := &guestOptions{path: "/rooms/den", name: name}
		guest := f.enter(*g)
		guest.waitConnected()
		l := guest.open(channel.Label, nil)
		guest.offerFirst()
		guests, lines = append(guests, guest), append(lines, l.waitOpen())
	}
	ann, ben := lines[0], lines[1]
	require.Equal(t, "Ben", ann.await(signal.Joined).Participant.Name)
	ben.say(signal.Event{Kind: signal.Message, Text: "hello"})
	over, beside := ann.await(signal.Message), guests[0].await(signal.Message)
	require.Equal(t, beside, over)
	require.Equal(t, []string{guests[1].self, "hello"}, []string{over.From, over.Text})
	require.NoError(t, ann.Send([]byte{1, 2, 3}))
	require.Equal(t, []byte{1, 2, 3}, ben.awaitBytes())
	ben.say(signal.Event{Kind: signal.Offer, SDP: "v=0"})
	require.Equal(t, 400, ben.await(signal.Error).Code, "negotiation is none of a channel's")
	guests[0].say(signal.Event{Kind: signal.List})
	list := guests[0].await(signal.List)
	require.Equal(t, []signal.Room{{Name: "den", Mode: "sfu", Participants: []string{"Ann", "Ben"}}}, list.Rooms)
	guests[1].say(signal.Event{Kind: signal.Leave})
	require.Equal(t, guests[1].self, ann.await(signal.Left).From)
	require.Equal(t, []string{"Ann"}, guests[0].await(signal.List).Rooms[0].Participants)
	guests[0].say(signal.Event{Kind: signal.Leave})
	f.requireNoRooms()
}

// A recording over a data channel becomes a stream like one over a WebSocket, in pieces of any length.
func TestUploadOverChannel(t *testing.T) {
	f := newUploadFixture(t, nil)
	for _, whole := range []bool{true, false} {
		recorder := newPeer(t, peerOptions{dataOnly: true})
		l := recorder.open(upload.Protocol, nil)
		recorder.publish(f.fixture, "/upload/cam")
		require.Contains(t, recorder.location, "/upload/cam/")
		l.waitOpen()
		recording := webmtest.Recording(1)
		if !whole {
			recording = []byte("this is no recording, whatever else it is")
		}
		for piece := range slices.Chunk(recording, 1000) {
			require.NoError(t, l.Send(piece))
		}
		require.NoError(t, l.SendText(`{"event":"end"}`))
		var last upload.Event
		for last.Event == "" || last.Event == "status" {
			require.NoError(t, json.Unmarshal(rtptest.Wait(t, l.messages, "an event").Data, &last))
		}
		if whole {
			require.Equal(t, "ended", last.Event)
			require.EqualValues(t, len(recording), last.Received)
			f.requirePictures([2]int{0, 10})
		} else {
			require.Equal(t, "error", last.Event)
			require.Contains(t, last.Detail, "cannot be played")
		}
		rtptest.Wait(t, l.closed, "the end")
	}
	f.requireProblem(f.post("/upload/cam", newPeer(t, peerOptions{}).offer()), 422, "a data channel and no media")
}
