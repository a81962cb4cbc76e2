package live

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

// follower reads the files of one rendition in one epoch. It is used with its stream's order held.
type follower struct {
	epoch     *Epoch
	track     *timeline.Track
	assembler *timeline.Assembler // nil until the initialization segment is whole on disk
	scanner   *cmaf.Scanner
	file      *os.File // the segment in progress; nil between two
	path      string   // of that segment once whole
	fragments []cmaf.Fragment
	broken    bool  // the segment in progress has bytes that are no CMAF: what follows them is lost
	lossy     bool  // media is missing: what follows is not taken in
	size      int64 // of what can be used of the segment in progress, bytes, once the rendition is lossy

	public *annotated // the segment in progress, where fragments have events; nil before its first
	copied []byte     // a fragment on its way there
}

func (f *follower) setPath(number int64) {
	f.path = filepath.Join(f.epoch.dir, encoderSegment(f.track.Rep, number))
}

// follow takes in everything that has appeared since the last call. With closing, ffmpeg has exited: a segment that was
// never finished ends with its last whole fragment.
//
// A segment that is broken ends where it breaks, and one that cannot be published is left out: the next ones are taken in
// all the same. Where fragments are missing, nothing more is taken in.
func (f *follower) follow(closing bool) error {
	if err := f.loadInit(); err != nil || f.assembler == nil {
		return err
	}
	var faults []error
	for f.open() {
		whole := f.isWhole() // asked before the scan: what is whole now is scanned to its end
		known := len(f.assembler.Parts())
		if err := f.scan(); err != nil {
			faults = append(faults, err)
		}
		if whole || closing {
			f.assembler.EndPart()
		}
		var news fresh
		if len(f.assembler.Parts()) > known {
			news = f.found(known)
			if err := f.grow(known); err != nil {
				faults = append(faults, err)
			}
		}
		if !whole && !closing {
			f.epoch.stream.publish()
			f.tell(news)
			break
		}
		if err := f.finish(); err != nil {
			faults = append(faults, err)
		}
		f.tell(news)
	}
	return errors.Join(faults...)
}

// loadInit reads the initialization segment once the file is whole, and links it under its public name.
func (f *follower) loadInit() error {
	if f.assembler != nil {
		return nil
	}
	if !f.track.HasInit() {
		name := filepath.Join(f.epoch.dir, encoderInit(f.track.Rep))
		b, err := disk.ReadBounded(name, cmaf.MaxInit)
		if errors.Is(err, fs.ErrNotExist) || len(b) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		init, err := cmaf.ParseInit(b)
		if err != nil {
			return nil //nolint: ffmpeg writes it in place; a later event brings the rest
		}
		if err := f.publishInit(name, b); err != nil {
			return err
		}
		f.epoch.stream.commit(func(*timeline.Timeline) { f.track.SetInit(init) })
	}
	f.scanner = f.newScanner()
	f.assembler = f.track.Assembler()
	return nil
}

// publishInit gives an initialization segment its public name, and the brand of events where there are any.
func (f *follower) publishInit(from string, b []byte) error {
	to := f.epoch.public(timeline.InitName(f.track.ID))
	if !f.track.Events {
		return f.link(from, to)
	}
	branded, err := cmaf.BrandID3(b)
	if err != nil {
		return err
	}
	return disk.WriteFile(f.epoch.stream.cfg.Files, to, false, branded)
}

// newScanner finds the fragments of the track, whose initialization segment is known.
func (f *follower) newScanner() *cmaf.Scanner {
	init := f.track.Describe().Init
	return cmaf.NewScannerFrom(init.Defaults, timeline.ToTicks(f.epoch.state.Offset(), init.Timescale))
}

// open makes sure that the segment in progress is open, under either of its names.
func (f *follower) open() bool {
	if f.file != nil || f.lossy || !f.epoch.stream.allows(f.track.MSN()) {
		return f.file != nil
	}
	for _, name := range [...]string{f.path + ".tmp", f.path} {
		if file, err := os.Open(name); err == nil {
			f.file = file
			return true
		}
	}
	return false
}

func (f *follower) isWhole() bool {
	_, err := os.Stat(f.path)
	return err == nil
}

// scan finds the fragments that have become whole.
func (f *follower) scan() error {
	info, err := f.file.Stat()
	if err != nil {
		return fmt.Errorf("stat segment: %w", err)
	}
	if f.broken || f.lossy || info.Size() <= f.scanner.Offset() {
		return nil
	}
	f.fragments, err = f.scanner.Scan(f.file, min(info.Size(), timeline.MaxSegmentSize), f.fragments[:0])
	for _, fragment := range f.fragments {
		f.assembler.Precede(fragment)
		if len(f.assembler.Parts()) == timeline.MaxParts {
			err = fmt.Errorf("more than %d fragments", timeline.MaxParts)
			break
		}
		if fault := f.assembler.Fault(fragment); fault != nil {
			f.lossy, f.size = true, fragment.Offset
			f.epoch.stream.commit(func(*timeline.Timeline) { f.track.MarkLossy() })
			return fmt.Errorf("%s: %w", filepath.Base(f.path), fault)
		}
		if f.track.Events {
			var fault error
			if fragment, fault = f.annotate(fragment); fault != nil {
				err = fault
				break
			}
		}
		f.assembler.Add(fragment)
	}
	if err != nil {
		f.broken = true
		return fmt.Errorf("scan %s: %w", filepath.Base(f.path), err)
	}
	return nil
}

// usable is how many bytes of the segment in progress can be used.
func (f *follower) usable() int64 {
	switch {
	case f.public != nil:
		return f.public.usable()
	case f.lossy:
		return f.size
	}
	return f.scanner.Offset()
}

// grow lists the parts from index known on. The file gets its public name with its first part, so that it can be opened
// by that from now on, whatever ffmpeg does with its own names.
func (f *follower) grow(known int) error {
	if known == 0 {
		if err := f.linkSegment(); err != nil {
			return err
		}
	}
	f.epoch.stream.commit(func(t *timeline.Timeline) { t.Grow(f.track, f.assembler.Parts(), f.usable(), known) })
	return nil
}

// linkSegment gives the segment in progress its public name, from whichever name ffmpeg has for it at the moment.
func (f *follower) linkSegment() error {
	if f.public != nil {
		return nil
	}
	to := f.epoch.public(timeline.SegmentName(f.track.ID, f.track.MSN()))
	if f.link(f.path+".tmp", to) == nil {
		return nil
	}
	return f.link(f.path, to)
}

// link gives from a second name. A name that is there already is what an interrupted run left of the same file.
func (f *follower) link(from, to string) error {
	if err := f.epoch.stream.cfg.Files.Link(from, to); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("publish segment: %w", err)
	}
	return nil
}

// finish turns to the next segment and lists the one that was in progress.
func (f *follower) finish() error {
	parts, size := f.assembler.Parts(), f.usable()
	var err error
	if len(parts) > 0 {
		err = f.complete(size)
	}
	f.next()
	if len(parts) == 0 || err != nil {
		f.epoch.stream.commit(func(t *timeline.Timeline) { t.Skip(f.track) })
		return err
	}
	f.list(parts, size)
	return nil
}

// complete sees to it that the segment's file has its public name and so many bytes.
func (f *follower) complete(size int64) error {
	if err := f.linkSegment(); err != nil {
		return err
	}
	public := f.epoch.public(timeline.SegmentName(f.track.ID, f.track.MSN()))
	if info, err := os.Stat(public); err == nil && info.Size() > size {
		if err := os.Truncate(public, size); err != nil {
			return fmt.Errorf("cut segment at its last whole fragment: %w", err)
		}
	}
	return nil
}

// next forgets the segment in progress.
func (f *follower) next() {
	f.file.Close()
	f.file, f.broken, f.size = nil, false, 0
	if f.public != nil {
		_ = f.public.Close() // what was written can be read
		f.public = nil
	}
	f.assembler.Next()
	f.scanner.Reset()
	f.setPath(f.assembler.Number())
}

// list takes a segment that is whole under its public name: log, then recording, then playlist.
func (f *follower) list(parts []timeline.Part, size int64) {
	s := f.epoch.stream
	var recordable timeline.Recordable
	var recorded bool
	s.commit(func(t *timeline.Timeline) {
		segment := t.Whole(f.track, parts, size)
		if recorded = f.track.Recorded(segment); recorded {
			recordable = s.recordable(f.track, segment)
		}
		t.List(f.track, segment)
	})
	if recorded {
		s.out.Record(recordable)
	}
	s.publish()
}
