package session

import (
	"errors"
	"slices"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
)

// State is how a session's connection stands.
type State string

// The states of a session.
const (
	StateConnecting   State = "connecting"   // ICE or DTLS are under way
	StateConnected    State = "connected"    // media can flow
	StateDisconnected State = "disconnected" // nothing has been heard for 5 s; it may come back
	StateClosed       State = "closed"
)

// Publisher is a session that sends a stream, or is about to.
type Publisher struct {
	session *Session
	begun   chan struct{} // closed when the stream is its own
	came    time.Time     // when its first packet did
	ousted  []string      // paths of the sessions that it and those before it have taken over
}

// NewPublisher makes a publisher of a session that has its tracks.
func NewPublisher(s *Session) *Publisher { return &Publisher{session: s, begun: make(chan struct{})} }

// ID is the session's random name.
func (p *Publisher) ID() string { return p.session.id }

// Stream is the name it publishes under.
func (p *Publisher) Stream() string { return p.session.at.name }

// Tracks are the negotiated media, in the order of the offer. They do not change.
func (p *Publisher) Tracks() []*media.Track { return p.session.Tracks() }

// Track returns the track of a kind; nil when there is none.
func (p *Publisher) Track(kind media.Kind) *media.Track { return p.session.Track(kind) }

// Started is when the offer was accepted.
func (p *Publisher) Started() time.Time { return p.session.started }

// Begun is closed when its first packet has come and the stream is its own. It stays open for one that ends before.
func (p *Publisher) Begun() <-chan struct{} { return p.begun }

// Done is closed when the publisher has ended, all its tracks too, and the name is free again or somebody else's.
func (p *Publisher) Done() <-chan struct{} { return p.session.done }

// Err is why the publisher ended, or is ending; nil before that.
func (p *Publisher) Err() error { return p.session.Err() }

// Close ends the publisher for the reason given. It does not wait: Done tells the end.
func (p *Publisher) Close(reason string) { p.session.Close(&CloseError{Reason: reason}) }

// rememberDismissed bounds the sessions whose clients are told that they were dismissed.
const rememberDismissed = 256

// Dismiss is Close for one who is not to come back by itself, which its client is told for a while.
func (p *Publisher) Dismiss(reason string) {
	p.session.Close(&CloseError{Reason: reason, dismissed: true})
}

// State is how the connection stands.
func (p *Publisher) State() State { return p.session.State() }

// RemoteAddr is where media comes from, host:port, or where the offer came from while there is none.
func (p *Publisher) RemoteAddr() string { return p.session.RemoteAddr() }

// Stats returns the counters of the publisher.
func (p *Publisher) Stats() media.Stats { return p.session.StatsOf(p.session.Tracks()) }

// StatsOf returns the counters of a session that sends these tracks.
func (s *Session) StatsOf(tracks []*media.Track) media.Stats {
	st := media.Stats{
		RTT: s.rtt(), NACKs: s.link.sent.nacks.Load(), PLIs: s.link.sent.plis.Load(),
		LateFrames: s.LateFrames.Load(), LostChunks: s.LostChunks.Load(), DamagedFrames: s.DamagedFrames.Load(),
	}
	for _, ts := range s.stats(tracks, time.Now()) {
		st.Tracks = append(st.Tracks, ts)
		st.BytesReceived += ts.Bytes
		st.Bitrate += ts.Bitrate
	}
	return st
}

// CloseError is the Err of a publisher that was ended by Close or Dismiss.
type CloseError struct {
	Reason    string
	dismissed bool
}

// Error is the reason that was given.
func (e *CloseError) Error() string { return e.Reason }

// dismissed reports whether it was ended, or is ending, by Publisher.Dismiss.
func (s *Session) dismissed() bool {
	var by *CloseError
	return errors.As(s.Err(), &by) && by.dismissed
}

// Dismissed reports whether the session of that path was ended by Publisher.Dismiss, and few have been since.
func (r *Registry) Dismissed(path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sess := r.sessions[path]; sess != nil {
		return sess.dismissed()
	}
	return slices.Contains(r.dismissed, path)
}
