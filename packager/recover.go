package packager

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-live/sluice/internal/name"
	"github.com/sluice-live/sluice/packager/cmaf"
)

// maxSkip bounds how many segments a record of timeline.log may leave out.
const maxSkip = 1024

// recover reads the timeline.log of every stream. It runs before anything else does.
func (p *Packager) recover() error {
	entries, err := os.ReadDir(p.opts.LiveDir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.IsDir() || !name.Valid(entry.Name()) {
			continue
		}
		if err := p.recoverStream(entry.Name()); err != nil {
			p.opts.Logger.Error("stream could not be recovered; it begins anew", "stream", entry.Name(), "error", err)
			if err := os.RemoveAll(filepath.Join(p.opts.LiveDir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// recoverStream serves the stream as it was, adopts what ffmpeg had written and nobody listed, and goes on from there. A stream
// that ended properly long enough ago goes.
func (p *Packager) recoverStream(stream string) error {
	t := p.newTimeline(stream)
	path := filepath.Join(t.dir, logName)
	records, err := p.readLogFile(path, stream)
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := t.apply(r); err != nil {
			p.opts.Logger.Warn("record of timeline.log has been left out", "stream", stream, "kind", r.Kind, "error", err)
		}
	}
	now := p.opts.Wall()
	if t.ended && now.After(t.gone) {
		return os.RemoveAll(t.dir)
	}
	if t.log, err = openLog(path); err != nil {
		return err
	}
	t.log.lines = len(records)
	t.resume(now)
	p.timelines[stream] = t
	return nil
}

// readLogFile reads the good part of a timeline.log and cuts the rest off, so that the next record begins a line.
func (p *Packager) readLogFile(path, stream string) ([]record, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no timeline.log")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	records, good, err := readLog(f)
	if err != nil {
		p.opts.Logger.Warn("timeline.log is damaged; what follows is left out", "stream", stream, "error", err)
	}
	return records, f.Truncate(good)
}

// resume closes the epoch that the crash has cut and publishes what there is.
func (t *Timeline) resume(now time.Time) {
	if !t.ended {
		t.deadline = now.Add(t.p.opts.Linger)
	}
	if n := len(t.epochs); n > 0 {
		if err := t.epochs[n-1].close(); err != nil {
			t.p.opts.Logger.Warn("what ffmpeg had left could not be adopted", "stream", t.stream, "error", err)
		}
	}
	t.sweep(now)
	t.newestEnd = t.edge()
	if !t.newestEnd.IsZero() {
		t.heard = now
	}
	if t.nextName == "" {
		t.nextName = newEpochName()
	}
	t.mpdStale = true
	t.publish()
	t.p.opts.Logger.Info("stream has been recovered", "stream", t.stream, "ended", t.ended, "next", t.nextMSN)
}

// sweep lets go of directories that the log does not know any more: they had left the playlists.
func (t *Timeline) sweep(now time.Time) {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return
	}
	known := make(map[string]bool)
	for _, e := range t.epochs {
		known[e.name] = true
	}
	for _, entry := range entries {
		if entry.IsDir() && !known[entry.Name()] {
			t.doomed = append(t.doomed, doomed{path: filepath.Join(t.dir, entry.Name()), at: now.Add(t.p.opts.grace())})
		}
	}
}

// apply repeats what a record says.
func (t *Timeline) apply(r record) error {
	var e *Epoch
	if n := len(t.epochs); n > 0 {
		e = t.epochs[n-1]
	}
	switch r.Kind {
	case recordOpen:
		t.applyOpen(r)
	case recordEpoch:
		return t.applyEpoch(e, r)
	case recordEnd:
		t.ended, t.gone = true, r.At.Add(t.p.opts.Window+t.p.opts.grace())
	case recordZero, recordPart, recordGap, recordSegment, recordEpochEnd:
		if e == nil || e.ended {
			return errors.New("outside of an epoch")
		}
		return t.applyWithin(e, r)
	}
	return nil // a kind of a later version
}

func (t *Timeline) applyOpen(r record) {
	t.started = r.At
	if t.ended {
		t.ended, t.ast, t.end, t.epochs, t.listings = false, time.Time{}, 0, nil, nil
		t.partTarget, t.late = 0, 0
	}
	if !r.Start.IsZero() {
		t.ast = r.Start
	}
	t.nextMSN, t.nextDisc = max(t.nextMSN, r.Base), max(t.nextDisc, r.Disc)
}

func (t *Timeline) applyEpoch(before *Epoch, r record) error {
	if before != nil && !before.ended {
		before.ended = true
		before.level()
	}
	if r.Base < t.nextMSN || r.Disc < t.nextDisc {
		return fmt.Errorf("epoch %s goes back to %d, discontinuity %d", r.Epoch, r.Base, r.Disc)
	}
	t.nextMSN, t.nextDisc, t.nextName = r.Base, r.Disc, ""
	t.late = r.Room
	e := t.newEpoch(r.Epoch, r.Renditions)
	e.fresh, e.keys, e.late = r.Fresh, cmp.Or(r.Keys, e.keys), r.Late
	t.epochs = append(t.epochs, e)
	return nil
}

func (t *Timeline) applyWithin(e *Epoch, r record) error {
	switch r.Kind {
	case recordZero:
		if !r.Start.Equal(t.ast) {
			t.end = 0 // begun anew
		}
		e.zero, t.ast = r.At, r.Start
	case recordPart:
		return e.applyPart(r)
	case recordGap:
		return t.applyGap(e, r)
	case recordSegment:
		return t.applySegment(e, r)
	case recordEpochEnd:
		e.ended, t.nextName = true, r.Epoch
		e.level()
	}
	return nil
}

func (t *Timeline) applySegment(e *Epoch, r record) error {
	for _, k := range e.tracks {
		if k.ID != r.ID {
			continue
		}
		if number := r.MSN - e.base + 1; number < k.number || number-k.number > maxSkip && k.length > 0 {
			return fmt.Errorf("segment %d of %s is out of order", r.MSN, r.ID)
		}
		if err := k.recoverInit(); err != nil {
			return err
		}
		k.number, k.due = r.MSN-e.base+2, r.Time+r.Duration
		s := Segment{MSN: r.MSN, Start: r.Time, Duration: r.Duration, Timescale: k.init.Timescale, Size: r.Size, epoch: e}
		info, err := os.Stat(e.out(segmentName(k.ID, r.MSN)))
		s.Gap = err != nil || info.Size() != r.Size
		if parts := k.logged; len(parts) > 0 && parts[len(parts)-1].Offset+parts[len(parts)-1].Size == r.Size {
			s.Parts = parts
		}
		k.logged = nil
		t.place(k, s)
		t.trim()
		return nil
	}
	return fmt.Errorf("epoch %s has no rendition %q", e.name, r.ID)
}

// applyGap lists a part as given up, after those that had come.
func (t *Timeline) applyGap(e *Epoch, r record) error {
	k := e.track(r.ID)
	if k == nil {
		return fmt.Errorf("epoch %s has no rendition %q", e.name, r.ID)
	}
	l := t.listing(r.ID)
	if len(k.logged) > 0 {
		if err := k.recoverInit(); err != nil {
			return err
		}
		t.progress(l, k.segment(k.logged, 0))
	}
	if l.growing == nil && len(l.segments) == 0 {
		return errors.New("gap before the first part")
	}
	if l.growing != nil && k.full(*l.growing) {
		t.sealOverdue(l, k)
	}
	if s := l.next(e); s.MSN != r.MSN || len(s.Parts) != r.Part || s.epoch != e {
		return fmt.Errorf("gap %d.%d of %s does not follow on %d.%d", r.MSN, r.Part, r.ID, s.MSN, len(s.Parts)-1)
	}
	t.lose(l, k, Part{Start: r.Time, Duration: r.Duration, Gap: true})
	return nil
}

// applyPart notes a part of a segment that its own record, or what is left of its file, will make whole.
func (e *Epoch) applyPart(r record) error {
	for _, k := range e.tracks {
		if k.ID != r.ID {
			continue
		}
		if skipped := r.MSN - k.msn(); r.Part == 0 && skipped > 0 && skipped <= maxSkip { // what was given up has no record of its own
			k.number, k.logged = k.number+skipped, nil
		}
		if r.MSN != k.msn() || r.Part != len(k.logged) {
			return fmt.Errorf("part %d.%d of %s does not follow on %d.%d", r.MSN, r.Part, r.ID, k.msn(), len(k.logged)-1)
		}
		p := Part{Size: r.Size, Start: r.Time, Duration: r.Duration, Independent: r.Key}
		if n := len(k.logged); n > 0 {
			p.Offset = k.logged[n-1].Offset + k.logged[n-1].Size
		}
		k.logged = append(k.logged, p)
		return nil
	}
	return fmt.Errorf("epoch %s has no rendition %q", e.name, r.ID)
}

// recoverInit reads the initialization segment that was published.
func (k *track) recoverInit() error {
	if k.init != nil {
		return nil
	}
	b, err := readBounded(k.epoch.out(initName(k.ID)), cmaf.MaxInit)
	if err != nil {
		return err
	}
	init, err := cmaf.ParseInit(b)
	if err != nil {
		return err
	}
	k.setInit(init, int64(len(b)))
	return nil
}

// firstTimeline begins a stream of which nothing is known.
func (p *Packager) firstTimeline(stream string) (*Timeline, error) {
	t := p.newTimeline(stream)
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return nil, err
	}
	var err error
	if t.log, err = openLog(filepath.Join(t.dir, logName)); err != nil {
		return nil, err
	}
	t.write(t.openRecord())
	return t, nil
}

// successor begins the next broadcast of a stream that has ended. Its numbers go on, and the old files, which are its own now,
// go when they would have gone.
func (t *Timeline) successor() *Timeline {
	next := t.p.newTimeline(t.stream)
	next.nextMSN, next.nextDisc = t.nextMSN, t.nextDisc
	next.log, next.doomed = t.log, t.doomed
	t.log, t.doomed = nil, nil
	for _, e := range t.epochs {
		next.doomed = append(next.doomed, doomed{path: e.dir, at: t.gone})
	}
	next.write(next.openRecord())
	return next
}

// claim continues a broadcast that a crash or Suspend has cut. It is still the one that began when it did.
func (t *Timeline) claim() {
	t.deadline = time.Time{}
	t.write(t.openRecord())
}
