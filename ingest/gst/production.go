package gst

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

// maxInvited bounds the clients that wait for a stream that has not begun.
const maxInvited = 16

// production is what a producer makes. It is under the lock of the client.
type production struct {
	stream  string
	told    described
	tracks  []*media.Track
	begun   bool     // the stream is its own
	invited []string // clients that are to get it then
}

// errNoOffer is why a producer's session ends that it does not begin.
var errNoOffer = errors.New("no offer has come: set the status anew to be asked for another")

// produce reserves the session of somebody who wants to be a producer. Without a name in its meta the stream is called something.
func (c *client) produce(meta json.RawMessage) (*session.Reservation, *refusal.Refusal) {
	told := describe(meta)
	stream := cmp.Or(told.name, someName())
	at, p := c.reserve(stream)
	if p != nil {
		return nil, p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.production = &production{stream: stream, told: told}
	return at, nil
}

// reserve makes room for a session, if the client may publish the stream.
func (c *client) reserve(stream string) (*session.Reservation, *refusal.Refusal) {
	if !c.config.MayAsk(c.request) {
		return nil, tooOften()
	}
	if p := c.mayPublish(stream); p != nil {
		return nil, p
	}
	at := session.NewReservation(c.request, session.KindProducer, stream)
	return at, c.config.Sessions.Reserve(at)
}

// await asks the producer for an offer, as a consumer does, and gives up when none comes.
func (c *client) await(at *session.Reservation) {
	d := &dialog{id: rand.Text(), stream: c.producing(), produces: true, at: at}
	if !c.add(d) {
		c.end(d, session.ErrHungUp)
		return
	}
	c.send(Message{Type: StartSession, PeerID: serverID, SessionID: d.id})
}

// giveUp ends a session that has no offer.
func (c *client) giveUp(d *dialog) {
	c.mu.Lock()
	waits := d.at != nil
	c.mu.Unlock()
	if waits && c.end(d, errNoOffer) {
		c.refuse(refused("The session of %q is given up: %v.", d.stream, errNoOffer))
		c.bye(d, errNoOffer)
	}
}

// take returns the reservation of a producer's session, once.
func (c *client) take(d *dialog) *session.Reservation {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := d.at
	d.at = nil
	return at
}

// hearOffer answers a producer, whose stream begins with the first packet that comes then.
func (c *client) hearOffer(ctx context.Context, d *dialog, offered string) *refusal.Refusal {
	at := c.take(d)
	if at == nil {
		return refused("The session has an offer already: end it, and set your status anew to be asked for another.")
	}
	d.late.Stop()
	var publisher *session.Publisher
	sess, answer, p := c.config.Media.Publish(ctx, at, []byte(offered), func(made *session.Publisher) {
		publisher = made
		c.has(made.Tracks())
	})
	if p != nil {
		if publisher != nil {
			c.hub.forget(publisher.Tracks())
		}
		if c.remove(d) {
			c.bye(d, p)
		}
		return p
	}
	c.mu.Lock()
	d.session = sess
	c.mu.Unlock()
	c.describe(d, "answer", answer)
	d.settle()
	sess.Go(func() {
		select {
		case <-publisher.Begun():
			c.begun(ctx)
		case <-sess.Closing():
		}
	})
	sess.Go(func() {
		<-sess.Closing()
		c.hub.forget(publisher.Tracks())
	})
	c.follow(d, func(reason error) { c.lost(d, reason) })
	return nil
}

// lost tells a producer of the end of its session, and asks it for another where the network has ended it.
func (c *client) lost(d *dialog, reason error) {
	c.bye(d, reason)
	c.mu.Lock()
	begun := c.production != nil && c.production.begun
	if begun {
		c.production.begun = false
	}
	c.mu.Unlock()
	if !begun || !errors.Is(reason, session.ErrTimedOut) {
		return
	}
	if at, p := c.reserve(d.stream); p == nil {
		c.await(at)
	} else {
		c.refuse(p)
	}
}

// produceAgain asks a producer for an offer whose session has ended.
func (c *client) produceAgain() *refusal.Refusal {
	c.mu.Lock()
	for _, d := range c.dialogs {
		if d.produces {
			c.mu.Unlock()
			return nil // it is in one
		}
	}
	c.mu.Unlock()
	at, p := c.reserve(c.producing())
	if p != nil {
		return p
	}
	c.await(at)
	return nil
}

// stopProducing ends what a producer sends.
func (c *client) stopProducing() {
	c.endAll(session.ErrDeleted, func(d *dialog) bool { return d.produces })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.production = nil
}

// rename takes what a producer tells of itself now, and refuses another name.
func (c *client) rename(meta json.RawMessage) *refusal.Refusal {
	told := describe(meta)
	if stream := c.producing(); told.name != "" && told.name != stream {
		return refused("You publish %q: give up the role of producer before you publish %q.", stream, told.name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.production.told = told
	if c.production.tracks != nil {
		c.hub.describe(c.production.stream, c.production.tracks, told)
	}
	return nil
}

// producing is the stream of a producer, or "".
func (c *client) producing() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.production == nil {
		return ""
	}
	return c.production.stream
}

// has notes the tracks of the producer's newest session, by which the hub knows what it has told of itself.
func (c *client) has(tracks []*media.Track) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.production.tracks = tracks
	c.hub.describe(c.production.stream, tracks, c.production.told)
}

// invite has a client that waits watch the producer's stream, now or when that begins.
func (c *client) invite(ctx context.Context, id string) *refusal.Refusal {
	c.mu.Lock()
	p := c.production
	stream, begun := p.stream, p.begun
	if !begun && !slices.Contains(p.invited, id) && len(p.invited) < maxInvited {
		p.invited = append(p.invited, id)
	}
	c.mu.Unlock()
	if !begun {
		return nil
	}
	return c.hub.invite(ctx, id, stream)
}

// begun has all watch who have been invited.
func (c *client) begun(ctx context.Context) {
	c.mu.Lock()
	if c.production == nil {
		c.mu.Unlock()
		return
	}
	stream, invited := c.production.stream, c.production.invited
	c.production.begun, c.production.invited = true, nil
	c.mu.Unlock()
	for _, id := range invited {
		if p := c.hub.invite(ctx, id, stream); p != nil {
			c.refuse(p)
		}
	}
}

// invite has a client that waits watch a stream, unless it does.
func (h *Hub) invite(ctx context.Context, id, stream string) *refusal.Refusal {
	c := h.waiting(id)
	if c == nil {
		return refused("The peer %.80q does not wait any more.", id)
	}
	c.mu.Lock()
	for _, d := range c.dialogs {
		if d.stream == stream && !d.produces {
			c.mu.Unlock()
			return nil
		}
	}
	c.mu.Unlock()
	if p := c.watch(ctx, stream, "", true); p != nil {
		return refused("The peer %.80q cannot get the stream: %s", id, p.Detail)
	}
	return nil
}
