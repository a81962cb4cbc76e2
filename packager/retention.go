package packager

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	keepInterval      = time.Second
	retentionInterval = 30 * time.Second
)

// doomed is a file or directory that goes at a certain time.
type doomed struct {
	path string
	twin string // ffmpeg's name of the same bytes, empty when there is none; ffmpeg itself deletes it in time
	at   time.Time
}

// condemn lets a segment that has left the playlists go once nobody can ask for it any more.
func (t *Timeline) condemn(id string, s Segment, now time.Time) {
	t.doomed = append(t.doomed, doomed{
		path: s.epoch.out(segmentName(id, s.MSN)), twin: s.epoch.twin(id, s.MSN),
		at: now.Add(t.p.opts.grace() + s.duration()),
	})
}

// twin is ffmpeg's own name of a segment.
func (e *Epoch) twin(id string, msn int64) string {
	for _, k := range e.tracks {
		if k.ID == id {
			return filepath.Join(e.dir, encoderSegment(k.Rep, msn-e.base+1))
		}
	}
	return ""
}

// runKeeper deletes what is due, syncs the logs and writes the running recordings' playlists, once a second until ctx ends.
func (p *Packager) runKeeper(ctx context.Context) error {
	p.jobs.add(p.recoverRecordings)
	tick := time.NewTicker(keepInterval)
	defer tick.Stop()
	var retained time.Time
	for {
		select {
		case <-ctx.Done():
			p.keep()
			return nil
		case <-tick.C:
			p.timed(p.keep)
		}
		if time.Since(retained) >= retentionInterval {
			p.retain()
			retained = time.Now()
		}
	}
}

// keep does the housekeeping of one second.
func (p *Packager) keep() {
	now, streams := p.opts.Wall(), p.all()
	var disk Disk
	if len(streams) > 0 || p.disk.Load().Fault != "" {
		disk = p.examine()
	}
	p.spare()
	p.jobs.again()
	for _, t := range streams {
		if err := t.keep(now, disk.below(reserve)); err != nil && disk.Fault == "" {
			p.opts.Logger.Error("old segments could not be tidied away", "stream", t.stream, "error", err)
		}
		p.dropIfGone(t, now)
		p.recordOn(t, now)
	}
	for _, r := range p.running() {
		r.flush()
	}
}

// keep does the Timeline's share: it ends a stream whose publisher did not come back after a crash, deletes and syncs. In need of
// space everything that has left the playlists goes.
func (t *Timeline) keep(now time.Time, need bool) error {
	t.mu.Lock()
	late := !t.ended && !t.deadline.IsZero() && now.After(t.deadline)
	err := errors.Join(t.reap(now, need), t.compact())
	sync := t.log.pending()
	t.mu.Unlock()
	err = errors.Join(err, sync()) // the disk may be slow: nobody waits for it
	if late {
		err = errors.Join(err, t.endUnclaimed())
	}
	return err
}

// endUnclaimed ends the Timeline unless it was continued meanwhile.
func (t *Timeline) endUnclaimed() error {
	t.p.opening.Lock()
	defer t.p.opening.Unlock()
	t.mu.Lock()
	claimed := t.deadline.IsZero()
	t.mu.Unlock()
	if claimed {
		return nil
	}
	return t.End()
}

// reapAgain is how long after a failure something is tried to be deleted again.
const reapAgain = 30 * time.Second

// reap deletes what is due; in need of space, all that can go, with ffmpeg's names of the same bytes.
func (t *Timeline) reap(now time.Time, need bool) error {
	var faults []error
	left := t.doomed[:0]
	for _, d := range t.doomed {
		if now.Before(d.at) && !need {
			left = append(left, d)
			continue
		}
		if need && d.twin != "" {
			os.Remove(d.twin) // an error says that ffmpeg has done it
		}
		if err := os.RemoveAll(d.path); err != nil {
			faults = append(faults, err)
			d.at = now.Add(reapAgain)
			left = append(left, d)
		}
	}
	t.doomed = left
	return errors.Join(faults...)
}

// dropIfGone forgets an ended stream when its time has come: everything answers 404 then.
func (p *Packager) dropIfGone(t *Timeline, now time.Time) {
	p.opening.Lock()
	defer p.opening.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended || now.Before(t.gone) {
		return
	}
	p.mu.Lock()
	current := p.timelines[t.stream] == t
	if current {
		delete(p.timelines, t.stream)
	}
	p.mu.Unlock()
	if !current {
		return // a successor owns the files
	}
	if err := errors.Join(t.log.close(), os.RemoveAll(t.dir)); err != nil {
		p.opts.Logger.Error("ended stream could not be deleted", "stream", t.stream, "error", err)
	}
}

// compactSlack is how many lines more than needed timeline.log may have.
const compactSlack = 16384

// compact rewrites timeline.log once most of it is about segments that have left, when it lacks what could not be written, or when
// somebody has deleted it.
func (t *Timeline) compact() error {
	records := 2
	for _, l := range t.listings {
		for _, s := range l.segments {
			records += 1 + len(s.Parts)
		}
	}
	if t.log == nil || !t.log.torn && !t.log.lost() && t.log.lines < 2*records+compactSlack {
		return nil
	}
	return t.log.replace(t.records())
}

// records says again what is still so.
func (t *Timeline) records() []record {
	open := t.openRecord()
	if len(t.epochs) > 0 {
		open.Base, open.Disc = t.epochs[0].base, t.epochs[0].disc
	}
	all := []record{open}
	for _, e := range t.epochs {
		all = append(all, epochRecord(e))
		if !e.zero.IsZero() {
			all = append(all, record{Kind: recordZero, At: e.zero, Start: t.ast})
		}
		for _, l := range t.listings {
			all = l.records(e, all)
		}
		if e.ended {
			all = append(all, record{Kind: recordEpochEnd, Epoch: t.nextName})
		}
	}
	if t.ended {
		all = append(all, record{Kind: recordEnd, At: t.gone.Add(-t.p.opts.Window - t.p.opts.grace())})
	}
	return all
}

// records appends what the listing has of the epoch.
func (l *listing) records(e *Epoch, all []record) []record {
	parts := func(s Segment) {
		for i, p := range s.Parts {
			if p.Gap {
				all = append(all, gapRecord(l.id, s.MSN, i, p))
			}
			if p.Size > 0 {
				all = append(all, partRecord(l.id, s.MSN, i, p))
			}
		}
	}
	for _, s := range l.segments {
		if s.epoch != e || s.MSN < e.base {
			continue
		}
		parts(s)
		if !s.Gap {
			all = append(all, segmentRecord(l.id, s))
		}
	}
	if l.growing != nil && l.growing.epoch == e {
		parts(*l.growing)
	}
	return all
}

// replace puts other records in the place of all that were written; a crash leaves either.
func (l *logFile) replace(records []record) error {
	name := l.file.Name()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	err := writeAtomic(name, true, func(w io.Writer) error {
		next := logFile{sink: w}
		for _, r := range records {
			if err := next.append(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	next, err := openLog(name)
	if err != nil {
		return err
	}
	l.file.Close()
	next.lines = len(records)
	*l = *next
	return syncFile(filepath.Dir(name))
}
