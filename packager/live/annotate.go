package live

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

// annotated is a segment under its public name whose fragments have events in front of them: a file of its own, not ffmpeg's under another
// name. It grows by a fragment at a time.
type annotated struct {
	disk.File
	size   int64           // bytes of whole fragments
	count  int             // of them that have been asked for
	before []cmaf.Fragment // those that the process before has written
}

// annotate writes a fragment of ffmpeg's to the public file of the segment in progress, with its events, and returns where it is there.
func (f *follower) annotate(fragment cmaf.Fragment) (cmaf.Fragment, error) {
	if f.public == nil {
		if err := f.openPublic(); err != nil {
			return fragment, fmt.Errorf("publish segment: %w", err)
		}
	}
	p := f.public
	if p.count++; p.count <= len(p.before) {
		return p.before[p.count-1], nil
	}
	timescale := f.track.Describe().Init.Timescale
	start, end := timeline.FromTicks(int64(fragment.DecodeTime), timescale), timeline.FromTicks(int64(fragment.End()), timescale)
	told := f.epoch.events.within(start, end, p.count == 1)
	if cap(f.copied) < int(fragment.Size) {
		f.copied = make([]byte, 0, 2*fragment.Size)
	}
	b := f.copied[:fragment.Size]
	if _, err := f.file.ReadAt(b, fragment.Offset); err != nil {
		return fragment, fmt.Errorf("read fragment: %w", err)
	}
	// ISO/IEC 23000-19 §7.3.2.3: styp, prft, emsg, moof, mdat.
	var boxes []byte
	for _, e := range told {
		boxes = e.box(boxes, timescale, f.epoch.state.Offset())
	}
	for _, bytes := range [...][]byte{b[:fragment.Moof], boxes, b[fragment.Moof:]} {
		if _, err := p.Write(bytes); err != nil {
			return fragment, fmt.Errorf("publish fragment: %w", err)
		}
	}
	fragment.Offset = p.size
	fragment.Size += int64(len(boxes))
	fragment.Moof += int64(len(boxes))
	p.size += fragment.Size
	return fragment, nil
}

// usable is where the last fragment that was asked for ends. What the process before has written beyond it ffmpeg's file has not: a loss of power
// may have taken that.
func (p *annotated) usable() int64 {
	if p.count < len(p.before) {
		last := p.before[p.count-1]
		return last.Offset + last.Size
	}
	return p.size
}

// openPublic opens the public file of the segment in progress, to go on behind the last whole fragment that the process before has left in it.
func (f *follower) openPublic() error {
	name := f.epoch.public(timeline.SegmentName(f.track.ID, f.track.MSN()))
	p := &annotated{}
	if err := p.adopt(name, f.newScanner()); err != nil {
		return err
	}
	var err error
	if p.File, err = f.epoch.stream.cfg.Files.Append(name); err != nil {
		return err
	}
	f.public = p
	return nil
}

// adopt finds the whole fragments in a file that may be there, and cuts off what follows them.
func (p *annotated) adopt(name string, scanner *cmaf.Scanner) error {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	p.before, _ = scanner.Scan(file, min(info.Size(), timeline.MaxSegmentSize), nil) // what is not whole goes
	if p.size = scanner.Offset(); info.Size() > p.size {
		return os.Truncate(name, p.size)
	}
	return nil
}
