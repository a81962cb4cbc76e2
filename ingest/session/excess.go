package session

import "errors"

// Why sessions are ended whose peer costs ever more memory, which is held until the end of its connection.
var (
	ErrTooManySources   = errors.New("the client has named more RTP sources than a connection may have: connect again, and keep to a few SSRCs")
	ErrTooManyAddresses = errors.New("the client has come from more addresses than a connection may: connect again")
	ErrTooMuchDTLS      = errors.New("the client has sent more DTLS than a handshake may have: connect again, and send media over SRTP")
)

// judge counts a session that was ended because of what its client did.
func (r *Registry) judge(sess *Session) {
	held := errors.Is(sess.Err(), ErrTooManySources) || errors.Is(sess.Err(), ErrTooManyAddresses) || errors.Is(sess.Err(), ErrTooMuchDTLS)
	if held {
		r.excesses.Add(1)
	}
	overrun := errors.Is(sess.Err(), ErrTooMuch)
	if overrun {
		r.overruns.Add(1)
	}
	if held || overrun {
		r.limits.Logger.Warn("session is ended", "kind", sess.Kind(), "name", sess.at.name, "session", sess.id, "address", sess.at.address, "reason", sess.Err())
	}
}

// Excesses is how many sessions were ended whose clients had named too many sources, came from too many addresses, or sent too much DTLS.
func (r *Registry) Excesses() uint64 { return r.excesses.Load() }

// Overruns is how many sessions were ended whose clients had sent more bit/s than they may.
func (r *Registry) Overruns() uint64 { return r.overruns.Load() }
