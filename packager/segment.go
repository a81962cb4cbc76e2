package packager

import (
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
)

// Part is one fragment of a segment: the unit in which ffmpeg writes.
type Part struct {
	Offset, Size    int64 // bytes within the segment's file
	Start, Duration int64 // ticks of the rendition's time scale; Start counts from the epoch's media time 0
	Independent     bool  // decoding can start here
	Gap             bool  // given up: it did not come in time, or cannot be decoded without one that did not
}

// InitSegment is the initialization segment of one rendition in one epoch.
type InitSegment struct {
	cmaf.Init
	Size int64 // bytes
}

// Segment is what a playlist lists under one media sequence number. It is never changed once listed.
type Segment struct {
	MSN             int64
	Start, Duration int64 // ticks; Start counts from the epoch's media time 0
	Timescale       uint32
	Size            int64  // bytes
	Parts           []Part // with their bytes in the same order; empty where a crash has lost them
	Gap             bool   // this rendition has nothing for that time (EXT-X-GAP)
	First           bool   // the first of its epoch: a discontinuity, unless the broadcast begins here
	epoch           *Epoch
	unended         bool // listed without knowing where it ends
}

// End is where the segment ends, ticks from the epoch's media time 0.
func (s Segment) End() int64 { return s.Start + s.Duration }

func (s Segment) duration() time.Duration { return ticks(s.Duration, s.Timescale) }

// wall is the instant at which the segment's first sample was captured.
func (s Segment) wall() time.Time { return s.epoch.zero.Add(ticks(s.Start, s.Timescale)) }

// ticks turns n ticks into a duration, exact to a nanosecond, for n up to cmaf.MaxTime.
func ticks(n int64, timescale uint32) time.Duration {
	scale := int64(timescale)
	return time.Duration(n/scale)*time.Second + time.Duration(n%scale)*time.Second/time.Duration(scale)
}
