package ingest

import (
	"github.com/sluice-live/sluice/ingest/media"
	"slices"
	"time"
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

// Publisher is a session that sends a stream.
type Publisher struct {
	*session
	stream string
	ousted []string // paths of the sessions that it and those before it have taken over
}

// ID is the session's random name.
func (p *Publisher) ID() string { return p.id }

// Stream is the name it publishes under.
func (p *Publisher) Stream() string { return p.stream }

// Tracks are the negotiated media, in the order of the offer. They do not change.
func (p *Publisher) Tracks() []*media.Track { return slices.Clone(p.tracks) }

// Started is when the offer was accepted.
func (p *Publisher) Started() time.Time { return p.started }

// Done is closed when the publisher has ended, all its tracks too, and the name is free again or somebody else's.
func (p *Publisher) Done() <-chan struct{} { return p.done }

// Err says why the publisher ended, or is ending; nil before that.
func (p *Publisher) Err() error { return p.endReason() }

// Close ends the publisher for the reason given. It does not wait: Done tells the end.
func (p *Publisher) Close(reason string) { p.close(&CloseError{Reason: reason}) }

// State tells how the connection stands.
func (p *Publisher) State() State { return p.connectionState() }

// RemoteAddr is where media comes from, host:port, or where the offer came from while there is none.
func (p *Publisher) RemoteAddr() string { return p.remoteAddr() }

// Stats returns the counters of the publisher.
func (p *Publisher) Stats() media.Stats { return p.statsOf(p.tracks) }

// statsOf returns the counters of a session that sends these tracks.
func (s *session) statsOf(tracks []*media.Track) media.Stats {
	st := media.Stats{RTT: s.rtt(), NACKs: s.feedback.nacks.Load(), PLIs: s.feedback.plis.Load(), LateFrames: s.late.Load(), LostChunks: s.lost.Load()}
	for _, t := range tracks {
		ts := t.Stats()
		st.Tracks = append(st.Tracks, ts)
		st.BytesReceived += ts.Bytes
		st.Bitrate += ts.Bitrate
	}
	return st
}

// CloseError is the Err of a publisher that was ended by Close.
type CloseError struct{ Reason string }

func (e *CloseError) Error() string { return e.Reason }
