package live

import (
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
)

// Listed is a part that viewers can have.
type Listed struct {
	Stream, Rendition string
	MSN               int64
	Part              int // index in its segment, from 0
	Bytes             int64
	Captured          time.Time // when its last picture or sound was made, by the clock of playlists
	Found             time.Time // when it was found on the disk
	Listed            time.Time // when the playlists had it
}

// fresh is the parts that a file has had since it was looked at last.
type fresh struct {
	msn   int64
	from  int // index of the first
	parts []timeline.Part
	found time.Time
}

// found notes the parts from an index on, where somebody is told of them.
func (f *follower) found(from int) (n fresh) {
	if f.epoch.stream.out.Listed == nil {
		return n
	}
	return fresh{f.track.MSN(), from, append(n.parts, f.assembler.Parts()[from:]...), f.epoch.stream.cfg.Wall()}
}

// tell tells of parts that are listed by now.
func (f *follower) tell(n fresh) {
	if len(n.parts) == 0 {
		return
	}
	now, zero, scale := f.epoch.stream.cfg.Wall(), f.epoch.state.Zero(), f.track.Describe().Init.Timescale
	for i, p := range n.parts {
		f.epoch.stream.out.Listed(Listed{
			Stream: f.epoch.stream.name, Rendition: f.track.ID, MSN: n.msn, Part: n.from + i, Bytes: p.Size,
			Captured: zero.Add(timeline.FromTicks(p.Start+p.Duration, scale)), Found: n.found, Listed: now,
		})
	}
}
