package broadcast

import (
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode"
)

// EventKind is what happens to a broadcast.
type EventKind int

// The kinds of events. Who takes over from another publisher makes none.
const (
	EventStarted     EventKind = iota // its first publisher's media has come
	EventInterrupted                  // its publisher has gone
	EventResumed                      // a publisher's media has come after that, or after a restart of the service
	EventEnded                        // it is over; the last one
	EventReduced                      // less of the ladder is encoded
	EventRestored                     // more of it is again
)

// Event is what has just happened to a broadcast.
type Event struct {
	Kind   EventKind
	At     time.Time // with a monotonic reading
	Reason string    // why its publisher has gone, it is over, or something is still missing of the ladder
	Failed bool      // it is over because of what Reason says

	Address      string      // of EventStarted and EventResumed: where media comes from
	Video, Audio depay.Codec // that is sent, 0 for none

	Encoded transcode.Ladder // of EventReduced and EventRestored: what is encoded now
}

// tell hands an event over.
func (b *Broadcast) tell(e Event) {
	if b.options.OnEvent != nil {
		e.At = time.Now()
		b.options.OnEvent(e)
	}
}

// tellPublished tells that somebody publishes who did not take over.
func (b *Broadcast) tellPublished() {
	e := Event{Kind: EventStarted, Address: b.input.RemoteAddr()}
	if b.told {
		e.Kind = EventResumed
	}
	b.told = true
	e.Video, e.Audio = b.input.codecs()
	b.tell(e)
}

// tellInterrupted tells that the publisher has gone.
func (b *Broadcast) tellInterrupted(reason string) {
	if b.told {
		b.tell(Event{Kind: EventInterrupted, Reason: reason})
	}
}

// tellEnd tells of a broadcast that is over because of err, if that is not nil, of the service's stop, or because nobody came back.
func (b *Broadcast) tellEnd(err error, stopped bool) {
	e := Event{Kind: EventEnded, Reason: "its publisher has not come back"}
	switch {
	case !b.told:
		return
	case err != nil:
		e.Reason, e.Failed = err.Error(), true
	case stopped:
		e.Reason = "the service has been stopped"
	}
	b.tell(e)
}

// encoded is what the ladder has encoded now.
func (l *ladder) encoded() transcode.Ladder {
	if l.alone {
		return nil
	}
	return encodedOf(l.now)
}
