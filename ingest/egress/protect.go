package egress

import (
	"time"

	"github.com/sluice-live/sluice/ingest/bandwidth"
)

// losses follows the share of packets that a client loses.
type losses struct {
	packets, lost uint64 // that it has told of
	share         float64
}

// How the losses are followed, once a second.
const (
	lossWeight  = 0.25 // of the newest second
	lossPackets = 20   // that a share can be told of
)

// add takes what is known of a second: of each packet, and what the client has reported of one medium lately.
func (l *losses) add(st bandwidth.Stats, reported float64) {
	packets, lost := st.Packets+st.Lost-l.packets, st.Lost-l.lost
	l.packets, l.lost = st.Packets+st.Lost, st.Lost
	loss := reported
	if packets >= lossPackets {
		loss = max(loss, float64(lost)/float64(packets))
	}
	l.share += lossWeight * (loss - l.share)
}

// protect follows what the client loses. The caller holds mu.
func (v *Viewer) protect(now time.Time) {
	var st bandwidth.Stats
	if v.control != nil {
		st = v.control.Stats(now)
	}
	o := v.audio
	if o == nil || !o.local.takesRED() {
		return
	}
	v.losses.add(st, o.outbound.Stats().LossRate)
	o.red.follow(v.losses.share, v.affords(o), now)
	o.outbound.CountRedundant(o.red.packets, o.red.distance)
}

// affords is how many earlier packets each packet of sound may bring once more: all of it takes half of the connection at most.
func (v *Viewer) affords(o *downTrack) int {
	part, known := v.share.part()
	distance := mostDistance
	for known && distance > 0 && soundRate(o.bitrate(), distance) > part/2 {
		distance--
	}
	return distance
}

// bitrate is that of what is published, in bit/s.
func (o *downTrack) bitrate() float64 {
	if t := o.source.Load(); t != nil {
		return t.Stats().Bitrate
	}
	return 0
}

// soundRate is the bit rate that sound takes of the connection when each packet brings so many earlier ones.
func soundRate(bitrate float64, distance int) float64 {
	const packets = 50 // in a second
	return bitrate + packets*8*packetOverhead + float64(distance)*(bitrate+packets*8*redHeader)
}
