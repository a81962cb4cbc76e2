package session

import "errors"

// ErrTooManySources is why sessions are ended whose peer names ever new sources: each costs memory until the end of its connection.
var ErrTooManySources = errors.New("the client has named more RTP sources than a connection may have: connect again, and keep to a few SSRCs")

// judge counts a session that was ended because of what its client did.
func (r *Registry) judge(sess *Session) {
	sources := errors.Is(sess.Err(), ErrTooManySources)
	if sources {
		r.excesses.Add(1)
	}
	if sources || errors.Is(sess.Err(), ErrTooMuch) {
		r.limits.Logger.Warn("session is ended", "kind", sess.Kind(), "name", sess.at.name, "session", sess.id, "address", sess.at.address, "reason", sess.Err())
	}
}

// Excesses is how many sessions were ended whose clients had named too many sources.
func (r *Registry) Excesses() uint64 { return r.excesses.Load() }
