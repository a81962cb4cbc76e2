package depay

import (
	"bytes"
	"time"

	"github.com/pion/rtp"
)

const (
	// maxLayers bounds Options.Layers.
	maxLayers = 3
	// maxEarlyPictures bounds what is kept of a layer until the video track's first picture has set PTS 0.
	maxEarlyPictures = 64
)

// layerTrack emits the pictures of one layer as they come: it is never filled, and sets no clock.
type layerTrack struct {
	track
	assembler
	d      *Depacketizer
	number int // from 1

	early []earlyPicture // from a key frame on: smaller pictures are there before the one that sets PTS 0
}

// earlyPicture is one whose PTS is not known yet.
type earlyPicture struct {
	Frame
	instant time.Duration
}

// newLayerTrack returns the layer of that number. Parameter sets of the session description are those of the video track.
func newLayerTrack(d *Depacketizer, number int) *layerTrack {
	l := &layerTrack{d: d, number: number}
	l.track.init(Video, d.opts.Video, &d.stats.Layers, d.opts.Emit)
	l.assembler = newAssembler(Options{Video: d.opts.Video}, l.emitPicture, l.stats)
	l.deliver, l.track.settle = l.assembler.push, l.assembler.settle
	return l
}

func (l *layerTrack) emitPicture(p picture) {
	f := earlyPicture{Frame{RTPTime: p.timestamp, Layer: l.number, Key: p.key, Width: p.width, Height: p.height, Data: bytes.Clone(p.data)}, p.instant}
	switch {
	case l.d.running:
		l.passOn(f)
	case p.key:
		l.early = append(l.early[:0], f)
	case len(l.early) > 0 && len(l.early) < maxEarlyPictures:
		l.early = append(l.early, f)
	default: // what others refer to is not kept
		l.early = nil
	}
}

func (l *layerTrack) passOn(f earlyPicture) {
	f.PTS = max(l.d.pts(f.instant, l.codec), 0)
	l.pass(f.Frame)
}

// flush passes on what was kept, once PTS 0 is set.
func (l *layerTrack) flush() {
	for _, f := range l.early {
		l.passOn(f)
	}
	l.early = nil
}

// beginSource begins a source of packets; 0 is none.
func (l *layerTrack) beginSource(ssrc uint32) {
	l.pop(everything)
	l.buffer.restart()
	l.assembler.restart()
	l.early = nil
	l.live, l.ssrc = ssrc != 0, ssrc
}

// PushLayer takes a packet of one of Options.Layers, counted from 1, as Push does. Its time stamps are on the clock of the video
// track, without whose packets nothing is known of their time: it is ignored then.
func (d *Depacketizer) PushLayer(number int, p *rtp.Packet, arrival time.Time) {
	l := d.layers[number-1]
	at := d.elapsed(arrival)
	d.clock.advance(at)
	if !d.clock.maps[Video].anchored {
		return
	}
	if !l.live || l.ssrc != p.SSRC {
		l.beginSource(p.SSRC)
		l.stats.Sources++
	}
	l.stats.Packets++
	if len(p.Payload) > maxPayload {
		l.stats.Malformed++
		return
	}
	d.accept(&l.track, packet{
		seq: p.SequenceNumber, timestamp: p.Timestamp, marker: p.Marker, payload: p.Payload, arrival: at,
		instant: d.clock.maps[Video].instant(p.Timestamp, at),
	}, at)
}

// keyWanted reports whether pictures wait for a key frame, those of a layer too.
func (d *Depacketizer) keyWanted() bool {
	wanted := d.opts.Video != 0 && d.video.keys().wanted
	for _, l := range d.layers {
		wanted = wanted || l.keys().wanted
	}
	return wanted
}
