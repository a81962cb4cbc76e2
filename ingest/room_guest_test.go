package ingest

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/signal"
)

// guest is a client in a room: the polite peer of perfect negotiation.
type guest struct {
	*peer
	f       *fixture
	path    string
	query   string
	glare   bool
	relays  bool // takes part in no negotiation
	say     func(signal.Event)
	events  chan signal.Event // all but those of negotiation
	self    string
	seat    string
	posts   string // where its events go over SSE
	last    uint64
	answers chan string
	hangUp  func()

	received atomic.Uint64 // packets

	mu       sync.Mutex
	incoming map[string]chan *rtp.Packet // by MediaStream and kind
}

type guestOptions struct {
	path      string // such as /rooms/den
	name      string
	token     string
	sse       bool
	first     bool  // offers first
	glare     bool  // offers whenever the server does
	peer      *peer // nil: a new one
	simulcast bool
	asks      func(*guest) // says something before it negotiates; with first
}

func (f *fixture) enter(o guestOptions) *guest {
	f.Helper()
	if o.peer == nil {
		o.peer = newPeer(f, peerOptions{})
	}
	g := &guest{peer: o.peer, f: f, path: o.path, glare: o.glare, answers: make(chan string, 16), events: make(chan signal.Event, 4096), incoming: map[string]chan *rtp.Packet{}}
	g.pc.OnTrack(g.take)
	entry := signal.Event{Kind: signal.Authenticate, Name: o.name, Token: o.token, Offers: o.first, Simulcast: o.simulcast}
	if o.sse {
		g.listen(entry)
	} else {
		g.dial(entry)
	}
	welcome := g.await(signal.Authenticated)
	g.self, g.seat = welcome.Self, welcome.Seat // of the test's goroutine
	if o.asks != nil {
		o.asks(g)
	}
	if o.first {
		g.offerFirst()
	}
	return g
}

// dial takes a seat over a WebSocket.
func (g *guest) dial(entry signal.Event) {
	g.Helper()
	conn, _, err := websocket.Dial(g.Context(), g.f.url+g.path+"/ws"+g.query, &websocket.DialOptions{HTTPClient: g.f.client, Subprotocols: []string{signal.Protocol}})
	require.NoError(g, err)
	conn.SetReadLimit(1 << 20)
	ctx, cancel := context.WithCancel(context.Background())
	g.say = func(e signal.Event) { _ = wsjson.Write(ctx, conn, e) }
	ended := make(chan struct{})
	g.say(entry)
	go func() {
		defer close(ended)
		for {
			var e signal.Event
			if err := wsjson.Read(ctx, conn, &e); err != nil {
				return
			}
			g.hear(e)
		}
	}()
	g.hangUp = func() { cancel(); _ = conn.CloseNow(); <-ended }
	g.Cleanup(g.hangUp)
}

// listen takes a seat over server-sent events and POST.
func (g *guest) listen(entry signal.Event) {
	g.Helper()
	text, err := json.Marshal(entry)
	require.NoError(g, err)
	response := g.f.do("POST", g.path+"/messages", string(text), "Content-Type", "application/json")
	require.Equal(g, http.StatusCreated, response.StatusCode)
	var seat struct{ Seat string }
	require.NoError(g, json.NewDecoder(response.Body).Decode(&seat))
	g.posts = g.f.url + g.path + "/messages?seat=" + seat.Seat
	g.say = func(e signal.Event) {
		text, _ := json.Marshal(e)
		request, _ := http.NewRequest("POST", g.posts, strings.NewReader(string(text)))
		if response, err := g.f.client.Do(request); err == nil {
			_ = response.Body.Close()
		}
	}
	g.stream()
}

func (g *guest) stream() {
	g.Helper()
	events := strings.Replace(g.posts, "/messages", "/events", 1)
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, "GET", events, nil)
	require.NoError(g, err)
	response, err := g.f.client.Do(request)
	require.NoError(g, err)
	require.Equal(g, http.StatusOK, response.StatusCode)
	require.Equal(g, "text/event-stream", response.Header.Get("Content-Type"))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var e signal.Event
				if json.Unmarshal([]byte(data), &e) == nil {
					g.hear(e)
				}
			}
		}
	}()
	g.hangUp = func() { cancel(); <-ended }
	g.Cleanup(g.hangUp)
}

// hear follows the negotiation, and keeps all other events.
func (g *guest) hear(e signal.Event) {
	g.last = max(g.last, e.ID)
	if g.relays {
		g.events <- e
		return
	}
	switch e.Kind {
	case signal.Offer:
		g.answer(e)
	case signal.Answer:
		_ = g.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: e.SDP})
		g.answers <- e.SDP
	case signal.Ping:
	default:
		g.events <- e
	}
}

func (g *guest) answer(e signal.Event) {
	if g.glare {
		g.say(signal.Event{Kind: signal.Offer, SDP: e.SDP}) // of which the server must make nothing
	}
	if g.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: e.SDP}) != nil {
		return
	}
	answer, err := g.pc.CreateAnswer(nil)
	if err != nil {
		return
	}
	gathered := webrtc.GatheringCompletePromise(g.pc)
	if g.pc.SetLocalDescription(answer) != nil {
		return
	}
	<-gathered
	g.say(signal.Event{Kind: signal.Answer, SDP: g.pc.LocalDescription().SDP})
}

// offerFirst sends an offer of the guest's own.
func (g *guest) offerFirst() {
	offered, err := g.pc.CreateOffer(nil)
	if err == nil && g.pc.SetLocalDescription(offered) == nil {
		g.say(signal.Event{Kind: signal.Offer, SDP: offered.SDP})
	}
}

func (g *guest) take(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	packets := g.from(remote.StreamID(), media.Kind(remote.Kind().String()))
	for {
		p, _, err := remote.ReadRTP()
		if err != nil {
			return
		}
		g.received.Add(1)
		select {
		case packets <- p:
		default:
		}
	}
}

// from are the packets of a medium of somebody, the oldest of them at most.
func (g *guest) from(id string, kind media.Kind) chan *rtp.Packet {
	g.mu.Lock()
	defer g.mu.Unlock()
	name := id + " " + string(kind)
	if g.incoming[name] == nil {
		g.incoming[name] = make(chan *rtp.Packet, 16)
	}
	return g.incoming[name]
}

// await returns the next event of a kind, and drops those before it.
func (g *guest) await(kind string) signal.Event {
	g.Helper()
	return g.awaitThat(kind, func(signal.Event) bool { return true })
}

func (g *guest) awaitThat(kind string, holds func(signal.Event) bool) signal.Event {
	g.Helper()
	for {
		if e := rtptest.Wait(g.TB, g.events, kind); e.Kind == kind && holds(e) {
			return e
		}
	}
}

// requireMedia waits until both media of somebody come.
func (g *guest) requireMedia(from *guest) {
	g.Helper()
	for _, kind := range []media.Kind{media.KindAudio, media.KindVideo} {
		packets := g.from(from.self, kind)
		for len(packets) > 0 {
			<-packets
		}
		rtptest.Wait(g.TB, packets, string(kind)+" of another participant")
	}
}

func (f *fixture) requireNoRooms() {
	f.Helper()
	require.Eventually(f, func() bool { return len(f.server.Rooms().List()) == 0 && f.server.Sessions().Count() == 0 }, rtptest.Patience, 10*time.Millisecond)
	f.requireNothingLeft()
}

// enterMesh enters without a connection for media: events of negotiation are kept like others.
func (f *fixture) enterMesh(path, name string) *guest {
	f.Helper()
	g := &guest{peer: newPeer(f, peerOptions{}), f: f, path: path, query: "?mesh=1", relays: true, events: make(chan signal.Event, 64)}
	g.dial(signal.Event{Kind: signal.Authenticate, Name: name})
	g.self = g.await(signal.Authenticated).Self
	return g
}
