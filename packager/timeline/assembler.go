package timeline

import (
	"fmt"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
)

// Assembler makes parts of the fragments of one track, segment by segment.
//
// Audio comes in fragments of half a part where whole frames let it, so that a segment has as many parts of audio as of video: the few frames that whole
// parts would leave over at its end would be a part that follows on the one before at once, and while that one is being loaded
// hls.js takes the two for the same.
type Assembler struct {
	timing    Timing
	timescale uint32
	late      bool          // key frames may be late: only the end of the file says where a segment ends
	longest   time.Duration // PART-TARGET

	number  int64  // the encoder's number of the segment in progress
	parts   []Part // of that segment
	partial Part   // what has come of its next part; no bytes: nothing
	due     int64  // ticks: where the next fragment begins; 0 before the first
	first   int64  // ticks: where the epoch's first part starts
}

// Assembler continues with the segment in progress of the track, whose initialization segment is known.
func (k *Track) Assembler() *Assembler {
	return &Assembler{
		timing: k.epoch.timeline.cfg.Timing, timescale: k.init.Timescale, late: k.epoch.late > 0, longest: k.epoch.timeline.partTarget,
		number: k.number, due: k.due, first: k.first,
	}
}

// Parts are the whole parts of the segment in progress.
func (a *Assembler) Parts() []Part { return a.parts }

// Number is the encoder's number of the segment in progress, from 1.
func (a *Assembler) Number() int64 { return a.number }

// maxMissing is by how much fragments of one ffmpeg may be apart; a fragment lasts twice as long at least.
const maxMissing = 50 * time.Millisecond

// Fault says why the epoch has to end before a fragment; nil for no reason.
//
// Media may be missing before it: ffmpeg goes on as if nothing were when it could not write some, because the disk was full for a moment
// for example, and players would wait there for what never comes. Or it is longer than a part may be (rfc8216bis §4.4.3.7).
func (a *Assembler) Fault(f cmaf.Fragment) error {
	if missing := FromTicks(max(int64(f.DecodeTime)-a.due, 0), a.timescale); a.due > 0 && missing > maxMissing {
		return fmt.Errorf("%v of media are missing", missing)
	}
	if a.over(int64(f.Duration)) {
		return fmt.Errorf("a fragment of %v, and PART-TARGET is %v", FromTicks(int64(f.Duration), a.timescale), a.longest)
	}
	return nil
}

// over reports whether a part of so many ticks would be longer than PART-TARGET.
func (a *Assembler) over(length int64) bool { return FromTicks(length, a.timescale) > a.longest }

// Precede ends the partial part if it would be too long with the fragment, which comes next.
func (a *Assembler) Precede(f cmaf.Fragment) {
	if a.over(a.partial.Duration + int64(f.Duration)) {
		a.EndPart()
	}
}

// Add puts a fragment into the partial part, or begins one with it.
func (a *Assembler) Add(f cmaf.Fragment) {
	if a.partial.Size == 0 {
		a.partial = Part{Offset: f.Offset, Start: int64(f.DecodeTime)}
	}
	if a.number == 1 && len(a.parts) == 0 {
		a.first = a.partial.Start
	}
	a.partial.Independent = a.partial.Independent || f.Key // rfc8216bis §4.4.4.9: it contains an independent frame
	a.partial.Size = f.Offset + f.Size - a.partial.Offset
	a.partial.Duration += int64(f.Duration)
	a.due = int64(f.DecodeTime) + int64(f.Duration)
	if end := a.partial.Start + a.partial.Duration; a.fills(end) || a.ends(end) {
		a.EndPart()
	}
}

// fills reports whether a part that ends then, in ticks, reaches the next multiple of the nominal duration.
func (a *Assembler) fills(end int64) bool {
	start := a.partial.Start
	if len(a.parts) > 0 {
		start = a.parts[0].Start
	}
	return FromTicks(end-start, a.timescale)+time.Microsecond >= time.Duration(len(a.parts)+1)*a.timing.Part
}

// ends reports whether a part that ends then, in ticks, is the last one of the segment: ffmpeg's dash muxer begins segment n+1 with
// the first key frame that is n segment durations after the begin of the first. Where key frames are late, only the end of the file
// says so.
func (a *Assembler) ends(end int64) bool {
	return !a.late && FromTicks(end-a.first, a.timescale)+time.Microsecond >= time.Duration(a.number)*a.timing.Segment
}

// EndPart makes a part of what has come.
func (a *Assembler) EndPart() {
	if a.partial.Size > 0 {
		a.parts = append(a.parts, a.partial)
		a.partial = Part{}
	}
}

// Next begins the segment after the one in progress. The parts went with the Segment, so their memory is not used again.
func (a *Assembler) Next() {
	a.parts, a.partial = make([]Part, 0, cap(a.parts)), Part{}
	a.number++
}
