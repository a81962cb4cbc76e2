package packager

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sluice-live/sluice/public/panics"
)

// Run follows the files of all epochs, keeps house and finishes recordings, those too that an earlier process left
// unfinished, until ctx ends. It returns when everything that it started has ended. Streams that are still open then stay
// open in their log: the next process continues them. A panic ends none of this: what has failed begins anew.
func (p *Packager) Run(ctx context.Context) error {
	var group, streams sync.WaitGroup
	running := make(map[*Stream]bool)
	keep := func(where string, run func(context.Context)) {
		group.Go(func() { panics.Keep(ctx, p.opts.Logger, where, func() { run(ctx) }) })
	}
	keep("the watching of files", p.watcher.run)
	keep("the packaging of streams", func(ctx context.Context) { p.runStreams(ctx, &streams, running) })
	keep("the housekeeping", p.runKeeper)
	keep("the deleting", p.runSweeper)
	keep("the finishing of recordings", p.recordings.Run)
	group.Wait()
	streams.Wait()
	return nil
}

// runStreams runs each stream in a goroutine of its own until ctx ends: none waits for the disk of another. It does not wait for them.
func (p *Packager) runStreams(ctx context.Context, streams *sync.WaitGroup, running map[*Stream]bool) {
	for {
		all := p.all()
		maps.DeleteFunc(running, func(s *Stream, _ bool) bool { return !slices.Contains(all, s) })
		for _, s := range all {
			if running[s] {
				continue
			}
			running[s] = true
			log := p.logOf(s)
			streams.Go(func() { panics.Keep(ctx, log, "the packaging of a stream", func() { p.runStream(ctx, s) }) })
			if s.push != nil {
				streams.Go(func() { panics.Keep(ctx, log, "the push of a stream", func() { s.push.Run(ctx) }) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		}
	}
}

func (p *Packager) logOf(s *Stream) *slog.Logger { return p.opts.Logger.With("stream", s.Name()) }

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
