package session

import "net/http"

// Reservation is what a session takes up, and what it is.
type Reservation struct {
	Kind    Kind
	name    string // of the stream or the room; "" for an echo
	client  Client
	address string // host:port that the request came from

	right     Right      // to it
	prefix    string     // of its random name
	free      bool       // it does not count among those of its address
	connects  bool       // it counts as connecting
	publisher *Publisher // once it has been announced; under the lock of the Registry
}

// NewReservation is for a session that a request asks for.
func NewReservation(r *http.Request, kind Kind, name string) *Reservation {
	right := rightOf(r)
	return &Reservation{Kind: kind, name: name, client: ClientOf(r), address: r.RemoteAddr, right: right, free: right.Shared}
}

// NewPull is for a session in which a stream comes from another server, whose address that is as far as it is known.
func NewPull(stream, address string) *Reservation {
	return &Reservation{Kind: KindPull, name: stream, address: address, free: true}
}

// NewForward is for a session that sends a stream to another server, which is called address.
func NewForward(stream, address string) *Reservation {
	return &Reservation{Kind: KindForward, name: stream, address: address, free: true}
}

// Address is host:port that the request came from.
func (at *Reservation) Address() string { return at.address }

// publishes is the stream that the session is to publish, or "".
func (at *Reservation) publishes() string {
	if at.Kind.publishes() {
		return at.name
	}
	return ""
}
