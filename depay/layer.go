package depay

import (
	"bytes"
	"time"

	"github.com/pion/rtp"
)

// maxLayers bounds Options.Layers.
const maxLayers = 3

// layerTrack emits the pictures of one layer as they come: it is never filled, and sets no clock.
type layerTrack struct {
	track
	assembler
	d      *Depacketizer
	number int // from 1
}

// newLayerTrack returns the layer of that number. Parameter sets of the session description are those of the video track.
func newLayerTrack(d *Depacketizer, number int) *layerTrack {
	l := &layerTrack{d: d, number: number}
	l.track = track{kind: Video, codec: d.opts.Video, stats: &d.stats.Layers, emit: d.opts.Emit, last: -1}
	l.assembler = newAssembler(Options{Video: d.opts.Video}, l.emitPicture, l.stats)
	l.deliver = l.assembler.push
	return l
}

func (l *layerTrack) emitPicture(p picture) {
	if l.d.running { // else it is from before PTS 0
		l.pass(Frame{
			PTS: l.d.pts(p.instant, l.codec), RTPTime: p.timestamp, Layer: l.number, Key: p.key, Width: p.width, Height: p.height, Data: bytes.Clone(p.data),
		})
	}
}

// begin begins a source of packets; 0 is none.
func (l *layerTrack) begin(ssrc uint32) {
	l.pop(everything)
	l.buffer.restart()
	l.assembler.restart()
	l.live, l.ssrc = ssrc != 0, ssrc
}

// PushLayer takes a packet of one of Options.Layers, counted from 1, as Push does. Its time stamps are on the clock of the video
// track, without whose packets nothing is known of their time: it is ignored then.
func (d *Depacketizer) PushLayer(number int, p *rtp.Packet, arrival time.Time) {
	l := d.layers[number-1]
	at := d.elapsed(arrival)
	d.clock.advance(at)
	if !d.clock.lanes[Video].anchored {
		return
	}
	if !l.live || l.ssrc != p.SSRC {
		l.begin(p.SSRC)
		l.stats.Sources++
	}
	l.stats.Packets++
	if len(p.Payload) > maxPayload {
		l.stats.Malformed++
		return
	}
	d.accept(&l.track, packet{
		seq: p.SequenceNumber, timestamp: p.Timestamp, marker: p.Marker, payload: p.Payload,
		instant: d.clock.lanes[Video].instant(p.Timestamp, at),
	}, at)
}

// keyWanted tells whether pictures wait for a key frame, those of a layer too.
func (d *Depacketizer) keyWanted() bool {
	wanted := d.opts.Video != 0 && d.video.keys().wanted
	for _, l := range d.layers {
		wanted = wanted || l.keys().wanted
	}
	return wanted
}
