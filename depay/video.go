package depay

import "bytes"

// videoTrack emits pictures, and repeat frames where there are none.
type videoTrack struct {
	track
	assembler
	d        *Depacketizer
	ready    bool  // a key frame was emitted
	interval int64 // between repeat frames, in ticks
}

func (v *videoTrack) init(d *Depacketizer) {
	v.d = d
	v.track = track{kind: Video, codec: d.opts.Video, stats: &d.stats.Video, emit: d.opts.Emit, last: -1}
	d.clock.lanes[Video].rate = VP8.ClockRate() // that of all codecs of pictures
	if v.codec == 0 {
		return
	}
	v.assembler = newAssembler(d.opts, v.emitPicture, v.stats)
	v.deliver = v.assembler.push
	v.interval = ticks(d.opts.FrameInterval, v.codec)
}

// emitPicture emits what the assembler made; the first one sets PTS 0.
func (v *videoTrack) emitPicture(p picture) {
	if !v.d.running {
		v.d.run(p.instant)
	}
	v.ready = v.ready || p.key
	v.pass(Frame{
		PTS: v.d.pts(p.instant, v.codec), Key: p.key, Width: p.width, Height: p.height, Data: bytes.Clone(p.data),
	})
}

// black emits the key frame that repeat frames can follow until the camera comes.
func (v *videoTrack) black() {
	v.ready = true
	data, width, height := v.assembler.black()
	v.fillWith(Frame{PTS: v.last + 1, Key: true, Width: width, Height: height, Data: data})
}

// fill repeats the newest picture up to that time.
func (v *videoTrack) fill(upTo int64) {
	if !v.ready {
		return
	}
	v.last = max(v.last, upTo-ticks(maxFill, v.codec))
	for v.last+v.interval <= upTo {
		data := v.assembler.repeat()
		if data == nil {
			return
		}
		v.fillWith(Frame{PTS: v.last + v.interval, Data: data})
	}
}
