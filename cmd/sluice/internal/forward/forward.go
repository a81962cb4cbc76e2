package forward

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/panics"
)

const (
	// leastPause and mostPause are between two tries; each pause is twice the one before, and the first again after a connection that lasted.
	leastPause, mostPause = time.Second, 30 * time.Second
	lasted                = 30 * time.Second
	// connectWithin is what a target has to take the stream.
	connectWithin = 15 * time.Second
	// lastWithin is for what is left at the end of a stream.
	lastWithin = 3 * time.Second
)

// Options of a Stream.
type Options struct {
	Stream  string
	Targets []Target
	Source  Source
	// WebRTC sends the stream to those of WHIP.
	WebRTC WebRTC
	// TLS is the configuration of clients; nil: the system's.
	TLS    *tls.Config
	Logger *slog.Logger
}

// Stream forwards one broadcast to its targets.
type Stream struct {
	targets []*run
	ended   chan struct{} // closed by End
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// run forwards to one target.
type run struct {
	Target
	options Options
	url     *url.URL
	log     *slog.Logger
	bytes   atomic.Uint64
	session atomic.Pointer[session.Session] // of WHIP, while it is connected

	mu    sync.Mutex // of the state; held for no I/O
	state State
}

// Begin forwards a stream until End.
func Begin(o Options) *Stream {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Stream{ended: make(chan struct{}), cancel: cancel}
	for _, t := range o.Targets {
		u, err := t.at(o.Stream)
		if err != nil {
			continue // Validate has refused it
		}
		r := &run{Target: t, options: o, url: u, log: o.Logger.With("stream", o.Stream, "to", t.Name()), state: State{Target: t.Name(), State: StateWaiting}}
		s.targets = append(s.targets, r)
		s.running.Go(func() { panics.Keep(ctx, r.log, "the forwarding of a stream", func() { r.run(ctx, s.ended) }) })
	}
	return s
}

// End sends what is left, for 3 s at most, and waits for the end of all.
func (s *Stream) End() {
	close(s.ended)
	late := panics.AfterFunc(lastWithin, nil, "the end of a forwarded stream", s.cancel)
	s.running.Wait()
	late.Stop()
	s.cancel()
}

// States are those of the targets, in the order of the configuration.
func (s *Stream) States() (all []State) {
	for _, r := range s.targets {
		r.mu.Lock()
		state := r.state
		r.mu.Unlock()
		state.Bytes = r.bytes.Load()
		if connected := r.session.Load(); connected != nil {
			state.Bytes += connected.Sent()
		}
		all = append(all, state)
	}
	return all
}

// run connects, and connects again, until the stream has ended or ctx ends.
func (r *run) run(ctx context.Context, ended <-chan struct{}) {
	defer r.change(func(s *State) { s.State, s.Since = StateEnded, time.Time{} })
	pause := time.Duration(0)
	for {
		began := time.Now()
		err := r.try(ctx, ended)
		if err == nil || ctx.Err() != nil {
			return
		}
		if errors.Is(err, ingest.ErrNotPublished) || errors.Is(err, session.ErrCodecChanged) { // which is nobody's fault
			r.change(func(s *State) { s.State, s.Since = StateWaiting, time.Time{} })
			select {
			case <-ended:
				return
			case <-time.After(leastPause):
			}
			continue
		}
		if time.Since(began) > lasted {
			pause = 0
		}
		pause = min(max(leastPause, 2*pause), mostPause)
		r.fail(err, pause)
		select {
		case <-ended:
			return
		case <-time.After(pause):
		}
		r.change(func(s *State) { s.Retries++ })
	}
}

// try forwards over one connection.
func (r *run) try(ctx context.Context, ended <-chan struct{}) error {
	if strings.HasPrefix(r.url.Scheme, "http") {
		return r.publish(ctx, ended)
	}
	return r.connection(ctx, ended)
}

// connection forwards over one connection. Without an error the stream has ended.
func (r *run) connection(ctx context.Context, ended <-chan struct{}) error {
	newest, wake, stop := r.follow()
	defer stop()
	media := newReader(r.options.Source.Open)
	for !media.start(newest.Load()) {
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		}
	}
	r.connecting()
	out, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer out.close()
	defer context.AfterFunc(ctx, func() { _ = panics.Contain(r.log, "the end of a forwarded stream", out.close) })()
	if now := newest.Load(); !media.start(now) { // which is newer by now
		return nothingLeft(now)
	}
	if err := out.describe(media.formatsAt(newest.Load())); err != nil {
		return err
	}
	r.change(func(s *State) { s.State, s.Since, s.Error = StateForwarding, time.Now(), "" })
	r.log.Info("stream is forwarded")
	return r.feed(media, out, newest, wake, ended)
}

// errNothing says that what was there to begin with has left the playlists while the target was connected to.
var errNothing = errors.New("nothing of the stream is there to begin with")

// nothingLeft is why there is nothing to begin with: nil where the stream has ended.
func nothingLeft(now *timeline.Snapshot) error {
	if now.Ended {
		return nil
	}
	return errNothing
}

// feed sends what is listed as it comes.
func (r *run) feed(media *reader, out outlet, newest *atomic.Pointer[timeline.Snapshot], wake <-chan struct{}, ended <-chan struct{}) error {
	told := uint64(0)
	for over := false; ; {
		err := media.advance(newest.Load(), out.write)
		if dropped := media.dropped + out.lost() - told; dropped > 0 {
			told += dropped
			r.change(func(s *State) { s.Dropped += dropped })
		}
		switch {
		case errors.Is(err, io.EOF) && newest.Load().Ended, over && err == nil:
			out.finish()
			return nil
		case err != nil:
			return cmp.Or(out.why(), err)
		}
		select {
		case <-wake:
		case <-out.done():
			return cmp.Or(out.why(), io.EOF)
		case <-ended:
			over = true
		}
	}
}

// follow keeps the newest snapshot, and wakes for each.
func (r *run) follow() (newest *atomic.Pointer[timeline.Snapshot], wake chan struct{}, stop func()) {
	newest, wake = &atomic.Pointer[timeline.Snapshot]{}, make(chan struct{}, 1)
	stop = r.options.Source.Watch(func(now *timeline.Snapshot) {
		newest.Store(now)
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	return newest, wake, stop
}

// open connects to the target.
func (r *run) open(ctx context.Context) (outlet, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectWithin, fmt.Errorf("no connection after %v", connectWithin))
	defer cancel()
	sent := func(n int) { r.bytes.Add(uint64(n)) }
	switch r.url.Scheme {
	case "rtmp", "rtmps":
		return openRTMP(ctx, r.url, r.options.TLS, sent)
	case "srt":
		return openSRT(ctx, r.url, sent)
	}
	return nil, net.UnknownNetworkError(r.url.Scheme)
}
