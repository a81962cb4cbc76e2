package timeline

import (
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
)

// Track is one rendition in one epoch: what has come of it, and what comes next.
type Track struct {
	Rendition
	epoch   *Epoch
	init    *cmaf.Init    // nil until it is whole on disk
	number  int64         // ffmpeg's number of the segment in progress
	begun   bool          // that segment has a part
	written int64         // bytes of that segment that can be used
	logged  []Part        // what timeline.log already says of that segment, after a crash
	lossy   bool          // media is missing: what follows is not taken in
	due     int64         // ticks, after a crash: where the next fragment begins
	first   int64         // ticks: where the epoch's first part starts
	reached time.Duration // where its newest segment ends, from media time 0
	rates   rates
}

// MSN is the media sequence number of the segment in progress, or of the next one.
func (k *Track) MSN() int64 { return k.epoch.base + k.number - 1 }

// Number is ffmpeg's number of that segment, from 1.
func (k *Track) Number() int64 { return k.number }

// HasInit reports whether the initialization segment is known.
func (k *Track) HasInit() bool { return k.init != nil }

// SetInit notes the initialization segment, which is there under its public name.
func (k *Track) SetInit(init cmaf.Init) { k.init = &init }

// Lossy reports whether media is missing in what ffmpeg has written.
func (k *Track) Lossy() bool { return k.lossy }

// MarkLossy says that media is missing: nothing more of the rendition is taken in.
func (k *Track) MarkLossy() { k.lossy = true }

// Recorded reports whether recordings keep the segment: the track has to be the first of its kind, video or audio, in its epoch, and
// something of the publisher to be in the segment.
func (k *Track) Recorded(s Segment) bool {
	if s.MSN < k.epoch.base+k.epoch.led {
		return false
	}
	for _, o := range k.epoch.tracks {
		if o.Video == k.Video {
			return o == k
		}
	}
	return false
}

// Describe is the track as manifests describe it. Its initialization segment must be known.
func (k *Track) Describe() Description {
	return Description{Rendition: k.Rendition, Init: *k.init, Bandwidth: k.bandwidth(), Average: k.declaredAverage()}
}

// started reports whether anything of the rendition can be played.
func (k *Track) started() bool { return k.rates.length > 0 || k.begun }

// full reports whether the encoder would put the next part into a new segment.
func (k *Track) full(s Segment) bool { return s.epoch == k.epoch && s.End() >= k.boundary(s) }

// missing is the part that should come next in the segment: up to the first whole fragment after so many part durations.
func (k *Track) missing(s Segment) Part {
	timing := k.epoch.timeline.cfg.Timing
	fragment, _ := timing.fragments(k.Rendition)
	count := (time.Duration(len(s.Parts)+1)*timing.Part + fragment - 1) / fragment
	end := max(s.Start+int64(ToTicks(count*fragment, s.Timescale)), s.End()+int64(ToTicks(fragment, s.Timescale)))
	return Part{Start: s.End(), Duration: min(end, k.boundary(s)) - s.End(), Gap: true}
}

// boundary is where the encoder would end the segment: with the first whole frame after so many segment durations.
func (k *Track) boundary(s Segment) int64 {
	number := time.Duration(s.MSN - k.epoch.base + 1)
	return k.first + int64(ToTicks(wholeFrames(number*k.epoch.timeline.cfg.Segment, k.frameRate()), s.Timescale))
}

// segment is the segment in progress with those parts, of which there is one at least.
func (k *Track) segment(parts []Part, size int64) Segment {
	first, last := parts[0], parts[len(parts)-1]
	return Segment{
		MSN:   k.MSN(),
		Start: first.Start, Duration: last.Start + last.Duration - first.Start,
		Timescale: k.init.Timescale,
		Size:      size,
		Parts:     parts,
		First:     k.number == 1,
		epoch:     k.epoch,
	}
}

// next turns to the segment after the one in progress.
func (k *Track) next() {
	k.number++
	k.begun, k.written, k.logged = false, 0, nil
}
