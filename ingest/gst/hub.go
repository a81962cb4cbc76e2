package gst

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sluice-live/sluice/ingest/media"
)

// serverID is the server's own id among peers. Those of clients begin with its first character too, which no stream's name does.
const serverID = "@sluice"

// Hub knows the streams and the clients. It implements session.Followers: its lock may be taken while the registry's is held, and never the
// other way round.
type Hub struct {
	mu      sync.Mutex
	clients map[string]*client         // by their ids
	streams map[string]live            // that are published
	hidden  func(stream string) bool   // no list has them
	told    map[*media.Track]described // what producers have told of themselves, by the first of their tracks
}

// NewHub makes a hub without streams and clients. It tells nobody of streams that are hidden; nil hides none.
func NewHub(hidden func(stream string) bool) *Hub {
	if hidden == nil {
		hidden = func(string) bool { return false }
	}
	return &Hub{hidden: hidden, clients: map[string]*client{}, streams: map[string]live{}, told: map[*media.Track]described{}}
}

// live is a stream that is published.
type live struct {
	tracks []*media.Track
	meta   json.RawMessage // what is told of it
}

// status is what a client is to the others. It is under the lock of the hub.
type status struct {
	roles []string
	meta  json.RawMessage
}

func (s status) has(role string) bool { return slices.Contains(s.roles, role) }

// Published tells listeners of a stream that has begun, or whose publisher is another one now.
func (h *Hub) Published(stream string, tracks []*media.Track) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.publish(stream, tracks)
}

func (h *Hub) publish(stream string, tracks []*media.Track) {
	meta := metaOf(stream, h.told[tracks[0]], tracks)
	h.streams[stream] = live{tracks, meta}
	if h.hidden(stream) {
		return
	}
	h.tell(Message{Type: PeerStatusChanged, PeerID: stream, Roles: []string{Producer}, Meta: meta}, everybody)
}

// Unpublished tells listeners of the end of a stream.
func (h *Hub) Unpublished(stream string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	meta := h.streams[stream].meta
	delete(h.streams, stream)
	if h.hidden(stream) {
		return
	}
	h.tell(Message{Type: PeerStatusChanged, PeerID: stream, Roles: []string{}, Meta: meta}, everybody)
}

// tell sends a message to those listeners whom it is for. The caller holds mu.
func (h *Hub) tell(m Message, isFor func(*client) bool) {
	text := m.text()
	for _, c := range h.clients {
		if c.status.has(Listener) && isFor(c) {
			c.post(text)
		}
	}
}

func everybody(*client) bool { return true }

// describe keeps what a producer has told of itself until forget, and passes it on if it publishes the stream.
func (h *Hub) describe(stream string, tracks []*media.Track, d described) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told[tracks[0]] = d
	if of := h.streams[stream]; len(of.tracks) > 0 && of.tracks[0] == tracks[0] {
		h.publish(stream, tracks)
	}
}

func (h *Hub) forget(tracks []*media.Track) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range tracks {
		delete(h.told, t)
	}
}

func (h *Hub) enter(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients[c.id] = c
}

// leave takes a client out.
func (h *Hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c.id)
	h.change(c, status{meta: c.status.meta})
}

// current is what a client is to the others.
func (h *Hub) current(c *client) status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return c.status
}

// become makes a client what it wants to be, and tells it so if it listens.
func (h *Hub) become(c *client, next status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.change(c, next)
	if next.has(Listener) {
		c.send(Message{Type: PeerStatusChanged, PeerID: c.id, Roles: next.roles, Meta: next.meta})
	}
}

// change tells of a client that begins or ceases to wait, those who may know. The caller holds mu.
func (h *Hub) change(c *client, next status) {
	before := c.status
	c.status = next
	if !before.has(Consumer) && !next.has(Consumer) {
		return
	}
	m := Message{Type: PeerStatusChanged, PeerID: c.id, Roles: []string{}, Meta: next.meta}
	if next.has(Consumer) {
		m.Roles = append(m.Roles, Consumer)
	}
	h.tell(m, func(other *client) bool { return other != c && other.invites })
}

// producers are all streams.
func (h *Hub) producers() []Peer {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Peer, 0, len(h.streams))
	for _, stream := range slices.Sorted(maps.Keys(h.streams)) {
		if h.hidden(stream) {
			continue
		}
		all = append(all, Peer{stream, h.streams[stream].meta})
	}
	return all
}

// consumers are the clients that wait.
func (h *Hub) consumers() []Peer {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []Peer{}
	for _, c := range h.clients {
		if c.status.has(Consumer) {
			all = append(all, Peer{c.id, c.status.meta})
		}
	}
	slices.SortFunc(all, func(a, b Peer) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// waiting is the client of that id that waits for a producer; nil when there is none.
func (h *Hub) waiting(id string) *client {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.clients[id]; c != nil && c.status.has(Consumer) {
		return c
	}
	return nil
}

// Clients is how many are connected.
func (h *Hub) Clients() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.clients)
}
