package session

import (
	"errors"
	"time"
)

// ErrTakenOver is why a publisher ends for whom another one has come.
var ErrTakenOver = errors.New("somebody else has taken over the stream")

const (
	silentAfter    = time.Second     // without a packet a publisher's media has stopped
	beginsWithin   = 5 * time.Second // for a publisher's first packet to come
	rememberOusted = 16              // sessions taken over in a row, whose clients are told so
)

// silent reports whether media has stopped, or has not begun in time.
func (p *Publisher) silent(now time.Time) bool {
	if p.State() == StateDisconnected {
		return true
	}
	var last time.Time
	for _, t := range p.session.Tracks() {
		if at := t.LastPacket(); at.After(last) {
			last = at
		}
	}
	if last.IsZero() {
		return now.Sub(p.session.started) > beginsWithin
	}
	return now.Sub(last) > silentAfter
}
