package timeline

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
)

// maxSkip bounds how many segments a record of timeline.log may leave out.
const maxSkip = 1024

// Files says what is left on the disk of what a log tells of.
type Files struct {
	// Init reads the initialization segment that was published.
	Init func(epoch, rendition string) (cmaf.Init, error)
	// Whole reports whether the segment is there with so many bytes.
	Whole func(epoch, rendition string, msn, size int64) bool
}

// Apply repeats what a record of timeline.log says. An error says why it is left out.
func (t *Timeline) Apply(r Record, files Files) error {
	t.replaying = true
	defer func() { t.replaying = false }()
	e := t.newest()
	if t.cfg.Fenced {
		t.limit = max(t.limit, r.MSN+1) // what was listed stays so
	}
	switch r.Kind {
	case recordOpen:
		t.applyOpen(r)
	case recordNumbers:
		t.take(r.numbers())
	case recordLimit:
		t.limit, t.limited = max(t.limit, r.Base), true
	case recordEpoch:
		return t.applyEpoch(e, r)
	case recordEnd:
		t.ended, t.endedAt = true, r.At
	case recordRecord:
		t.record = &r.On
	case recordCut:
		if ref := t.reference(); ref != nil && r.MSN <= ref.last() {
			t.dropBefore(r.MSN)
		}
	case recordZero, recordPart, recordGap, recordSegment, recordEpochEnd:
		if e == nil || e.ended {
			return errors.New("outside of an epoch")
		}
		if r.MSN-max(e.logged, e.base) <= maxSkip {
			e.logged = max(e.logged, r.MSN)
		}
		return t.applyWithin(e, r, files)
	}
	return nil // a kind of a later version
}

// Resume goes on from what the log said, once the epoch that a crash has cut is closed.
func (t *Timeline) Resume(now time.Time) {
	t.newestEnd = t.edge()
	if !t.newestEnd.IsZero() {
		t.heard = now
	}
	if t.nextName == "" {
		t.nextName = newEpochName()
	}
	t.presentationStale = true
}

// Next is the media sequence number of the next epoch's first segment.
func (t *Timeline) Next() int64 { return t.nextMSN }

func (t *Timeline) applyOpen(r Record) {
	t.started = r.At
	if t.ended {
		t.ended, t.start, t.end, t.epochs, t.listings = false, time.Time{}, 0, nil, nil
		t.partTarget, t.late, t.nextOffset, t.record, t.taken = 0, 0, 0, nil, nil
	}
	t.broadcast = cmp.Or(r.Broadcast, t.broadcast)
	if !r.Start.IsZero() {
		t.start = r.Start
	}
	t.nextMSN, t.nextDisc = max(t.nextMSN, r.Base), max(t.nextDisc, r.Disc)
}

func (t *Timeline) applyEpoch(before *Epoch, r Record) error {
	if before != nil && !before.ended {
		before.ended = true
		before.level()
	}
	if r.Base < t.nextMSN || r.Disc < t.nextDisc {
		return fmt.Errorf("epoch %s goes back to %d, discontinuity %d", r.Epoch, r.Base, r.Disc)
	}
	t.nextMSN, t.nextDisc, t.nextOffset, t.nextName = r.Base, r.Disc, r.Offset, ""
	t.late = r.Room
	e := t.newEpoch(r.Epoch, r.Renditions)
	e.fresh, e.keys, e.late = r.Fresh, cmp.Or(r.Keys, e.keys), r.Late
	t.epochs = append(t.epochs, e)
	return nil
}

func (t *Timeline) applyWithin(e *Epoch, r Record, files Files) error {
	switch r.Kind {
	case recordZero:
		if !r.Start.Equal(t.start) {
			t.end = 0 // begun anew
		}
		e.zero, t.start, e.led = r.At, r.Start, r.Led
		return nil
	case recordEpochEnd:
		e.ended, t.nextName = true, r.Epoch
		e.level()
		return nil
	}
	k := e.track(r.ID)
	if k == nil {
		return fmt.Errorf("epoch %s has no rendition %q", e.name, r.ID)
	}
	switch r.Kind {
	case recordPart:
		return k.applyPart(r)
	case recordGap:
		return t.applyGap(k, r, files)
	}
	return t.applySegment(k, r, files)
}

func (t *Timeline) applySegment(k *Track, r Record, files Files) error {
	e := k.epoch
	if number := r.MSN - e.base + 1; number < k.number || number-k.number > maxSkip && k.rates.length > 0 {
		return fmt.Errorf("segment %d of %s is out of order", r.MSN, r.ID)
	}
	if err := k.recoverInit(files); err != nil {
		return err
	}
	k.number, k.due = r.MSN-e.base+2, r.Time+r.Duration
	s := Segment{MSN: r.MSN, Start: r.Time, Duration: r.Duration, Timescale: k.init.Timescale, Size: r.Size, epoch: e}
	s.Gap = !files.Whole(e.name, k.ID, r.MSN, r.Size)
	if parts := k.logged; len(parts) > 0 && parts[len(parts)-1].Offset+parts[len(parts)-1].Size == r.Size {
		s.Parts = parts
	}
	k.logged = nil
	t.place(k, s)
	t.trim()
	return nil
}

// applyGap lists a part as given up, after those that had come.
func (t *Timeline) applyGap(k *Track, r Record, files Files) error {
	l := t.listing(r.ID)
	if len(k.logged) > 0 {
		if err := k.recoverInit(files); err != nil {
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
	if s := l.next(k.epoch); s.MSN != r.MSN || len(s.Parts) != r.Part || s.epoch != k.epoch {
		return fmt.Errorf("gap %d.%d of %s does not follow on %d.%d", r.MSN, r.Part, r.ID, s.MSN, len(s.Parts)-1)
	}
	t.lose(l, k, Part{Start: r.Time, Duration: r.Duration, Gap: true})
	return nil
}

// applyPart notes a part of a segment that its own record, or what is left of its file, will make whole.
func (k *Track) applyPart(r Record) error {
	if skipped := r.MSN - k.MSN(); r.Part == 0 && skipped > 0 && skipped <= maxSkip { // what was given up has no record of its own
		k.number, k.logged = k.number+skipped, nil
	}
	if r.MSN != k.MSN() || r.Part != len(k.logged) {
		return fmt.Errorf("part %d.%d of %s does not follow on %d.%d", r.MSN, r.Part, r.ID, k.MSN(), len(k.logged)-1)
	}
	p := Part{Size: r.Size, Start: r.Time, Duration: r.Duration, Independent: r.Key}
	if n := len(k.logged); n > 0 {
		p.Offset = k.logged[n-1].Offset + k.logged[n-1].Size
	}
	k.logged = append(k.logged, p)
	return nil
}

// recoverInit reads the initialization segment that was published.
func (k *Track) recoverInit(files Files) error {
	if k.init != nil {
		return nil
	}
	init, err := files.Init(k.epoch.name, k.ID)
	if err == nil {
		k.init = &init
	}
	return err
}
