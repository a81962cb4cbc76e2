package packager

import (
	"context"
	"time"

	"github.com/sluice-live/sluice/public/panics"
)

const (
	keepInterval      = time.Second
	retentionInterval = 30 * time.Second
	// restsFor is how long a stream goes without the part of the housekeeping that has failed of it.
	restsFor = time.Minute
)

// resting is until when a stream goes without a part of the housekeeping, which has failed of it. The others go on meanwhile.
type resting map[*Stream]time.Time

// each does something for each stream.
func (rs resting) each(p *Packager, streams []*Stream, where string, do func(*Stream)) {
	for s, until := range rs {
		if !time.Now().Before(until) {
			delete(rs, s)
		}
	}
	for _, s := range streams {
		if _, rests := rs[s]; !rests && panics.Contain(p.logOf(s), where, func() { do(s) }) != nil {
			rs[s] = time.Now().Add(restsFor)
		}
	}
}

// runKeeper syncs the logs, ends what nobody continues and writes the running recordings' playlists, once a second until ctx ends.
func (p *Packager) runKeeper(ctx context.Context) {
	tick := time.NewTicker(keepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			p.keep()
			return
		case <-tick.C:
			p.timed(p.keep)
		}
	}
}

// runSweeper deletes what is due, once a second until ctx ends. That may take long, and nothing else waits for it.
func (p *Packager) runSweeper(ctx context.Context) {
	tick := time.NewTicker(keepInterval)
	defer tick.Stop()
	var retained time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		began := time.Now()
		p.sweep()
		if time.Since(retained) >= retentionInterval {
			p.recordings.Retain()
			retained = time.Now()
		}
		if took := time.Since(began); took > slowDisk {
			p.opts.Logger.Warn("deleting has taken long; nothing has waited for it", "took", took)
		}
	}
}

// sweep does the deletions of one second.
func (p *Packager) sweep() {
	now, state := p.opts.Wall(), p.disk.Load()
	p.recordings.Spare()
	p.unswept.each(p, p.all(), "the deleting of old segments", func(s *Stream) {
		if state.below(reserve) {
			s.live.Shorten()
		}
		if err := s.live.Reap(now, state.below(reserve)); err != nil && state.Fault == "" {
			p.opts.Logger.Error("old segments could not be deleted", "stream", s.Name(), "error", err)
		}
		p.dropIfGone(s, now)
	})
}

// keep does the housekeeping of one second.
func (p *Packager) keep() {
	now, streams := p.opts.Wall(), p.all()
	var state Disk
	if len(streams) > 0 || p.disk.Load().Fault != "" {
		state = p.examine()
	}
	p.unkept.each(p, streams, "the housekeeping of a stream", func(s *Stream) {
		err := s.live.Keep()
		if s.live.Overdue(now) {
			p.endUnclaimed(s, now)
		}
		if err != nil && state.Fault == "" {
			p.opts.Logger.Error("timeline.log could not be kept", "stream", s.Name(), "error", err)
		}
		p.recordOn(s, now)
		s.endRecordings()
		s.endClips()
	})
	p.recordings.Keep()
}

// endUnclaimed ends a broadcast whose publisher did not come back, unless it was continued meanwhile.
func (p *Packager) endUnclaimed(s *Stream, now time.Time) {
	at := p.lock(s.Name())
	defer p.unlock(s.Name(), at)
	if !s.live.Overdue(now) {
		return
	}
	if err := s.End(); err != nil {
		p.opts.Logger.Error("stream could not be ended", "stream", s.Name(), "error", err)
	}
	if p.opts.OnUnclaimed != nil {
		p.opts.OnUnclaimed(s.Name(), s.Info().Started)
	}
}

// dropIfGone forgets an ended stream when its time has come: everything answers 404 then.
func (p *Packager) dropIfGone(s *Stream, now time.Time) {
	if !s.live.Gone(now) {
		return
	}
	at := p.lock(s.Name())
	defer p.unlock(s.Name(), at)
	if p.Stream(s.Name()) != s {
		return // a successor owns the files
	}
	p.set(at, nil)
	if err := s.live.Delete(); err != nil {
		p.opts.Logger.Error("ended stream could not be deleted", "stream", s.Name(), "error", err)
	}
}
