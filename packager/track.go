package packager

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
)

// Bounds on one segment file of ffmpeg.
const (
	maxParts       = 1024
	maxSegmentSize = 1 << 30 // bytes
)

// track follows the files of one rendition in one epoch. It is used under its Timeline's lock.
type track struct {
	Rendition
	epoch   *Epoch
	init    *InitSegment // nil until it is whole on disk
	scanner *cmaf.Scanner
	file    *os.File // the segment in progress; nil between two
	number  int64    // ffmpeg's number of that segment
	path    string   // of that segment once whole
	parts   []Part   // of that segment
	rest    Part     // what has come of that segment's next part; no bytes: nothing
	frags   []cmaf.Fragment
	broken  bool          // the segment in progress has bytes that are no CMAF: what follows them is lost
	torn    bool          // media is missing: what follows is not taken in
	size    int64         // of what can be used of the segment in progress, bytes, once something cannot
	due     int64         // ticks: where the next fragment begins; 0 before the first
	first   int64         // ticks: where the epoch's first part starts
	reached time.Duration // where its newest segment ends, from media time 0
	logged  []Part        // what timeline.log already says of the segment in progress, after a crash

	bytes, length int64 // of all listed segments; length in ticks
	peak          int64 // bit/s of the most demanding segment
}

// follow takes in everything that has appeared since the last call. With closing, ffmpeg has exited: a segment that was
// never finished ends with its last whole fragment.
//
// A segment that is broken ends where it breaks, and one that cannot be published is left out: the next ones are taken in
// all the same. Where fragments are missing, nothing more is taken in.
func (k *track) follow(closing bool) error {
	if err := k.loadInit(); err != nil || k.init == nil {
		return err
	}
	var faults []error
	for k.open() {
		whole := k.isWhole() // asked before the scan: what is whole now is scanned to its end
		known := len(k.parts)
		if err := k.scan(); err != nil {
			faults = append(faults, err)
		}
		if whole || closing {
			k.endPart()
		}
		if len(k.parts) > known {
			faults = append(faults, k.grow(known))
		}
		if !whole && !closing {
			k.epoch.timeline.publish()
			break
		}
		if err := k.finish(); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// loadInit reads the initialization segment once the file is whole, and links it under its public name.
func (k *track) loadInit() error {
	if k.init != nil {
		return nil
	}
	name := filepath.Join(k.epoch.dir, encoderInit(k.Rep))
	b, err := readBounded(name, cmaf.MaxInit)
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
	if err := link(name, k.epoch.out(initName(k.ID))); err != nil {
		return err
	}
	k.setInit(init, int64(len(b)))
	return nil
}

func (k *track) setInit(init cmaf.Init, size int64) {
	k.init = &InitSegment{Init: init, Size: size}
	k.scanner = cmaf.NewScanner(init.Defaults)
}

// open makes sure that the segment in progress is open, under either of its names.
func (k *track) open() bool {
	if k.file != nil || k.torn {
		return k.file != nil
	}
	k.path = filepath.Join(k.epoch.dir, encoderSegment(k.Rep, k.number))
	for _, name := range [...]string{k.path + ".tmp", k.path} {
		if f, err := os.Open(name); err == nil {
			k.file = f
			return true
		}
	}
	return false
}

func (k *track) isWhole() bool {
	_, err := os.Stat(k.path)
	return err == nil
}

// grow publishes the parts from index known on. The file gets its public name with its first part, so that it can be opened
// by that from now on, whatever ffmpeg does with its own names.
func (k *track) grow(known int) error {
	if known == 0 {
		if err := k.link(); err != nil {
			return err
		}
	}
	if known = max(known, len(k.logged)); known < len(k.parts) {
		k.epoch.timeline.writeParts(k, known)
	}
	k.epoch.timeline.grow(k)
	return nil
}

// link gives the segment in progress its public name, from whichever name ffmpeg has for it at the moment.
func (k *track) link() error {
	to := k.epoch.out(segmentName(k.ID, k.msn()))
	if link(k.path+".tmp", to) == nil {
		return nil
	}
	return link(k.path, to)
}

// msn is the media sequence number of the segment in progress, or of the next one.
func (k *track) msn() int64 { return k.epoch.base + k.number - 1 }

// ends reports whether a part that ends then, in ticks, is the last one of the segment: ffmpeg's dash muxer begins segment n+1 with
// the first key frame that is n segment durations after the begin of the first. Where key frames are late, only the end of the file
// tells.
func (k *track) ends(end int64) bool {
	return k.epoch.late == 0 && ticks(end-k.first, k.init.Timescale)+time.Microsecond >= time.Duration(k.number)*k.epoch.timeline.p.opts.Segment
}

// finish turns to the next segment and lists the one that was in progress.
func (k *track) finish() error {
	if len(k.parts) == 0 {
		k.next()
		return nil
	}
	size := k.usable()
	s, err := k.segment(k.parts, size), k.complete(size)
	k.next()
	if err != nil {
		return err
	}
	return k.epoch.timeline.list(k, s)
}

// usable is how many bytes of the segment in progress can be used.
func (k *track) usable() int64 {
	if k.torn {
		return k.size
	}
	return k.scanner.Offset()
}

// complete sees to it that the segment's file has its public name and so many bytes.
func (k *track) complete(size int64) error {
	if err := k.link(); err != nil {
		return err
	}
	if info, err := k.file.Stat(); err == nil && info.Size() > size {
		if err := os.Truncate(k.epoch.out(segmentName(k.ID, k.msn())), size); err != nil {
			return fmt.Errorf("cut segment at its last whole fragment: %w", err)
		}
	}
	return nil
}

// segment is the segment in progress with those parts, of which there is one at least.
func (k *track) segment(parts []Part, size int64) Segment {
	first, last := parts[0], parts[len(parts)-1]
	return Segment{
		MSN:   k.msn(),
		Start: first.Start, Duration: last.Start + last.Duration - first.Start,
		Timescale: k.init.Timescale,
		Size:      size,
		Parts:     parts,
		First:     k.number == 1,
		epoch:     k.epoch,
	}
}

// next forgets the segment in progress. The parts went with the Segment, so their memory is not used again.
func (k *track) next() {
	k.file.Close()
	k.file, k.broken, k.logged, k.rest, k.size = nil, false, nil, Part{}, 0
	k.parts = make([]Part, 0, cap(k.parts))
	k.scanner.Reset()
	k.number++
}

// started reports whether anything of the rendition can be played.
func (k *track) started() bool { return k.length > 0 || len(k.parts) > 0 }
