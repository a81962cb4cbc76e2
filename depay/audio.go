package depay

import (
	"bytes"

	"github.com/sluice-live/sluice/depay/opus"
)

const (
	// concealable is how much longer than one packet a hole may be that is left to the decoder: 5 ms for the clock's
	// corrections.
	concealable = 48 * 5

	// rounding is how far silence may reach into the packet after it, so that a hole of n packets takes n.
	rounding = 48

	silenceSamples = 48 * 20
)

// silence is 20 ms of digital silence: CELT, fullband, stereo, one frame (RFC 6716 §3.1). Nothing writes to it.
var silence = [3]byte{0xfc, 0xff, 0xfe}

// audioTrack emits Opus packets, and silence where there are none.
type audioTrack struct {
	track
	d     *Depacketizer
	end   int64 // of what was emitted, in ticks
	heard int64 // of what was received, Late or not
}

func (a *audioTrack) init(d *Depacketizer) {
	a.d = d
	a.track.init(Audio, d.opts.Audio, &d.stats.Audio, d.opts.Emit)
	a.deliver = a.push
	d.clock.maps[Audio].rate = Opus.ClockRate()
}

// push takes the next packet, which is one frame (RFC 7587 §4.2). A lost packet was one, too.
func (a *audioTrack) push(p packet) {
	a.stats.drop(DropMissing, uint64(p.lost))
	if len(p.payload) == 0 {
		a.stats.Padding++
		return
	}
	duration, ok := opus.Duration(p.payload)
	if !ok {
		a.stats.drop(DropMalformed, 1)
		return
	}
	if !a.d.running && a.d.opts.Video == 0 {
		a.d.run(p.instant)
	}
	if !a.d.running {
		a.stats.drop(DropBeforeZero, 1)
		return
	}
	f := Frame{PTS: a.d.pts(p.instant, Opus), Duration: duration, Data: p.payload}
	switch end := f.PTS + f.Duration; {
	case end <= 0:
		a.stats.drop(DropBeforeZero, 1)
	case end <= a.end:
		a.emitLate(f)
		a.d.clock.tooLate(Audio, p.instant)
	default:
		a.emitSound(f)
	}
}

// emitLate drops a packet that is wholly covered by what was emitted. To stamp it forward would only delay all that follow:
// audio, unlike a picture, cannot be hurried through. What silence covers is still passed on as received.
func (a *audioTrack) emitLate(f Frame) {
	a.stats.drop(DropTooLate, 1)
	if f.PTS < max(a.heard-rounding, 0) {
		return
	}
	a.last, a.heard = max(a.last, f.PTS), f.PTS+f.Duration
	f.Codec, f.Late, f.Data = a.codec, true, bytes.Clone(f.Data)
	a.emit(f)
}

// emitSound emits a packet whose time has not been emitted yet, and silence before it.
func (a *audioTrack) emitSound(f Frame) {
	if f.PTS-a.end > f.Duration+concealable {
		a.fill(f.PTS + rounding)
	}
	f.Data = bytes.Clone(f.Data)
	a.end = f.PTS + f.Duration
	a.heard = a.pass(f) + f.Duration
}

// fill emits silence as long as it ends by that time.
func (a *audioTrack) fill(upTo int64) {
	if a.codec == 0 {
		return
	}
	a.end = max(a.end, upTo-ticks(maxFill, Opus))
	for ; a.end+silenceSamples <= upTo; a.end += silenceSamples {
		a.fillWith(Frame{PTS: a.end, Duration: silenceSamples, Data: bytes.Clone(silence[:])})
	}
}
