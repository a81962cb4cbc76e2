package packager

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-live/sluice/public/panics"
)

// againAfter is the pause after a fault in the packaging of a stream.
const againAfter = time.Second

// Run follows the files of all epochs, keeps house and finishes recordings, those too that an earlier process left
// unfinished, until ctx ends. It returns when everything that it started has ended. Streams that are still open then stay
// open in their log: the next process continues them.
func (p *Packager) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.watcher.run(ctx) })
	group.Go(func() error { return p.runStreams(ctx) })
	group.Go(func() error { return p.runKeeper(ctx) })
	group.Go(func() error { return p.runSweeper(ctx) })
	group.Go(func() error { return p.recordings.Run(ctx) })
	return group.Wait()
}

// runStreams runs each stream in a goroutine of its own until ctx ends: none waits for the disk of another.
func (p *Packager) runStreams(ctx context.Context) error {
	var streams sync.WaitGroup
	defer streams.Wait()
	running := make(map[*Stream]bool)
	for {
		current := make(map[*Stream]bool)
		for _, s := range p.all() {
			if current[s] = true; !running[s] {
				streams.Go(func() { p.keepStream(ctx, s) })
				if s.push != nil {
					streams.Go(func() { _ = panics.Contain(p.opts.Logger, "the push of a stream", func() { s.push.Run(ctx) }) })
				}
			}
		}
		running = current
		select {
		case <-ctx.Done():
			return nil
		case <-p.changed:
		}
	}
}

// keepStream runs one stream, and again after a fault of ours: nobody else would follow its files.
func (p *Packager) keepStream(ctx context.Context, s *Stream) {
	for panics.Contain(p.opts.Logger, "the packaging of a stream", func() { p.runStream(ctx, s) }) != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(againAfter):
		}
	}
}

// runStream follows the files of one stream, and lists gaps for its parts that do not come, until it or ctx ends.
func (p *Packager) runStream(ctx context.Context, s *Stream) {
	tick := time.NewTicker(p.opts.Part / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.live.Done():
			return
		case <-s.live.Woken():
			s.live.Follow()
		case <-tick.C:
			s.live.Bridge(p.opts.Wall())
		}
	}
}
