package ingest

import (
	"container/list"
	"sync"
	"time"

	"github.com/sluice-live/sluice/ingest/session"
	"golang.org/x/time/rate"
)

// maxClients bounds the clients whose rate is remembered. Beyond it the one that has asked for nothing for longest is forgotten: many
// clients at once must not keep others out.
const maxClients = 8192

// rateLimiter gives each client a token bucket.
type rateLimiter struct {
	rate rate.Limit

	mu      sync.Mutex
	clients map[session.Client]*list.Element
	recent  list.List // of *bucket, the one that has asked last at the front
}

// bucket is a client's.
type bucket struct {
	*rate.Limiter
	client session.Client
}

func newRateLimiter(perSecond float64) *rateLimiter {
	return &rateLimiter{rate: rate.Limit(perSecond), clients: map[session.Client]*list.Element{}}
}

func (l *rateLimiter) allow(c session.Client, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.clients[c]
	if e == nil {
		if len(l.clients) == maxClients {
			oldest := l.recent.Remove(l.recent.Back()).(*bucket)
			delete(l.clients, oldest.client)
		}
		e = l.recent.PushFront(&bucket{rate.NewLimiter(l.rate, l.burst()), c})
		l.clients[c] = e
	}
	l.recent.MoveToFront(e)
	return e.Value.(*bucket).AllowN(now, 1)
}

func (l *rateLimiter) burst() int { return max(int(float64(l.rate)*burstSeconds), 1) }
