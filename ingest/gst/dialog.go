package gst

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/panics"
)

// dialog is a session as the protocol knows it: a producer's, which begins before there is one of ours, or a consumer's.
type dialog struct {
	id       string
	stream   string
	produces bool
	invited  bool // a consumer's, by a producer

	session *session.Session     // nil until a producer has offered; under the lock of the client
	at      *session.Reservation // until then; likewise
	late    *time.Timer          // gives up what has no offer

	settled bool     // both sides have described themselves; of who hears the client
	early   []string // candidates that came before that; likewise
}

// add makes a dialog known, unless the client has gone.
func (c *client) add(d *dialog) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.at != nil {
		d.late = panics.AfterFunc(c.config.Connect, c.config.Logger, "the session", func() { c.giveUp(d) })
	}
	if !c.gone {
		c.dialogs[d.id] = d
	}
	return !c.gone
}

// remove reports whether the dialog was still there.
func (c *client) remove(d *dialog) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.removed(d)
}

// removed is remove for who holds mu.
func (c *client) removed(d *dialog) bool {
	if c.dialogs[d.id] != d {
		return false
	}
	delete(c.dialogs, d.id)
	c.ended = append(c.ended, d.id)
	c.ended = c.ended[max(len(c.ended)-remembered, 0):]
	return true
}

// find returns the dialog of a message; nil and no refusal when it has ended, which the client may not know yet.
func (c *client) find(id string) (*dialog, *refusal.Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.dialogs[id]
	if d == nil && !slices.Contains(c.ended, id) {
		return nil, refused("There is no session %.80q of yours: take the sessionId of startSession or sessionStarted.", id)
	}
	return d, nil
}

// endAll ends dialogs without a word, and returns them.
func (c *client) endAll(reason error, which func(*dialog) bool) []*dialog {
	c.mu.Lock()
	all := slices.DeleteFunc(slices.Collect(maps.Values(c.dialogs)), func(d *dialog) bool { return !which(d) })
	c.mu.Unlock()
	for _, d := range all {
		c.end(d, reason)
	}
	return all
}

// end ends a dialog, whatever has come of it, and reports whether it was there.
func (c *client) end(d *dialog, reason error) bool {
	c.mu.Lock()
	was, at, sess := c.removed(d), d.at, d.session
	d.at = nil
	c.mu.Unlock()
	if at != nil {
		d.late.Stop()
		c.config.Sessions.Release(at)
	}
	if sess != nil {
		sess.Close(reason)
	}
	return was
}

// bye tells the client of the end of a dialog, and why unless it is as it should be.
func (c *client) bye(d *dialog, reason error) {
	m := Message{Type: EndSession, SessionID: d.id}
	c.mu.Lock()
	if c.version != version10 {
		m.Type = EndSessionV11
		if reason != nil && !errors.Is(reason, session.ErrHungUp) && !errors.Is(reason, session.ErrStreamEnded) {
			m.Error = reason.Error()
		}
	}
	c.mu.Unlock()
	c.send(m)
}

func (c *client) endSession(m Message) *refusal.Refusal {
	d, p := c.find(m.SessionID)
	if d != nil {
		c.end(d, session.ErrDeleted)
	}
	return p
}

// hearPeer takes a description or a candidate.
func (c *client) hearPeer(ctx context.Context, m Message) *refusal.Refusal {
	d, p := c.find(m.SessionID)
	switch {
	case d == nil:
		return p
	case m.ICE != nil:
		return d.hearCandidate(m.ICE.Candidate)
	case d.produces && m.SDP.Type == "offer":
		return c.hearOffer(ctx, d, m.SDP.SDP)
	case !d.produces && m.SDP.Type == "answer" && !d.settled:
		return c.hearAnswer(d, m.SDP.SDP)
	case d.produces:
		return refused("You are the producer of this session: send an offer.")
	case m.SDP.Type == "offer":
		return refused("You are the consumer of this session: answer the offer of the server, or end the session and start another with an offer.")
	}
	return refused("The session is agreed already: end it and start another.")
}

// hearCandidate adds a candidate, or keeps it until both sides have described themselves.
func (d *dialog) hearCandidate(text string) *refusal.Refusal {
	if text == "" {
		return nil // there are no more
	}
	parsed, err := offer.ParseCandidate(text)
	switch {
	case err != nil:
		return refused("The candidate cannot be used: %v.", err)
	case parsed == "": // it cannot be reached from here
		return nil
	case d.settled:
		return d.trickle(parsed)
	case len(d.early) >= offer.MaxCandidates:
		return refused("The session has %d candidates already: describe yourself first.", offer.MaxCandidates)
	}
	d.early = append(d.early, parsed)
	return nil
}

func (d *dialog) trickle(candidates ...string) *refusal.Refusal {
	return d.session.Trickle(offer.Fragment{Candidates: candidates}, func(string) bool { return true })
}

// settle adds the candidates that came early. One that cannot be used is no reason to refuse what they were for.
func (d *dialog) settle() {
	d.settled = true
	_ = d.trickle(d.early...)
	d.early = nil
}

// describe sends our description, and then its candidates: clients take them by either way.
func (c *client) describe(d *dialog, kind string, description []byte) {
	c.send(Message{Type: PeerMessage, SessionID: d.id, SDP: &Description{kind, string(description)}})
	for _, m := range candidates(d.id, string(description)) {
		c.send(m)
	}
}

// follow sees to the end of a dialog with a session: over is called with the reason unless the client has ended it.
func (c *client) follow(d *dialog, over func(error)) {
	watch := func() {
		<-d.session.Closing()
		if c.remove(d) {
			over(d.session.Err())
		}
	}
	if !d.session.Go(watch) {
		watch()
	}
}

// watch has the client watch a stream: by an offer of its own, or else by one of the server. invited says that a producer has asked for it.
func (c *client) watch(ctx context.Context, stream, offered string, invited bool) *refusal.Refusal {
	right, refused := c.config.MayWatch.Judge(c.request, stream, c.token)
	if refused != nil {
		return withKey(refused)
	}
	at := session.NewReservation(session.By(c.request, right), session.KindConsumer, stream)
	d := &dialog{id: rand.Text(), stream: stream, invited: invited}
	var own []byte
	var p *refusal.Refusal
	kind := "answer"
	if offered != "" {
		d.session, own, p = c.config.Media.Watch(ctx, at, stream, []byte(offered))
	} else {
		kind = "offer"
		d.session, own, p = c.config.Media.Propose(ctx, at, stream)
	}
	if p != nil {
		return p
	}
	if offered != "" {
		d.settle()
	}
	if !c.add(d) {
		d.session.Close(session.ErrHungUp)
		return nil
	}
	c.send(Message{Type: SessionStarted, PeerID: stream, SessionID: d.id})
	c.describe(d, kind, own)
	c.follow(d, func(reason error) { c.bye(d, reason) })
	return nil
}

// hearAnswer takes a consumer's answer.
func (c *client) hearAnswer(d *dialog, text string) *refusal.Refusal {
	if p := c.config.Media.Conclude(d.session, []byte(text)); p != nil {
		if c.end(d, p) {
			c.bye(d, p)
		}
		return p
	}
	d.settle()
	return nil
}
