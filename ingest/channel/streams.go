package channel

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
)

// Navigation are the labels of channels on which GStreamer's consumers steer a producer (webrtcsink): what a viewer sends there is passed to
// the publisher as it is, and nothing comes back.
var Navigation = []string{"gst-navigation", "input", "control"}

// How a stream stands, in the events of its channels.
const (
	stateLive        = "live"        // somebody publishes it
	stateInterrupted = "interrupted" // nobody does now
)

// toldAgain is when a client that does not read is told again how its stream stands.
const toldAgain = time.Second

// Streams passes messages between whoever publishes a stream and its viewers: of a viewer to the publisher, of the publisher to all
// viewers or to one.
type Streams struct {
	counters  *Counters
	publisher func(stream string) (id string) // the session that publishes it, or ""

	mu     sync.Mutex
	live   map[string]bool
	byName map[string][]*Member
}

// NewStreams joins nobody yet. publisher returns the id of the session that publishes a stream, or "".
func NewStreams(c *Counters, publisher func(stream string) string) *Streams {
	return &Streams{counters: c, publisher: publisher, live: map[string]bool{}, byName: map[string][]*Member{}}
}

// Member is a session that publishes or watches a stream.
type Member struct {
	streams *Streams
	stream  string
	id      string // of its session, a secret
	name    string // as others are told
	viewer  bool
	wake    chan struct{} // receives when it is to be told how the stream stands

	mu         sync.Mutex
	events     *Line // the newest channel of its label; nil: there is none
	navigation *Line
	carries    *Line // to the other server that the stream comes from; nil: it comes from none, or takes no messages
}

// Publish joins a session that publishes a stream, or is about to, and accepts its channels.
func (ss *Streams) Publish(s *session.Session, stream string) *Member {
	return ss.join(s, stream, false)
}

// Watch joins a viewer of a stream, and accepts its channels.
func (ss *Streams) Watch(s *session.Session, stream string) *Member { return ss.join(s, stream, true) }

func (ss *Streams) join(s *session.Session, stream string, viewer bool) *Member {
	m := &Member{streams: ss, stream: stream, id: s.ID(), name: s.PublicID(), viewer: viewer, wake: make(chan struct{}, 1)}
	Accept(s, ss.counters, m.Open)
	ss.mu.Lock()
	ss.byName[stream] = append(ss.byName[stream], m)
	ss.mu.Unlock()
	runs := s.Go(func() {
		defer ss.leave(m)
		m.run(s.Closing())
	})
	if !runs {
		ss.leave(m)
	}
	return m
}

func (ss *Streams) leave(m *Member) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	rest := slices.DeleteFunc(ss.byName[m.stream], func(other *Member) bool { return other == m })
	if ss.byName[m.stream] = rest; len(rest) == 0 {
		delete(ss.byName, m.stream)
	}
}

// Published implements session.Followers.
func (ss *Streams) Published(stream string, _ []*media.Track) { ss.changed(stream, true) }

// Unpublished implements session.Followers.
func (ss *Streams) Unpublished(stream string) { ss.changed(stream, false) }

func (ss *Streams) changed(stream string, live bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if live {
		ss.live[stream] = true
	} else {
		delete(ss.live, stream)
	}
	for _, m := range ss.byName[stream] {
		m.rouse()
	}
}

// Empty reports whether nobody has joined, and nothing is published.
func (ss *Streams) Empty() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.byName)+len(ss.live) == 0
}

// run tells how the stream stands, now and when that has changed.
func (m *Member) run(closing <-chan struct{}) {
	var again <-chan time.Time
	for {
		select {
		case <-closing:
			return
		case <-m.wake:
		case <-again:
		}
		again = nil
		if l := m.line(Label); l != nil && !l.Tell(signal.Event{Kind: signal.Stream, Stream: m.stream, State: m.streams.state(m.stream), Self: m.name}) {
			again = time.After(toldAgain)
		}
	}
}

func (m *Member) rouse() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (ss *Streams) state(stream string) string {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.live[stream] {
		return stateLive
	}
	return stateInterrupted
}

// Open is for a channel of a label that has been opened, by the client or by us: what it returns is to hear it.
func (m *Member) Open(label string, l *Line) Hearing {
	slot := m.slot(label)
	if slot == nil {
		return Hearing{}
	}
	m.mu.Lock()
	*slot = l
	m.mu.Unlock()
	h := Hearing{Gone: func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if *slot == l {
			*slot = nil
		}
	}}
	switch {
	case label != Label:
		h.Rate, h.Hear = ofNavigation, m.hearNavigation
	case m.viewer:
		h.Rate, h.Hear = ofViewers, func(msg Message) { m.hear(l, msg) }
	default:
		h.Rate, h.Hear = ofProducers, func(msg Message) { m.hear(l, msg) }
	}
	if label == Label {
		m.rouse()
	}
	return h
}

// slot is where the newest channel of a label is kept; nil: the label means nothing.
func (m *Member) slot(label string) **Line {
	switch {
	case label == Label:
		return &m.events
	case slices.Contains(Navigation, label):
		return &m.navigation
	}
	return nil
}

func (m *Member) line(label string) *Line {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *m.slot(label)
}

// lineFor is where messages of a label go: to another server those of the channel that it has.
func (m *Member) lineFor(label string) *Line {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.carries != nil && label == Label {
		return m.carries
	}
	return *m.slot(label)
}

// Tell tells whoever publishes a stream and all its viewers an event of a kind, with what is written as JSON as its data.
func (ss *Streams) Tell(stream, kind string, data any) {
	written, err := json.Marshal(data)
	if err != nil {
		return
	}
	text, err := json.Marshal(signal.Event{Kind: kind, Stream: stream, Data: written})
	if err != nil {
		return
	}
	to := append(ss.publishers(stream), ss.viewers(stream, "")...)
	ss.send(to, Label, Message{Text: true, Data: text})
}

// hearNavigation passes on how a viewer steers. What a publisher says there is for nobody.
func (m *Member) hearNavigation(msg Message) {
	if m.viewer {
		m.streams.send(m.streams.publishers(m.stream), Navigation[0], msg)
	}
}

// hear takes a message, and answers what is of no use.
func (m *Member) hear(l *Line, msg Message) {
	if !msg.Text {
		m.pass(l, "", msg)
		return
	}
	e, err := signal.Parse(msg.Data)
	switch {
	case err != nil:
		l.refuse(http.StatusBadRequest, fmt.Sprintf("That event cannot be taken: %v.", err))
	case e.Kind == signal.Ping:
		l.Tell(signal.Event{Kind: signal.Pong})
	case e.Kind == signal.Pong:
	case !e.IsMessage():
		l.refuse(http.StatusBadRequest, "Here only message and ping are taken.")
	default:
		text, err := json.Marshal(signal.Event{Kind: e.Kind, From: m.name, Text: e.Text, Data: e.Data})
		if err != nil { // which no text can be the cause of
			return
		}
		m.pass(l, e.To, Message{Text: true, Data: text})
	}
}

// pass passes a message of the publisher to its viewers, or one of them, and of a viewer to the publisher.
func (m *Member) pass(l *Line, to string, msg Message) {
	switch {
	case m.viewer && to != "":
		l.refuse(http.StatusForbidden, "What a viewer sends goes to the publisher: leave “to” out.")
	case m.viewer:
		if m.streams.send(m.streams.publishers(m.stream), Label, msg) == 0 {
			l.refuse(http.StatusNotFound, "Whoever publishes this stream takes no messages, or too many wait for it.")
		}
	case m.streams.publisher(m.stream) != m.id:
		l.refuse(http.StatusConflict, "Somebody else publishes this stream, or nobody does yet: its viewers do not hear you.")
	default:
		if m.streams.send(m.streams.viewers(m.stream, to), Label, msg) == 0 && to != "" {
			l.refuse(http.StatusNotFound, "There is no viewer of that name, or too many messages wait for it.")
		}
	}
}

// publishers is the member that publishes a stream, if it has joined.
func (ss *Streams) publishers(stream string) []*Member {
	id := ss.publisher(stream) // without the lock: who publishes is known under another one
	return ss.members(stream, func(m *Member) bool { return !m.viewer && m.id == id })
}

// viewers are those of a stream, or the one that is called so.
func (ss *Streams) viewers(stream, called string) []*Member {
	return ss.members(stream, func(m *Member) bool { return m.viewer && (called == "" || m.name == called) })
}

func (ss *Streams) members(stream string, which func(*Member) bool) (all []*Member) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for _, m := range ss.byName[stream] {
		if which(m) {
			all = append(all, m)
		}
	}
	return all
}

// send sends to all of these that have a channel for it, and returns how many have taken it.
func (ss *Streams) send(to []*Member, label string, msg Message) (taken int) {
	for _, m := range to {
		if l := m.lineFor(label); l != nil && l.Send(msg) {
			taken++
		}
	}
	return taken
}
