package ingest

import (
	"sync"
	"time"

	"github.com/sluice-live/sluice/ingest/session"
	"golang.org/x/time/rate"
)

// maxClients bounds the clients whose rate is remembered.
const maxClients = 8192

// rateLimiter gives each client a token bucket.
type rateLimiter struct {
	rate rate.Limit

	mu      sync.Mutex
	buckets map[session.Client]*rate.Limiter
}

func newRateLimiter(perSecond float64) *rateLimiter {
	return &rateLimiter{rate: rate.Limit(perSecond), buckets: map[session.Client]*rate.Limiter{}}
}

func (l *rateLimiter) allow(c session.Client, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[c]
	if b == nil {
		if len(l.buckets) >= maxClients {
			l.forget(now)
		}
		if len(l.buckets) >= maxClients {
			return false
		}
		b = rate.NewLimiter(l.rate, l.burst())
		l.buckets[c] = b
	}
	return b.AllowN(now, 1)
}

func (l *rateLimiter) burst() int { return max(int(float64(l.rate)*burstSeconds), 1) }

// forget drops the buckets that are full again: a new one would be no different.
func (l *rateLimiter) forget(now time.Time) {
	for c, b := range l.buckets {
		if b.TokensAt(now) >= float64(l.burst()) {
			delete(l.buckets, c)
		}
	}
}
