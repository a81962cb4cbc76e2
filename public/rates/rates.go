// Package rates bounds how often each of many clients may do something, and how many of them are remembered. It knows neither what they do
// nor who they are.
package rates

import (
	"time"

	"golang.org/x/time/rate"
)

// Most is how many clients are remembered. Those who have done nothing for a while are forgotten first.
const Most = 4096

// Clients are the limits of clients by a key that tells them apart. One goroutine at a time may use them.
type Clients[K comparable] struct {
	each  rate.Limit
	burst int
	known map[K]*rate.Limiter
}

// New lets each client do so much a second, and a burst of it at once.
func New[K comparable](each rate.Limit, burst int) Clients[K] {
	return Clients[K]{each, burst, map[K]*rate.Limiter{}}
}

// Allow reports whether a client may do so much more.
func (c Clients[K]) Allow(client K, n int, now time.Time) bool {
	limit := c.known[client]
	if limit == nil {
		c.forget(now)
		limit = rate.NewLimiter(c.each, c.burst)
		c.known[client] = limit
	}
	return limit.AllowN(now, n)
}

// Len is how many clients are remembered.
func (c Clients[K]) Len() int { return len(c.known) }

// forget makes room for other clients when there are too many: of all who may do as if they were new, and if need be of anybody, an eighth
// of them at once.
func (c Clients[K]) forget(now time.Time) {
	if len(c.known) < Most {
		return
	}
	for client, limit := range c.known {
		if limit.TokensAt(now) >= float64(c.burst) {
			delete(c.known, client)
		}
	}
	for client := range c.known {
		if len(c.known) < Most*7/8 {
			return
		}
		delete(c.known, client)
	}
}
