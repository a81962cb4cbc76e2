package depay

import (
	"bytes"
	"time"
)

// videoTrack emits pictures, and repeat frames where there are none.
type videoTrack struct {
	track
	assembler
	d        *Depacketizer
	ready    bool  // a key frame was emitted
	interval int64 // between repeat frames, in ticks

	slateDue bool          // the slate is shown next, unless a picture comes before:
	slateAt  time.Duration // from then on
}

func (v *videoTrack) init(d *Depacketizer) {
	v.d = d
	v.track.init(Video, d.opts.Video, &d.stats.Video, d.opts.Emit)
	d.clock.maps[Video].rate = VP8.ClockRate() // that of all codecs of pictures
	if v.codec == 0 {
		return
	}
	v.assembler = newAssembler(d.opts, v.emitPicture, v.stats)
	v.deliver, v.track.settle = v.assembler.push, v.assembler.settle
	v.interval = ticks(d.opts.FrameInterval, v.codec)
}

// emitPicture emits what the assembler made; the first one sets PTS 0.
func (v *videoTrack) emitPicture(p picture) {
	if !v.d.running {
		v.d.run(p.instant)
	}
	v.ready = v.ready || p.key
	v.slateDue = false
	v.pass(Frame{
		PTS: v.d.pts(p.instant, v.codec), RTPTime: p.timestamp, Key: p.key, Width: p.width, Height: p.height, Data: bytes.Clone(p.data),
	})
}

// emitFirst emits the key frame that repeat frames can follow until the camera comes: the slate while nobody is there, the opening, or
// black.
func (v *videoTrack) emitFirst() {
	v.ready = true
	if len(v.d.opts.Slate) > 0 && !v.live {
		v.slate(v.last + 1)
		return
	}
	if opening := v.d.opts.Opening; len(opening) > 0 {
		if width, height, err := v.assembler.adoptKeyFrame(opening); err == nil {
			v.fillWith(Frame{PTS: v.last + 1, Key: true, Width: width, Height: height, Data: bytes.Clone(opening)})
			return
		}
	}
	data, width, height := v.assembler.black()
	v.fillWith(Frame{PTS: v.last + 1, Key: true, Width: width, Height: height, Data: data})
}

// leave has the slate shown a moment later. Who takes over has sent a picture by then.
func (v *videoTrack) leave(at time.Duration) {
	if len(v.d.opts.Slate) > 0 && v.ready && !v.slateDue {
		v.slateDue, v.slateAt = true, at+slateAfter
	}
}

// slate emits the slate. New has made sure that it is a key frame.
func (v *videoTrack) slate(pts int64) {
	v.slateDue = false
	width, height, _ := v.assembler.adoptKeyFrame(v.d.opts.Slate)
	v.fillWith(Frame{PTS: pts, Key: true, Width: width, Height: height, Data: bytes.Clone(v.d.opts.Slate)})
}

// fill repeats the newest picture up to that time; at is now.
func (v *videoTrack) fill(upTo int64, at time.Duration) {
	if !v.ready {
		return
	}
	v.last = max(v.last, upTo-ticks(maxFill, v.codec))
	for v.last+v.interval <= upTo {
		if v.slateDue && at >= v.slateAt {
			v.slate(v.last + v.interval)
			continue
		}
		data := v.assembler.repeat()
		if data == nil {
			return
		}
		v.fillWith(Frame{PTS: v.last + v.interval, Data: data})
	}
}
