package stills

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

const (
	// each client may have so many pictures a second made, and a burst of them at once. Those that are remembered cost nothing.
	each, burst = 5, 20
	// maxClients bounds those who are known. Those who have asked for nothing for a while are forgotten first.
	maxClients = 4096
)

// clients are the limits of who asks.
type clients map[string]*rate.Limiter

// allow reports whether a client may have one more picture made.
func (c clients) allow(client string, now time.Time) bool {
	limit := c[client]
	if limit == nil {
		c.forget(now)
		limit = rate.NewLimiter(each, burst)
		c[client] = limit
	}
	return limit.AllowN(now, 1)
}

// forget makes room for other clients when there are too many: of all who may ask as if they were new, and if need be of anybody, an eighth
// of them at once.
func (c clients) forget(now time.Time) {
	if len(c) < maxClients {
		return
	}
	for client, limit := range c {
		if limit.TokensAt(now) >= burst {
			delete(c, client)
		}
	}
	for client := range c {
		if len(c) < maxClients*7/8 {
			return
		}
		delete(c, client)
	}
}

// clientOf is who asks from an address: of IPv6 a whole network of 64 bits is one.
func clientOf(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return ""
	}
	host := at.Addr().Unmap()
	bits := host.BitLen()
	if host.Is6() {
		bits = 64
	}
	network, _ := host.WithZone("").Prefix(bits)
	return network.String()
}
