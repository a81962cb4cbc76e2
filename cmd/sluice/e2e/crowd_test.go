package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crowd is a number of viewers of LL-HLS at the live edge. Each has two connections: one asks for the playlist that has the
// next part (rfc8216bis §6.2.5.2), the other for that part (§6.2.6), and both wait at the service.
type crowd struct {
	base, playlist string // http://127.0.0.1:1, /live/name/240p.m3u8
	header         string // of all requests
	seed           maphash.Seed
	answered       atomic.Int64 // requests, so far

	mu       sync.Mutex
	versions map[uint64]*listing // of the playlist, by what was sent; each is read once
	parts    map[string]piece    // by path
	faults   []string
	answers  statuses
	waits    []wait
}

// piece is a part as its first viewer got it.
type piece struct {
	digest uint64
	size   int64
}

// wait is one answer that had to be waited for.
type wait struct {
	part position // whose writing ended it
	at   time.Time
}

func newCrowd(s *service, playlist, header string) *crowd {
	return &crowd{
		base: s.base, playlist: playlist, header: header, seed: maphash.MakeSeed(),
		versions: map[uint64]*listing{}, parts: map[string]piece{}, answers: statuses{},
	}
}

// watch lets the viewers watch until ctx ends; all have come after ramp.
func (c *crowd) watch(ctx context.Context, viewers int, ramp time.Duration) {
	var watching sync.WaitGroup
	for n := range viewers {
		watching.Go(func() {
			sleepUntil(ctx, time.Now().Add(ramp*time.Duration(n)/time.Duration(viewers)))
			v := &crowdViewer{crowd: c, answers: statuses{}, hints: make(chan hinted, 8)}
			v.watch(ctx)
		})
	}
	watching.Wait()
}

// crowdViewer is one of them. What it finds it keeps until it goes.
type crowdViewer struct {
	*crowd
	hints chan hinted

	mu      sync.Mutex
	answers statuses
	waits   []wait
}

type hinted struct {
	path string
	part position
}

func (v *crowdViewer) watch(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() {
		defer close(v.hints)
		v.connect(ctx, v.reload)
	})
	running.Go(func() { v.connect(ctx, v.takeParts) })
	running.Wait()
	v.crowd.mu.Lock()
	defer v.crowd.mu.Unlock()
	v.crowd.answers.add(v.answers)
	v.crowd.waits = append(v.crowd.waits, v.waits...)
}

// connect does something with a connection, which ctx ends.
func (v *crowdViewer) connect(ctx context.Context, do func(ctx context.Context, w *wire) error) {
	w, err := dialWire(v.base, v.header)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = w.conn.Close() })
		defer stop()
		defer w.conn.Close()
		err = do(ctx, w)
	}
	if err != nil && ctx.Err() == nil {
		v.fault("%v", err)
	}
}

func (v *crowdViewer) reload(ctx context.Context, w *wire) error {
	url := v.playlist
	var asked position
	for ctx.Err() == nil {
		status, err := w.get(url, nil)
		if err != nil {
			return err
		}
		v.count(status, url != v.playlist, asked)
		if status != http.StatusOK {
			return fmt.Errorf("%s: %d %s", url, status, w.body)
		}
		l, err := v.read(w.body)
		if err != nil {
			return fmt.Errorf("%s: %w", url, err)
		}
		if url != v.playlist && !asked.before(l.next) {
			return fmt.Errorf("%s: the answer ends before %v", url, l.next)
		}
		if l.ended {
			return nil
		}
		asked = l.next
		url = fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=%d", v.playlist, asked.msn, asked.part)
		select {
		case v.hints <- hinted{strings.TrimPrefix(l.hint, v.base), asked}:
		case <-ctx.Done():
		}
	}
	return nil
}

func (v *crowdViewer) takeParts(ctx context.Context, w *wire) error {
	for hint := range v.hints {
		status, err := w.get(hint.path, nil)
		if err != nil {
			return err
		}
		v.count(status, true, hint.part)
		switch status {
		case http.StatusOK:
			v.keep(hint.path, w.body)
		case http.StatusNotFound: // the stream has ended before the part
		default:
			return fmt.Errorf("%s: %d %s", hint.path, status, w.body)
		}
	}
	return nil
}

func (v *crowdViewer) count(status int, waited bool, part position) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answers[status]++
	v.crowd.answered.Add(1)
	if waited {
		v.waits = append(v.waits, wait{part, time.Now()})
	}
}

// read gives the playlist in an answer.
func (c *crowd) read(body []byte) (*listing, error) {
	key := maphash.Bytes(c.seed, body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.versions[key]; l != nil {
		return l, nil
	}
	text := body
	if strings.Contains(c.header, "gzip") {
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if text, err = io.ReadAll(unpacked); err != nil {
			return nil, err
		}
	}
	l := parseListing(c.base+c.playlist, string(text))
	c.versions[key] = l
	return l, nil
}

// keep checks that everybody gets the same part.
func (c *crowd) keep(path string, body []byte) {
	got := piece{maphash.Bytes(c.seed, body), int64(len(body))}
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, known := c.parts[path]; !known {
		c.parts[path] = got
	} else if first != got {
		c.faults = append(c.faults, path+" has two contents")
	}
}

func (c *crowd) fault(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

func (c *crowd) seen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.versions)
}

func (c *crowd) requireSound(t testing.TB) {
	t.Helper()
	require.Empty(t, c.faults[:min(len(c.faults), 5)], "%d faults", len(c.faults))
	require.Zero(t, c.answers.faulty(), "%v", c.answers)
}

// However many wait for a playlist, it is rendered once for all of them; all get the same parts, and none is forgotten.
func TestCrowd(t *testing.T) {
	alongside(t, light)
	const viewers = 200
	s := startService(t, "--ladder", smallRung, "--linger", "1s")
	p := newPublisher(t, s, "crowd")
	p.send()
	s.waitState("crowd", "live")
	waitSegment(t, s, "/live/crowd/240p.m3u8")
	renders := func() int { return int(s.metric(`sluice_playlist_renders_total{stream="crowd"}`)) }
	alone, before := s.metric("go_goroutines"), renders()
	c := newCrowd(s, "/live/crowd/240p.m3u8", "Accept-Encoding: gzip\r\n")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var watching sync.WaitGroup
	watching.Go(func() { c.watch(ctx, viewers, time.Second) })
	eventually(t, func() bool { return s.metric("go_goroutines") > alone+viewers }, "nobody waits")
	eventually(t, func() bool { return c.answered.Load() > 40*viewers }, "they get nothing")
	stop()
	watching.Wait()
	made, seen := renders()-before, c.seen()
	t.Logf("%v answers, %d versions of the playlist, made %d times", c.answers, seen, made)
	c.requireSound(t)
	require.Greater(t, c.answers[http.StatusOK], 20*viewers)
	// The last may have been made for viewers who were gone before they had it.
	require.LessOrEqual(t, made, seen+1)
	eventually(t, func() bool { return s.metric("go_goroutines") < alone+20 }, "viewers who have gone still wait")
	p.stop()
}

// waitSegment waits until a segment of the playlist is whole, and returns the name of its epoch.
func waitSegment(t testing.TB, s *service, playlist string) (epoch string) {
	t.Helper()
	eventually(t, func() bool {
		_, _, body := s.get(playlist)
		for _, name := range parseListing(playlist, string(body)).segments {
			if status, _, _ := s.get(name); status == http.StatusOK { // and not a gap
				epoch = path.Base(path.Dir(name))
			}
		}
		return epoch != ""
	}, "no segment")
	return epoch
}
