package viewers

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/viewers/cmcd"
	"github.com/sluice-live/sluice/public/rates"
)

// Window is how long a viewer is counted after the last that was heard of it.
const Window = 30 * time.Second

const (
	maxQueue = 1024 // requests that have been noted and not looked at; what comes then is not noted
	// maxOfStream and maxOfAll bound viewers, of whom the one that has been silent for longest is forgotten.
	maxOfStream = 50_000
	maxOfAll    = 100_000

	lookEvery   = time.Second
	rotateEvery = 24 * time.Hour
	statsFor    = time.Second // how old what is told of a stream may be
)

// protocol is what a viewer watches over.
type protocol byte

const (
	overHLS protocol = iota
	overDASH
	protocols
)

// Options are what a counter needs.
type Options struct {
	Live func(stream string) bool         // reports whether there is such a stream; others are not counted
	Tell func(stream string, viewers int) // is told every second how many there are of a live stream; nil: nobody is told
}

// Counts are of everything since the start.
type Counts struct {
	Reports   uint64 // read, with requests or by themselves
	Refused   uint64 // that could not be read, were of no stream that is live, or one client told too many of
	Missed    uint64 // requests that were not noted because too many came at once
	Forgotten uint64 // viewers that were forgotten because there were too many
}

// Counter counts viewers. It may be used by many goroutines.
type Counter struct {
	options  Options
	queue    chan request
	names    atomic.Pointer[map[string]string] // of streams with viewers, to themselves
	secret   atomic.Pointer[secret]            // of today
	sessions secret

	reports, refused, missed, forgotten atomic.Uint64

	mu      sync.Mutex
	streams map[string]*stream
	viewers int // of all streams
	clients rates.Clients[id]
	bounds  struct{ ofStream, ofAll int }
}

// request is one for media, as it is noted.
type request struct {
	stream string
	over   protocol
	plain  bool   // it is for a playlist or MPD: who does not tell is counted by it
	report string // that has come with it, or ""
	from   client
}

// New makes a counter, which counts once it runs.
func New(options Options) *Counter {
	c := &Counter{options: options, queue: make(chan request, maxQueue), streams: map[string]*stream{}, clients: rates.New[id](reportsEach, reportsBurst), sessions: newSecret()}
	c.bounds.ofStream, c.bounds.ofAll = maxOfStream, maxOfAll
	c.names.Store(&map[string]string{})
	c.rotate()
	return c
}

// Run looks at what is noted until ctx ends.
func (c *Counter) Run(ctx context.Context) error {
	look, rotate := time.NewTicker(lookEvery), time.NewTicker(rotateEvery)
	defer look.Stop()
	defer rotate.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-c.queue:
			c.note(r)
		case <-look.C:
			c.look()
		case <-rotate.C:
			c.rotate()
		}
	}
}

// Counts tells what has been counted.
func (c *Counter) Counts() Counts {
	return Counts{c.reports.Load(), c.refused.Load(), c.missed.Load(), c.forgotten.Load()}
}

// Of notes the requests for live media that go to next, which are those that have the right to it. The path has the names of the stream and
// the file.
func (c *Counter) Of(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.watch(r)
		next.ServeHTTP(w, r)
	})
}

// watch notes a request. It neither waits nor allocates, unless the request has a report with it.
func (c *Counter) watch(r *http.Request) {
	file := r.PathValue("file")
	noted := request{plain: true}
	switch {
	case r.Method != http.MethodGet:
		return
	case strings.HasSuffix(file, ".m3u8"):
	case strings.HasSuffix(file, ".mpd"):
		noted.over = overDASH
	default:
		noted.plain = false
	}
	if noted.report = cmcd.OfRequest(r); noted.report == "" && !noted.plain {
		return
	}
	noted.stream = c.name(r.PathValue("stream"))
	noted.from = c.secret.Load().clientOf(r)
	select {
	case c.queue <- noted:
	default:
		c.missed.Add(1)
	}
}

// name is a stream's name that does not hold the request which it comes from.
func (c *Counter) name(stream string) string {
	if own, ok := (*c.names.Load())[stream]; ok {
		return own
	}
	return strings.Clone(stream)
}

// note counts who has made a request.
func (c *Counter) note(r request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stream(r.stream)
	if s == nil {
		return
	}
	if r.report != "" {
		report, err := cmcd.Parse(r.report)
		if err == nil {
			c.count(s, report, r.from, r.over)
			return
		}
		c.refused.Add(1)
	}
	if r.plain {
		c.countReader(s, r.from, r.over)
	}
}

// stream finds a stream, or begins to count the viewers of one that is live. It is nil for others. c.mu is held.
func (c *Counter) stream(name string) *stream {
	s := c.streams[name]
	if s == nil && c.options.Live(name) {
		s = newStream()
		name = strings.Clone(name) // or it holds what it was read from
		c.streams[name] = s
		c.publishNames()
	}
	return s
}

// publishNames has the names of streams found without a lock. c.mu is held.
func (c *Counter) publishNames() {
	names := make(map[string]string, len(c.streams))
	for name := range c.streams {
		names[name] = name
	}
	c.names.Store(&names)
}

// look forgets who has gone, and streams that are over, and tells how many viewers there are.
func (c *Counter) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, gone := time.Now(), false
	for name, s := range c.streams {
		if !c.options.Live(name) {
			c.viewers -= len(s.viewers)
			delete(c.streams, name)
			gone = true
			continue
		}
		for v := s.oldest(); v != nil && now.Sub(v.heard) >= Window; v = s.oldest() {
			c.remove(s, v)
		}
		if c.options.Tell != nil {
			c.options.Tell(name, len(s.viewers))
		}
	}
	if gone {
		c.publishNames()
	}
}

// rotate begins to hash with another secret. Who was known by the old one alone is counted again with the next request.
func (c *Counter) rotate() {
	today := newSecret()
	c.secret.Store(&today)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients = rates.New[id](reportsEach, reportsBurst)
	for _, s := range c.streams {
		for _, v := range s.viewers {
			if !v.tells {
				c.remove(s, v)
			}
		}
	}
}

// Stats tells of the viewers of a stream, as they were up to a second ago.
func (c *Counter) Stats(stream string) Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[stream]
	if s == nil {
		return Stats{}
	}
	if now := time.Now(); s.toldAt.IsZero() || now.Sub(s.toldAt) >= statsFor {
		s.told, s.toldAt = s.stats(now), now
	}
	return s.told
}
