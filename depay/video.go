package depay

import (
	"bytes"

	"github.com/sluice-live/sluice/depay/vp8"
)

// Size in pixels of the black picture that stands for a camera that does not come.
const (
	blackWidth  = 640
	blackHeight = 360
)

// videoTrack emits pictures, and repeat frames where there are none.
type videoTrack struct {
	track
	d         *Depacketizer
	assembler vp8Assembler

	ready    bool              // a key frame was emitted
	shown    vp8.RepeatOptions // of the newest picture
	repeat   []byte            // a repeat frame for repeats
	repeats  vp8.RepeatOptions
	interval int64 // between repeat frames, in ticks
}

func (v *videoTrack) init(d *Depacketizer) {
	v.d = d
	v.assembler = vp8Assembler{emit: v.emitPicture, stats: &d.stats.Video, waiting: true}
	v.track = track{
		kind: Video, codec: d.opts.Video, stats: &d.stats.Video, emit: d.opts.Emit, deliver: v.assembler.push, last: -1,
	}
	v.interval = ticks(d.opts.FrameInterval, VP8)
	d.clock.lanes[Video].rate = VP8.ClockRate()
}

// emitPicture emits what the assembler made; the first one sets PTS 0.
func (v *videoTrack) emitPicture(p picture) {
	if !v.d.running {
		v.d.run(p.instant)
	}
	if p.Key {
		v.ready = true
		v.shown.Width, v.shown.Height = p.Width, p.Height
	}
	v.shown.Segmentation = p.Segmentation
	v.pass(Frame{
		PTS: v.d.pts(p.instant, VP8), Key: p.Key, Width: p.Width, Height: p.Height, Data: bytes.Clone(p.data),
	})
}

// black emits the key frame that repeat frames can follow until the camera comes.
func (v *videoTrack) black() {
	v.ready, v.shown = true, vp8.RepeatOptions{Width: blackWidth, Height: blackHeight}
	data := vp8.AppendBlack(nil, blackWidth, blackHeight)
	v.fillWith(Frame{PTS: v.last + 1, Key: true, Width: blackWidth, Height: blackHeight, Data: data})
}

// fill repeats the newest picture up to that time.
func (v *videoTrack) fill(upTo int64) {
	if !v.ready {
		return
	}
	v.last = max(v.last, upTo-ticks(maxFill, VP8))
	for v.last+v.interval <= upTo {
		v.fillWith(Frame{PTS: v.last + v.interval, Data: bytes.Clone(v.repeatFrame())})
	}
}

func (v *videoTrack) repeatFrame() []byte {
	if v.repeats != v.shown {
		v.repeat, v.repeats = vp8.AppendRepeat(v.repeat[:0], v.shown), v.shown
	}
	return v.repeat
}
