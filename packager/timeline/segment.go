package timeline

import (
	"slices"
	"time"
)

// Bounds on one segment file of ffmpeg.
const (
	MaxParts       = 1024
	MaxSegmentSize = 1 << 30 // bytes
)

// Part is one fragment of a segment of video, or two of audio: the unit in which the encoder's output is listed.
type Part struct {
	Offset, Size    int64 // bytes within the segment's file
	Start, Duration int64 // ticks of the rendition's time scale; Start counts from the epoch's media time 0
	Independent     bool  // decoding can start here
	Gap             bool  // given up: it did not come in time, or cannot be decoded without one that did not
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
	init            *Epoch // whose initialization segment it has: its own, or where that lacks the rendition the newest before; nil for none
	unended         bool   // listed without knowing where it ends
}

// End is where the segment ends, ticks from the epoch's media time 0.
func (s *Segment) End() int64 { return s.Start + s.Duration }

// Length is the segment's duration.
func (s *Segment) Length() time.Duration { return FromTicks(s.Duration, s.Timescale) }

// Wall is the instant at which the segment's first sample was captured.
func (s *Segment) Wall() time.Time { return s.epoch.zero.Add(FromTicks(s.Start, s.Timescale)) }

// Offset is the decode time of media time 0 of the segment's epoch.
func (s *Segment) Offset() time.Duration { return s.epoch.offset }

// EpochName is the name of the segment's epoch.
func (s *Segment) EpochName() string { return s.epoch.name }

// InitEpoch is the name of the epoch whose initialization segment the segment has: its own, or where that lacks the rendition the newest
// before it; empty where none had it.
func (s *Segment) InitEpoch() string {
	if s.init == nil {
		return ""
	}
	return s.init.name
}

// Discontinuity reports whether EXT-X-DISCONTINUITY precedes the segment.
func (s *Segment) Discontinuity() bool { return s.First && !s.epoch.fresh }

// DiscontinuitySequence counts the discontinuities up to and with that of the segment's epoch.
func (s *Segment) DiscontinuitySequence() int64 { return s.epoch.disc }

// FindSegment looks a segment up by its number; the numbers of a playlist have no holes.
func FindSegment(segments []Segment, msn int64) (Segment, bool) {
	if len(segments) == 0 || msn < segments[0].MSN || msn > segments[len(segments)-1].MSN {
		return Segment{}, false
	}
	return segments[msn-segments[0].MSN], true
}

// rescaled are the segment's parts in the ticks of another time scale.
func (s Segment) rescaled(timescale uint32) []Part {
	if s.Timescale == timescale {
		return s.Parts
	}
	parts := slices.Clone(s.Parts)
	for i, p := range parts {
		parts[i].Start = int64(ToTicks(FromTicks(p.Start, s.Timescale), timescale))
		parts[i].Duration = int64(ToTicks(FromTicks(p.Duration, s.Timescale), timescale))
	}
	return parts
}

// Recordable is a segment that is about to be listed, with what a recording keeps it by.
type Recordable struct {
	Segment
	Epoch     string // its name
	Rendition Description
	Zero      time.Time     // wall time of the epoch's media time 0
	Origin    time.Duration // decode time of that
	Late      time.Duration // by which segments of the broadcast may be longer than nominal
	InitFile  string        // where the initialization segment is
	MediaFile string        // where the segment is
}

// Recordable is the segment of the track with everything but its files.
func (t *Timeline) Recordable(k *Track, s Segment) Recordable {
	return Recordable{Segment: s, Epoch: k.epoch.name, Rendition: k.Describe(), Zero: k.epoch.zero, Origin: k.epoch.offset, Late: t.late}
}
