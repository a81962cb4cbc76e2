package relay

import (
	"container/list"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/public/panics"
)

const (
	// sweepEvery is how often what nobody can use any more is dropped, and idleAfter for how long what may be kept is kept unused.
	sweepEvery = 10 * time.Second
	idleAfter  = 5 * time.Minute
	// maxBody bounds one answer, bytes: a day's playlist has some 5 MB.
	maxBody = 64 << 20
	// overhead is what an answer takes beside its body, bytes, roughly.
	overhead = 1 << 10
)

// Options says whom to ask, and how much.
type Options struct {
	Origin    *url.URL          // whose path, if any, is before that of each request
	Transport http.RoundTripper // to the origin; it must not unpack what is compressed
	// Prepare gives a request to the origin what the origin is to know: who asks, and by which way. nil: nothing.
	Prepare func(*http.Request)
	// Pass answers a request whose answer is for its client alone.
	Pass     http.Handler
	MaxBytes int64 // of answers, kept and under way
	Requests int   // to the origin at once
	Logger   *slog.Logger
}

// Stats is what has been counted.
type Stats struct {
	Requests uint64 // of clients, but those that were passed on alone
	Passed   uint64 // those
	Hits     uint64 // of Requests: answered by what was kept, or was under way for others
	Upstream uint64 // requests to the origin
	Failures uint64 // of those: without an answer, or with one that broke off
	Refused  uint64 // requests for which there was no place
	BytesIn  uint64 // of bodies, from the origin
	BytesOut uint64 // of bodies, to clients
	Bytes    int64  // of answers now, kept and under way
	Answers  int    // now
	Waiting  int    // requests to the origin under way
}

// Cache is an http.Handler of live media that another server makes.
type Cache struct {
	options Options

	requests, passed, hits, upstream, failures, refused, in, out atomic.Uint64

	mu      sync.Mutex
	answers map[string]*answer // kept, or under way for who asks
	kept    list.List          // of *answer, the newest in use first
	bytes   int64
	asking  int // requests to the origin
	swept   time.Time
}

// New makes a Cache.
func New(o Options) *Cache {
	return &Cache{options: o, answers: map[string]*answer{}, swept: time.Now()}
}

// Stats returns what has been counted.
func (c *Cache) Stats() Stats {
	s := Stats{
		Requests: c.requests.Load(), Passed: c.passed.Load(), Hits: c.hits.Load(), Upstream: c.upstream.Load(), Failures: c.failures.Load(),
		Refused: c.refused.Load(), BytesIn: c.in.Load(), BytesOut: c.out.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Bytes, s.Answers, s.Waiting = c.bytes, len(c.answers), c.asking
	return s
}

var errFull = errors.New("there are too many requests to the origin")

// join returns the answer to a name, for which the origin is asked if nobody else has. leads reports that it has been asked for this request.
func (c *Cache) join(n wanted, r *http.Request) (a *answer, leads bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.swept) >= sweepEvery {
		c.sweep(now)
	}
	key := n.key()
	if a = c.answers[key]; a != nil && a.joinable(now) {
		a.waiting++
		a.used = now
		if a.place != nil {
			c.kept.MoveToFront(a.place)
		}
		return a, false, nil
	}
	if a != nil {
		c.forget(a)
	}
	if c.asking >= c.options.Requests {
		return nil, false, errFull
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	a = newAnswer(key, cancel)
	a.waiting = 1
	c.answers[key] = a
	c.asking++
	via := slices.Clone(r.Header["Via"])
	panics.Go(c.options.Logger, "a request to the origin", func() { c.fetch(ctx, a, n, via) })
	return a, true, nil
}

// leave is for who has had what it wanted of an answer, or wants no more.
func (c *Cache) leave(a *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.waiting--; a.waiting > 0 {
		return
	}
	if s, _ := a.now(); !s.ended {
		c.forget(a)
		a.cancel()
	}
}

// forget lets nobody else have an answer. c.mu is held.
func (c *Cache) forget(a *answer) {
	if c.answers[a.key] == a {
		delete(c.answers, a.key)
	}
	if a.place != nil {
		c.kept.Remove(a.place)
		a.place = nil
		c.bytes -= a.counted
		a.counted = 0
	}
}

// hide is forget for who does not hold c.mu.
func (c *Cache) hide(a *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(a)
}

// grow makes room for more bytes of an answer: what has not been used for longest goes. It reports whether there is room.
func (c *Cache) grow(a *answer, by int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.counted += int64(by)
	c.bytes += int64(by)
	for c.bytes > c.options.MaxBytes {
		oldest := c.kept.Back()
		if oldest == nil {
			return false
		}
		c.forget(oldest.Value.(*answer))
	}
	return true
}

// end is for an answer of which no more comes. It is kept if it may be.
func (c *Cache) end(a *answer) {
	s, _ := a.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asking--
	if c.answers[a.key] == a && s.err == nil && s.head.fresh(time.Now()) {
		a.place = c.kept.PushFront(a)
		return
	}
	c.forget(a)
	c.bytes -= a.counted
	a.counted = 0
}

// sweep drops what is not fresh any more, or has not been used for long. c.mu is held.
func (c *Cache) sweep(now time.Time) {
	c.swept = now
	for at := c.kept.Front(); at != nil; {
		a := at.Value.(*answer)
		at = at.Next()
		if !a.joinable(now) || now.Sub(a.used) > idleAfter {
			c.forget(a)
		}
	}
}
