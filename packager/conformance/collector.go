package conformance

import (
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-live/sluice/packager/dash"
)

// maxBody bounds an answer, bytes; what is longer is cut and shows as a broken file.
const maxBody = 64 << 20

// Collector takes everything that a live stream offers: its playlists and its MPD every so often, each init and media
// segment once, as soon as a playlist lists it or the MPD's clock makes it available. Answers stay in memory.
type Collector struct {
	// Base is the URL that the stream's files lie under, ending in a slash: http://127.0.0.1:8080/live/name/
	Base string
	// Client is how to ask; redirects are not followed, and idle connections are closed at the end. Default
	// http.DefaultClient.
	Client *http.Client
	// Every is the time between two rounds. Default 500 ms.
	Every time.Duration
	// LowLatency follows the media playlists by blocking reloads with their parts instead, and takes DASH segments as they
	// grow.
	LowLatency bool

	mu     sync.Mutex
	visits []Visit
	taken  map[string]bool // segments asked for
	failed error           // last transport error
}

// Run collects until ctx is done, which is no error. Requests that get no answer are repeated in the next round; only
// when none ever got one is the last failure returned.
func (c *Collector) Run(ctx context.Context) error {
	var g errgroup.Group
	rounds := []func(context.Context){c.roundHLS, c.roundDASH}
	if c.LowLatency {
		rounds = []func(context.Context){c.follow, c.roundDASH, c.roundGrowing}
	}
	for _, round := range rounds {
		g.Go(func() error {
			c.repeat(ctx, round)
			return nil
		})
	}
	_ = g.Wait()
	c.client().CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.visits) == 0 {
		return fmt.Errorf("collect %s: %w", c.Base, c.failed)
	}
	return nil
}

// Visits returns what was collected so far, by time.
func (c *Collector) Visits() []Visit {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.visits)
	slices.SortStableFunc(all, func(a, b Visit) int { return a.At.Compare(b.At) })
	return all
}

func (c *Collector) repeat(ctx context.Context, round func(context.Context)) {
	tick := time.NewTicker(cmp.Or(c.Every, 500*time.Millisecond))
	defer tick.Stop()
	for {
		round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *Collector) roundHLS(ctx context.Context) {
	index := c.playlist(ctx, c.Base+"index.m3u8")
	if index == nil {
		return
	}
	for _, name := range index.renditions() {
		if p := c.playlist(ctx, name); p != nil {
			c.takeSegments(ctx, p)
		}
	}
}

// renditions are the URLs of the media playlists.
func (p *playlist) renditions() []string {
	var names []string
	for _, v := range p.variants {
		names = append(names, v.uri)
	}
	for _, m := range p.media {
		if uri := m["URI"]; uri != "" {
			names = append(names, p.visit.resolve(uri))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (c *Collector) takeSegments(ctx context.Context, p *playlist) {
	for _, s := range p.segments {
		if !s.gap {
			c.once(ctx, s.init)
			c.once(ctx, s.uri)
		}
	}
}

func (c *Collector) playlist(ctx context.Context, url string) *playlist {
	v, ok := c.get(ctx, url)
	if !ok || v.Status != http.StatusOK {
		return nil
	}
	p, err := parsePlaylist(&v)
	if err != nil {
		return nil // CheckHLS says so
	}
	return p
}

func (c *Collector) roundDASH(ctx context.Context) {
	v, ok := c.get(ctx, c.Base+"manifest.mpd")
	if !ok || v.Status != http.StatusOK {
		return
	}
	mpd, err := dash.Parse(v.Body)
	if err != nil {
		return // CheckDASH says so
	}
	m := newManifest(mpd, &v)
	now := time.Duration(mpd.MediaPresentationDuration)
	if m.dynamic() {
		now = time.Since(mpd.AvailabilityStartTime)
	}
	m.each(func(s stream) {
		c.once(ctx, s.init())
		for _, at := range s.slots(now) {
			end := s.end(at)
			if !m.dynamic() || (end <= now && end > now-time.Duration(mpd.TimeShiftBufferDepth)) {
				c.once(ctx, s.urls()(at.number))
			}
		}
	})
}

// once asks for a segment that was not asked for yet.
func (c *Collector) once(ctx context.Context, url string) {
	if url == "" || ctx.Err() != nil || !c.take(url) {
		return
	}
	if _, ok := c.get(ctx, url); !ok {
		c.mu.Lock()
		delete(c.taken, url)
		c.mu.Unlock()
	}
}

func (c *Collector) take(url string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken == nil {
		c.taken = make(map[string]bool)
	}
	first := !c.taken[url]
	c.taken[url] = true
	return first
}

// get asks and keeps the answer; ok is false when there was none.
func (c *Collector) get(ctx context.Context, url string) (v Visit, ok bool) {
	v, err := c.fetch(ctx, url)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failed = err
		return v, false
	}
	c.visits = append(c.visits, v)
	return v, true
}

func (c *Collector) client() *http.Client { return cmp.Or(c.Client, http.DefaultClient) }

func (c *Collector) fetch(ctx context.Context, url string) (Visit, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Visit{}, err
	}
	// Said here, so that the transport leaves the answer's Content-Encoding visible.
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("Origin", "http://player.example")
	client := *c.client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	asked := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return Visit{}, err
	}
	begun := time.Now()
	defer resp.Body.Close()
	body, err := readBody(resp)
	if err != nil {
		return Visit{}, fmt.Errorf("read %s: %w", url, err)
	}
	return Visit{Asked: asked, Begun: begun, At: time.Now(), URL: url, Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

func readBody(resp *http.Response) ([]byte, error) {
	var r io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		r = z
	}
	return io.ReadAll(io.LimitReader(r, maxBody))
}
