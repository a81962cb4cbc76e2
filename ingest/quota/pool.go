package quota

import (
	"errors"
	"net/netip"
	"sync"
)

// Client is whose use is counted together: an IPv4 address, or the /64 of an IPv6 one. The zero value stands for all whose address is not
// known.
type Client = netip.Prefix

// ClientOf is the client at host:port.
func ClientOf(address string) Client {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return Client{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.Prefix(bits) // bits fit by construction
	return prefix
}

// Why there is no place.
var (
	ErrFull  = errors.New("all places are taken")
	ErrShare = errors.New("the client has all the places that it may have")
)

// Pool is a number of places, of which each client may have some. It may be used by many goroutines.
type Pool struct {
	most, share int

	mu      sync.Mutex
	taken   int
	clients map[Client]int
}

// NewPool makes a pool of most places, of which a client may have its share.
func NewPool(most, share int) *Pool {
	return &Pool{most: most, share: share, clients: map[Client]int{}}
}

// Take takes a place for the client, which Release gives back, unless there is an error: ErrShare or ErrFull.
func (p *Pool) Take(c Client) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.clients[c] >= p.share:
		return ErrShare
	case p.taken >= p.most:
		return ErrFull
	}
	p.taken++
	p.clients[c]++
	return nil
}

// Release gives a place of the client back.
func (p *Pool) Release(c Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.clients[c]--; p.clients[c] == 0 {
		delete(p.clients, c)
	}
}

// Taken is how many places are taken.
func (p *Pool) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}
