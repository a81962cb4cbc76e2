package gst

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/name"
)

// remembered is how many sessions that have ended are known, of which messages may still be under way.
const remembered = 64

// client is one that is connected. Its messages are heard one after the other.
type client struct {
	id      string
	hub     *Hub
	config  Config
	request *http.Request // by which it has connected
	token   string
	foreign bool // it is a page of another site
	invites bool // it may publish, and so start sessions with those that wait
	out     chan []byte
	behind  chan struct{} // closed when it has not read too much
	once    sync.Once     // closes behind
	status  status        // under the lock of the hub
	spoken  bool          // it has sent something

	mu         sync.Mutex
	gone       bool
	version    string
	production *production // nil unless it is a producer
	dialogs    map[string]*dialog
	ended      []string // dialogs, the last ones
}

// send never waits.
func (c *client) send(m Message) { c.post(m.text()) }

func (c *client) post(text []byte) {
	select {
	case c.out <- text:
	default:
		c.once.Do(func() { close(c.behind) })
	}
}

// refuse tells the client that something it has sent is of no use, and what to do.
func (c *client) refuse(p *refusal.Refusal) { c.send(Message{Type: Error, Details: p.Detail}) }

// refused makes a refusal of what is wrong with a message.
func refused(format string, args ...any) *refusal.Refusal {
	return refusal.New(http.StatusBadRequest, format, args...)
}

// hear takes a message.
func (c *client) hear(ctx context.Context, text []byte) {
	m, err := Parse(text, c.config.MaxSDP)
	first := !c.spoken
	c.spoken = true
	if err != nil {
		c.refuse(refused("That message cannot be taken: %v.", err))
		return
	}
	var p *refusal.Refusal
	switch m.Type {
	case SetProtocolVersion:
		p = c.setVersion(m.Version, first)
	case SetPeerStatus:
		p = c.setStatus(m)
	case StartSession:
		p = c.startSession(ctx, m)
	case EndSession, EndSessionV11:
		p = c.endSession(m)
	case PeerMessage:
		p = c.hearPeer(ctx, m)
	case List:
		c.send(Message{Type: List, Producers: c.hub.producers()})
	case ListConsumers:
		consumers := []Peer{}
		if c.invites {
			consumers = slices.DeleteFunc(c.hub.consumers(), func(other Peer) bool { return other.ID == c.id })
		}
		c.send(Message{Type: ListConsumers, Consumers: consumers})
	}
	if p != nil {
		c.refuse(p)
	}
}

func (c *client) setVersion(version string, first bool) *refusal.Refusal {
	if !first {
		return refused("setProtocolVersion is the first message of a connection, or none: connect again.")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version = version
	return nil
}

// setStatus makes the client what it wants to be.
func (c *client) setStatus(m Message) *refusal.Refusal {
	before, next := c.hub.current(c), status{m.Roles, m.Meta}
	if next.roles == nil {
		next.roles = []string{}
	}
	var at *session.Reservation
	switch {
	case next.has(Producer) && !before.has(Producer):
		var p *refusal.Refusal
		if at, p = c.produce(m.Meta); p != nil {
			return p
		}
	case next.has(Producer):
		if p := c.rename(m.Meta); p != nil {
			return p
		}
	case before.has(Producer):
		c.stopProducing()
	}
	if before.has(Consumer) && !next.has(Consumer) {
		c.endAll(session.ErrDeleted, func(d *dialog) bool { return d.invited })
	}
	c.hub.become(c, next)
	switch {
	case at != nil:
		c.await(at)
	case next.has(Producer):
		return c.produceAgain()
	}
	return nil
}

// startSession has the client watch a stream or, of a producer, sends its stream to a client that waits, or to the server once more.
func (c *client) startSession(ctx context.Context, m Message) *refusal.Refusal {
	if !c.config.MayAsk(c.request) {
		return tooOften()
	}
	if name.Valid(m.PeerID) {
		return c.watch(ctx, m.PeerID, m.Offer, false)
	}
	stream := c.producing()
	switch waiting := c.hub.waiting(m.PeerID); {
	case m.PeerID != serverID && (waiting == nil || !c.invites):
		return refused("There is no peer %.80q: start a session with a producer of the list, by its id.", m.PeerID)
	case stream == "":
		return refused("You are no producer, whose stream %.80q could get: take that role first, by setPeerStatus.", m.PeerID)
	case m.Offer != "":
		return refused("A producer starts a session without an offer: leave it out, and offer when you are asked for it.")
	case m.PeerID == serverID:
		return c.produceAgain()
	}
	return c.invite(ctx, m.PeerID)
}

// isForeign reports whether the client is a page of another site where nobody needs a key: one that the operator of this machine happens to
// look at.
func (c *client) isForeign() bool {
	return c.config.MayPublish == nil && c.foreign
}

// mayPublish refuses a stream that the client has no key for.
func (c *client) mayPublish(stream string) *refusal.Refusal {
	if c.isForeign() {
		return refusal.New(http.StatusForbidden, "This page is from another site and may not publish: use a page of this service, or start it with keys (auth.publish) and connect with one.")
	}
	_, refused := c.config.MayPublish.Judge(c.request, stream, c.token)
	if refused != nil && refused.Status == http.StatusForbidden {
		return refusal.New(http.StatusForbidden, "This key is not for the stream %q: give “name” in meta the name of the stream that it is for.", stream)
	}
	return withKey(refused)
}

// withKey tells who is not known how to send a key here.
func withKey(refused *refusal.Refusal) *refusal.Refusal {
	if refused != nil && refused.Status == http.StatusUnauthorized {
		return refusal.New(refused.Status, "Connect with a stream key that this server knows: as “Authorization: Bearer KEY”, or as ?token=KEY where you cannot set headers.")
	}
	return refused
}

// leave ends all that the client has, and waits for it.
func (c *client) leave() {
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	for _, d := range c.endAll(session.ErrHungUp, func(*dialog) bool { return true }) {
		if d.session != nil {
			<-d.session.Done()
		}
	}
}
