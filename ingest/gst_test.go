package ingest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/gst"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
)

// gstClient speaks the protocol of webrtcsink and webrtcsrc.
type gstClient struct {
	testing.TB
	conn *websocket.Conn
	id   string
	come chan gst.Message
	end  chan error
}

func newGstClient(f *fixture, query string, header http.Header) *gstClient {
	f.Helper()
	conn, _, err := websocket.Dial(f.Context(), "ws"+strings.TrimPrefix(f.url, "http")+"/gst/ws"+query, &websocket.DialOptions{HTTPHeader: header})
	require.NoError(f, err)
	conn.SetReadLimit(1 << 20)
	c := &gstClient{TB: f, conn: conn, come: make(chan gst.Message, 1024), end: make(chan error, 1)}
	go func() {
		for {
			var m gst.Message
			if err := wsjson.Read(context.Background(), conn, &m); err != nil {
				c.end <- err
				return
			}
			c.come <- m
		}
	}()
	f.Cleanup(func() { _ = conn.CloseNow() })
	c.id = c.expect(gst.Welcome).PeerID
	return c
}

func (c *gstClient) send(m any) {
	c.Helper()
	require.NoError(c, wsjson.Write(c.Context(), c.conn, m))
}

// expect returns the next message, which has to be of that type.
func (c *gstClient) expect(kind string) gst.Message {
	c.Helper()
	m := rtptest.Wait(c, c.come, kind)
	require.Equal(c, kind, m.Type, "%+v", m)
	return m
}

// requireError waits for an error that gives that advice.
func (c *gstClient) requireError(advice string) {
	c.Helper()
	require.Contains(c, c.expect(gst.Error).Details, advice)
}

// become takes roles, and is told so.
func (c *gstClient) become(meta string, roles ...string) {
	c.Helper()
	c.send(gst.Message{Type: gst.SetPeerStatus, Roles: roles, Meta: json.RawMessage(meta)})
}

// describe sends a description without candidates, and these one by one.
func (c *gstClient) describe(sessionID, kind, text string) {
	c.Helper()
	var lines, candidates []string
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "a=candidate:"); ok {
			candidates = append(candidates, "candidate:"+strings.TrimSpace(value))
		} else {
			lines = append(lines, line)
		}
	}
	require.NotEmpty(c, candidates)
	c.candidate(sessionID, candidates[0]) // one that comes before its description
	c.send(gst.Message{Type: gst.PeerMessage, SessionID: sessionID, SDP: &gst.Description{Type: kind, SDP: strings.Join(lines, "")}})
	for _, candidate := range candidates {
		c.candidate(sessionID, candidate)
	}
	c.candidate(sessionID, "") // that was all
}

func (c *gstClient) candidate(sessionID, text string) {
	c.Helper()
	c.send(gst.Message{Type: gst.PeerMessage, SessionID: sessionID, ICE: &gst.Candidate{Candidate: text}})
}

// take applies the server's description, which comes with its candidates before and after.
func (c *gstClient) take(pc *webrtc.PeerConnection, sessionID, kind string) {
	c.Helper()
	m := c.expect(gst.PeerMessage)
	require.Equal(c, sessionID, m.SessionID)
	require.Equal(c, kind, m.SDP.Type)
	var without []string
	candidates := 0
	for line := range strings.Lines(m.SDP.SDP) {
		if strings.HasPrefix(line, "a=candidate:") {
			candidates++
		} else if !strings.HasPrefix(line, "a=end-of-candidates") {
			without = append(without, line)
		}
	}
	require.NotZero(c, candidates)
	require.NoError(c, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.NewSDPType(kind), SDP: strings.Join(without, "")}))
	for range candidates {
		ice := c.expect(gst.PeerMessage)
		require.Equal(c, sessionID, ice.SessionID)
		require.NoError(c, pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: ice.ICE.Candidate, SDPMLineIndex: new(uint16)}))
	}
}

// produce makes a connected producer that sends for as long as the test runs.
func (c *gstClient) produce(meta string, o peerOptions) (studio *peer, sessionID string) {
	c.Helper()
	c.become(meta, gst.Producer)
	asked := c.expect(gst.StartSession)
	require.Empty(c, asked.Offer)
	studio = newPeer(c, o)
	c.describe(asked.SessionID, "offer", studio.offer())
	c.take(studio.pc, asked.SessionID, "answer")
	studio.waitConnected()
	studio.keepSending()
	return studio, asked.SessionID
}

// received has the kinds of media that come, each once.
func received(pc *webrtc.PeerConnection) chan string {
	kinds := make(chan string, 8)
	pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if _, _, err := remote.ReadRTP(); err == nil {
			kinds <- remote.Kind().String()
		}
	})
	return kinds
}

// watch plays a stream by the server's offer.
func (c *gstClient) watch(stream string) (sessionID string) {
	c.Helper()
	started := c.expect(gst.SessionStarted)
	require.Equal(c, stream, started.PeerID)
	pc := newPeer(c, peerOptions{answers: true}).pc
	kinds := received(pc)
	c.take(pc, started.SessionID, "offer")
	gathered := webrtc.GatheringCompletePromise(pc)
	answer, err := pc.CreateAnswer(nil)
	require.NoError(c, err)
	require.NoError(c, pc.SetLocalDescription(answer))
	<-gathered
	c.describe(started.SessionID, "answer", pc.LocalDescription().SDP)
	require.ElementsMatch(c, []string{"audio", "video"}, []string{rtptest.Wait(c, kinds, "media"), rtptest.Wait(c, kinds, "media")})
	return started.SessionID
}

// told waits for what listeners are told of a peer.
func (c *gstClient) told(peer string, roles ...string) map[string]any {
	c.Helper()
	m := c.expect(gst.PeerStatusChanged)
	require.Equal(c, peer, m.PeerID)
	require.ElementsMatch(c, roles, m.Roles)
	var meta map[string]any
	if m.Meta != nil {
		require.NoError(c, json.Unmarshal(m.Meta, &meta))
	}
	return meta
}

// kindsOf are those of all sessions.
func (f *fixture) kindsOf() (kinds []session.Kind) {
	for _, info := range f.server.Sessions().Infos() {
		kinds = append(kinds, info.Kind)
	}
	return kinds
}

// requireLeft closes connections and waits until nothing is left of anybody.
func (f *fixture) requireLeft(clients ...*gstClient) {
	f.Helper()
	for _, c := range clients {
		_ = c.conn.Close(websocket.StatusNormalClosure, "")
	}
	require.Eventually(f, func() bool { return f.server.Sessions().Empty() && f.server.GStreamerClients() == 0 }, rtptest.Patience, 5*time.Millisecond)
	f.requireNothingLeft()
}

// A producer's stream is one like any other, with the meta that the producer has given it; consumers play it by the server's offer or by their
// own, and so do viewers of WHEP.
func TestGStreamerProducerAndConsumers(t *testing.T) {
	f := newFixture(t, Options{})
	listener, producer, own := newGstClient(f, "", nil), newGstClient(f, "", nil), newGstClient(f, "", nil)
	listener.become(`{"who":"me"}`, gst.Listener)
	require.Equal(t, map[string]any{"who": "me"}, listener.told(listener.id, gst.Listener))
	listener.send(gst.Message{Type: gst.List})
	require.Equal(t, []gst.Peer{}, listener.expect(gst.List).Producers)

	producer.send(gst.Message{Type: gst.SetProtocolVersion, Version: "v1_1"})
	_, sessionID := producer.produce(`{"name":"my cam","place":"roof"}`, peerOptions{})
	meta := map[string]any{"name": "my-cam", "title": "my cam", "place": "roof", "codecs": map[string]any{"video": "VP8", "audio": "opus"}}
	require.Equal(t, meta, listener.told("my-cam", gst.Producer))
	producer.become(`{"name":"my cam","place":"cellar"}`, gst.Producer)
	meta["place"] = "cellar"
	require.Equal(t, meta, listener.told("my-cam", gst.Producer), "it may tell something else of itself")
	producer.become(`{"name":"other"}`, gst.Producer)
	producer.requireError("give up the role of producer")

	listener.send(gst.Message{Type: gst.List})
	require.Equal(t, "my-cam", listener.expect(gst.List).Producers[0].ID)
	listener.send(gst.Message{Type: gst.StartSession, PeerID: "my-cam"})
	watching := listener.watch("my-cam")

	viewer := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionRecvonly})
	kinds := received(viewer.pc)
	viewer.open("control", nil) // as gstwebrtc-api does
	own.send(gst.Message{Type: gst.StartSession, PeerID: "my-cam", Offer: viewer.offer()})
	own.take(viewer.pc, own.expect(gst.SessionStarted).SessionID, "answer")
	require.ElementsMatch(t, []string{"audio", "video"}, []string{rtptest.Wait(t, kinds, "media"), rtptest.Wait(t, kinds, "media")})
	newSpectator(t, f, "my-cam", peerOptions{}).waitConnected()
	require.Equal(t, []session.Kind{session.KindProducer, session.KindConsumer, session.KindConsumer, session.KindViewer}, f.kindsOf())

	listener.send(gst.Message{Type: gst.EndSession, SessionID: watching})
	listener.send(gst.Message{Type: gst.EndSession, SessionID: watching}) // once more is no error
	producer.send(gst.Message{Type: gst.EndSessionV11, SessionID: sessionID, Error: "enough"})
	require.Equal(t, meta, listener.told("my-cam"))
	require.Eventually(t, func() bool { return len(f.kindsOf()) == 2 }, rtptest.Patience, 5*time.Millisecond)
	producer.send(gst.Message{Type: gst.StartSession, PeerID: "@sluice"}) // it wants to go on
	producer.expect(gst.StartSession)
	producer.become(`null`)
	_ = own.conn.CloseNow() // which ends what it has
	require.Eventually(t, func() bool { return len(f.kindsOf()) == 1 }, rtptest.Patience, 5*time.Millisecond)
	require.Equal(t, http.StatusConflict, f.post("/whep/my-cam", newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionRecvonly}).offer()).StatusCode)
}

// A producer and a consumer that offer data channels hear each other over them, as those of WHIP and WHEP do, and consumers steer a producer.
func TestGStreamerChannels(t *testing.T) {
	f := newFixture(t, Options{})
	producer, consumer := newGstClient(f, "", nil), newGstClient(f, "", nil)
	producer.become(`{"name":"cam"}`, gst.Producer)
	asked := producer.expect(gst.StartSession)
	studio := newPeer(t, peerOptions{})
	host, steered := studio.open(channel.Label, nil), studio.open("input", nil)
	producer.describe(asked.SessionID, "offer", studio.offer())
	producer.take(studio.pc, asked.SessionID, "answer")
	studio.keepSending()
	steered.waitOpen()
	host.waitOpen()
	for host.await(signal.Stream).State != "live" {
	}

	viewer := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionRecvonly})
	l, pointer := viewer.open(channel.Label, nil), viewer.open("gst-navigation", nil)
	consumer.send(gst.Message{Type: gst.StartSession, PeerID: "cam", Offer: viewer.offer()})
	consumer.take(viewer.pc, consumer.expect(gst.SessionStarted).SessionID, "answer")
	pointer.waitOpen()
	require.NoError(t, pointer.SendText(`{"event":"MouseMove","x":1}`))
	require.Contains(t, string(rtptest.Wait(t, steered.messages, "navigation").Data), "MouseMove")
	self := l.waitOpen().await(signal.Stream).Self
	l.say(signal.Event{Kind: signal.Message, Text: "hello"})
	require.Equal(t, signal.Event{Kind: signal.Message, From: self, Text: "hello"}, host.await(signal.Message))
	require.NoError(t, host.Send([]byte{1, 2}))
	require.Equal(t, []byte{1, 2}, l.awaitBytes())
	f.requireLeft(producer, consumer)
	require.True(t, f.server.Channels().Empty())
}

// A producer takes over with its first packet, from whoever publishes, and who has been taken over is told so and not asked again.
func TestGStreamerTakeover(t *testing.T) {
	f := newFixture(t, Options{})
	first, second := newGstClient(f, "", nil), newGstClient(f, "", nil)
	first.send(gst.Message{Type: gst.SetProtocolVersion, Version: "v1_1"})
	_, before := first.produce(`{"name":"cam"}`, peerOptions{})
	waitForStream(f)
	newSpectator(t, f, "cam", peerOptions{}).waitConnected()
	second.become(`{"name":"cam"}`, gst.Producer)
	asked := second.expect(gst.StartSession)
	second.describe(asked.SessionID, "offer", newPeer(t, peerOptions{}).offer())
	require.Equal(t, "answer", second.expect(gst.PeerMessage).SDP.Type)
	publisher, _ := f.server.Sessions().Publisher("cam")
	_, again := newGstClient(f, "", nil).produce(`{"name":"cam"}`, peerOptions{})
	require.NotEqual(t, before, again)
	end := first.expect(gst.EndSessionV11)
	require.Equal(t, before, end.SessionID)
	require.Contains(t, end.Error, "taken over")
	require.ErrorIs(t, publisher.Err(), session.ErrTakenOver)
	first.send(gst.Message{Type: gst.List})
	require.Len(t, first.expect(gst.List).Producers, 1)

	strict := newFixture(t, Options{RefuseTakeover: true})
	newGstClient(strict, "", nil).produce(`{"name":"cam"}`, peerOptions{})
	late := newGstClient(strict, "", nil)
	require.Eventually(t, func() bool { return len(strict.server.Sessions().Publishers()) == 1 }, rtptest.Patience, time.Millisecond)
	late.become(`{"name":"cam"}`, gst.Producer)
	late.requireError("choose another name")
	strict.requireOnly(t, late, session.KindProducer)
}

// requireOnly ends a client that has nothing, and wants these sessions to be left.
func (f *fixture) requireOnly(t *testing.T, c *gstClient, kinds ...session.Kind) {
	_ = c.conn.Close(websocket.StatusNormalClosure, "")
	require.Equal(t, kinds, f.kindsOf())
}

// A client that waits gets the stream of the producer that starts a session with it, once that begins.
func TestGStreamerWaitingConsumer(t *testing.T) {
	f := newFixture(t, Options{})
	waiting, producer := newGstClient(f, "", nil), newGstClient(f, "", nil)
	producer.become(`null`, gst.Listener)
	producer.told(producer.id, gst.Listener)
	waiting.become(`{"screen":"hall"}`, gst.Consumer)
	require.Equal(t, map[string]any{"screen": "hall"}, producer.told(waiting.id, gst.Consumer))
	producer.send(gst.Message{Type: gst.ListConsumers})
	require.Equal(t, []gst.Peer{{ID: waiting.id, Meta: json.RawMessage(`{"screen":"hall"}`)}}, producer.expect(gst.ListConsumers).Consumers)
	producer.send(gst.Message{Type: gst.StartSession, PeerID: waiting.id})
	producer.requireError("take that role first")

	producer.become(`{"title":"?"}`, gst.Producer)
	asked := producer.expect(gst.StartSession)
	for range 2 { // as gstwebrtc-api does, before there is anything to send
		producer.send(gst.Message{Type: gst.StartSession, PeerID: waiting.id})
	}
	studio := newPeer(t, peerOptions{})
	producer.describe(asked.SessionID, "offer", studio.offer())
	producer.take(studio.pc, asked.SessionID, "answer")
	studio.waitConnected()
	studio.keepSending()
	publisher, _ := f.server.Sessions().Publisher(waitForStream(f))
	require.Regexp(t, "^gst-", publisher.Stream(), "its producer has no name for it")
	waiting.watch(publisher.Stream())
	producer.send(gst.Message{Type: gst.StartSession, PeerID: waiting.id}) // it has it
	waiting.become(`null`)
	require.Eventually(t, func() bool { return len(f.kindsOf()) == 1 }, rtptest.Patience, 5*time.Millisecond)
	producer.send(gst.Message{Type: gst.StartSession, PeerID: waiting.id})
	producer.requireError("no peer")
}

// waitForStream returns the first stream that begins.
func waitForStream(f *fixture) string {
	f.Helper()
	require.Eventually(f, func() bool { return len(f.server.Sessions().Publishers()) == 1 }, rtptest.Patience, time.Millisecond)
	return f.server.Sessions().Publishers()[0].Stream()
}

// Bad messages are answered with what to do, and nothing comes of them; a stream of somebody else goes on.
func TestGStreamerRefusals(t *testing.T) {
	f := newFixture(t, Options{MaxSDP: 16 << 10})
	studio := newPeer(t, peerOptions{})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	studio.keepSending()
	waitForStream(f)
	c := newGstClient(f, "", nil)
	for _, bad := range []struct{ text, advice string }{
		{`hello`, "JSON object"},
		{`{"type":"setProtocolVersion","version":"v1_0"}`, "the first message"},
		{`{"type":"startSession","peerId":"nobody"}`, "Nobody is publishing"},
		{`{"type":"startSession","peerId":"nobody","offer":"v=0"}`, "Nobody is publishing"},
		{`{"type":"startSession","peerId":"@nobody"}`, "a producer of the list"},
		{`{"type":"startSession","peerId":"@sluice"}`, "take that role first"},
		{`{"type":"startSession","peerId":"cam","offer":"hello"}`, "not SDP"},
		{`{"type":"endSession","sessionId":"x"}`, "take the sessionId"},
		{`{"type":"peer","sessionId":"x","ice":{"candidate":""}}`, "take the sessionId"},
	} {
		require.NoError(t, c.conn.Write(t.Context(), websocket.MessageText, []byte(bad.text)))
		c.requireError(bad.advice)
	}

	c.send(gst.Message{Type: gst.StartSession, PeerID: "cam"})
	started := c.expect(gst.SessionStarted)
	offered := c.expect(gst.PeerMessage).SDP.SDP
	for len(c.expectCandidate(started.SessionID)) == 0 {
	}
	describe := func(kind, text string) {
		c.send(gst.Message{Type: gst.PeerMessage, SessionID: started.SessionID, SDP: &gst.Description{Type: kind, SDP: text}})
	}
	describe("offer", offered)
	c.requireError("answer the offer")
	c.candidate(started.SessionID, "nonsense")
	c.requireError("candidate is foundation")
	describe("answer", strings.Replace(offered, "m=video 9", "m=video 0", 1))
	require.Equal(t, started.SessionID, c.expect(gst.EndSession).SessionID)
	c.requireError("The answer refuses the video, which is VP8")
	describe("answer", offered) // which may have been under way

	c.become(`{"name":"other"}`, gst.Producer)
	asked := c.expect(gst.StartSession)
	c.send(gst.Message{Type: gst.StartSession, PeerID: "@sluice"}) // it is in a session
	c.send(gst.Message{Type: gst.PeerMessage, SessionID: asked.SessionID, SDP: &gst.Description{Type: "answer", SDP: "v=0"}})
	c.requireError("send an offer")
	c.send(gst.Message{Type: gst.PeerMessage, SessionID: asked.SessionID, SDP: &gst.Description{Type: "offer", SDP: "hello"}})
	require.Equal(t, asked.SessionID, c.expect(gst.EndSession).SessionID)
	c.requireError("not SDP")
	c.become(`{"name":"other"}`, gst.Producer) // once more
	asked = c.expect(gst.StartSession)
	late := newPeer(t, peerOptions{}).offer()
	c.describe(asked.SessionID, "offer", late)
	c.expect(gst.PeerMessage)
	left := []session.Kind{session.KindPublisher, session.KindProducer}
	require.Eventually(t, func() bool { return slices.Equal(left, f.kindsOf()) }, rtptest.Patience, 5*time.Millisecond)
	require.Equal(t, http.StatusUpgradeRequired, f.do("GET", "/gst/ws", "").StatusCode)
	_ = c.conn.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat(" ", 64<<10)))
	require.Equal(t, websocket.StatusMessageTooBig, websocket.CloseStatus(rtptest.Wait(t, c.end, "the end")))
	require.Eventually(t, func() bool { return len(f.kindsOf()) == 1 }, rtptest.Patience, 5*time.Millisecond)
	require.Equal(t, session.StateConnected, f.server.Sessions().Infos()[0].State)
}

// expectCandidate returns the next candidate of a session.
func (c *gstClient) expectCandidate(sessionID string) string {
	c.Helper()
	m := c.expect(gst.PeerMessage)
	require.Equal(c, sessionID, m.SessionID)
	return m.ICE.Candidate
}

// A producer that makes no offer is given up, and takes up nothing any more.
func TestGStreamerWithoutOffer(t *testing.T) {
	ts := defaultTimers()
	ts.connect = 50 * time.Millisecond
	f := newFixtureWith(t, Options{}, ts)
	c := newGstClient(f, "", nil)
	c.become(`{"name":"cam"}`, gst.Producer)
	asked := c.expect(gst.StartSession)
	c.requireError(`The session of "cam" is given up`)
	require.Equal(t, asked.SessionID, c.expect(gst.EndSession).SessionID)
	f.requireNothingLeft()
	c.become(`{"name":"cam"}`, gst.Producer)
	c.expect(gst.StartSession)
	f.requireLeft(c)
}

// A producer whose network is lost is asked for another offer, as long as its messages come.
func TestGStreamerProducerIsAskedAgain(t *testing.T) {
	ts := defaultTimers()
	ts.disconnected, ts.failed, ts.keepAlive = 2*time.Second, 3*time.Second, 200*time.Millisecond
	f := newFixtureWith(t, Options{}, ts)
	c := newGstClient(f, "", nil)
	studio, before := c.produce(`{"name":"cam"}`, peerOptions{})
	waitForStream(f)
	studio.vanish()
	require.Equal(t, before, c.expect(gst.EndSession).SessionID)
	require.NotEqual(t, before, c.expect(gst.StartSession).SessionID)
	f.requireLeft(c)
}

// Who publishes needs a key where there are any, in a header or in the address, and pages of other sites do everywhere; everybody watches.
func TestGStreamerKeys(t *testing.T) {
	open := newFixture(t, Options{})
	page := newGstClient(open, "", http.Header{"Origin": {"https://elsewhere.example"}})
	page.become(`{"name":"cam"}`, gst.Producer)
	page.requireError("from another site")
	waiting := newGstClient(open, "", nil)
	waiting.become(`null`, gst.Consumer)
	page.send(gst.Message{Type: gst.ListConsumers})
	require.Empty(t, page.expect(gst.ListConsumers).Consumers)
	page.send(gst.Message{Type: gst.StartSession, PeerID: waiting.id})
	page.requireError("no peer")
	open.requireLeft(page, waiting)

	keys := map[string]string{"cam-key": "cam", "every-key": ""}
	closed := newFixture(t, Options{MayEnter: judged(func(stream, token string) (known, allowed bool) {
		of, known := keys[token]
		return known, known && (stream == "" || of == "" || of == stream)
	})})
	for _, tt := range []struct{ query, name, advice string }{
		{"", "cam", "Connect with a stream key"},
		{"?token=wrong", "cam", "Connect with a stream key"},
		{"?token=cam-key", "garden", `not for the stream "garden"`},
		{"?token=cam-key", "", `give “name” in meta`},
		{"?token=cam-key", "cam", ""},
		{"?token=every-key", "garden", ""},
	} {
		c := newGstClient(closed, tt.query, http.Header{"Origin": {"https://elsewhere.example"}})
		c.become(`{"name":"`+tt.name+`"}`, gst.Producer)
		if tt.advice == "" {
			c.expect(gst.StartSession)
		} else {
			c.requireError(tt.advice)
		}
		closed.requireLeft(c)
	}
}

// Clients are told when the server stops, and it waits for none of them.
func TestGStreamerStops(t *testing.T) {
	f := newFixture(t, Options{})
	c := newGstClient(f, "", nil)
	c.become(`null`, gst.Producer)
	c.expect(gst.StartSession)
	f.stop()
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(rtptest.Wait(t, c.end, "the end")))
}

// Who watches by this protocol needs the right to the stream, and is told when that ends.
func TestGStreamerRightToWatch(t *testing.T) {
	unhurried := defaultTimers()
	unhurried.connect = time.Hour // its publisher never connects
	f := newFixtureWith(t, Options{MayWatch: func(r *http.Request, stream, token string) (right session.Right, refused *refusal.Refusal) {
		_, refused = judged(func(_, token string) (known, allowed bool) { return token != "", token == "seat" })(r, stream, token)
		return session.Right{Until: time.Now().Add(300 * time.Millisecond)}, refused
	}}, unhurried)
	f.publishOffer("cam")
	for query, advice := range map[string]string{"": "Connect with a stream key", "?token=other": "something else"} {
		stranger := newGstClient(f, query, nil)
		stranger.send(gst.Message{Type: gst.StartSession, PeerID: "cam"})
		stranger.requireError(advice)
		require.Equal(t, []session.Kind{session.KindPublisher}, f.kindsOf())
	}
	viewer := newGstClient(f, "?token=seat", nil)
	viewer.send(gst.Message{Type: gst.StartSession, PeerID: "cam"})
	for { // what else comes is the server's offer
		m := rtptest.Wait(t, viewer.come, "the end")
		if m.Type == gst.EndSession || m.Type == gst.Error && strings.Contains(m.Details, "the right to watch has ended") { // before there was an offer
			break
		}
		require.NotEqual(t, gst.Error, m.Type, m.Details)
	}
	require.Eventually(t, func() bool { return len(f.kindsOf()) == 1 }, rtptest.Patience, 5*time.Millisecond)
}
