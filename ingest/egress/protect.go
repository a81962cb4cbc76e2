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

// level is how much is sent against losses, in steps.
type level struct {
	at     int       // 0: nothing
	needed time.Time // when the losses were last worth that
}

// When there is less.
const (
	levelKeeps = 2 // times smaller losses than those that a level begins with keep it
	levelHold  = 15 * time.Second
)

// follow goes to the level that begins with the losses: up at once, down after a while, and never above the most that there is room for.
func (l *level) follow(loss float64, from []float64, most int, now time.Time) (at int) {
	of := func(loss float64) (n int) {
		for n < len(from) && loss >= from[n] {
			n++
		}
		return n
	}
	switch wanted := min(of(loss), most); {
	case wanted > l.at:
		l.at, l.needed = wanted, now
	case l.at > most:
		l.at = most
	case of(levelKeeps*loss) >= l.at:
		l.needed = now
	case now.Sub(l.needed) >= levelHold:
		l.at, l.needed = l.at-1, now
	}
	return l.at
}

// protect follows what the client loses. The caller holds mu.
func (v *Viewer) protect(now time.Time) {
	red, fec := v.audio != nil && v.audio.local.takesRED(), v.video != nil && v.video.local.takesFEC()
	if !red && !fec {
		return
	}
	var st bandwidth.Stats
	if v.control != nil {
		st = v.control.Stats(now)
	}
	reported := 0.0
	for _, o := range v.downTracks() {
		reported = max(reported, o.outbound.Stats().LossRate)
	}
	v.losses.add(st, reported)
	if red {
		o := v.audio
		o.red.set(o.red.level.follow(v.losses.share, redFrom, v.affords(o), now))
		o.outbound.CountRedundant(o.red.packets, o.red.distance)
	}
	if fec {
		v.correct(v.video, now)
	}
}

// correct has pictures come with error correction where that repairs losses sooner than retransmission does, and the connection has room for it.
func (v *Viewer) correct(o *downTrack, now time.Time) {
	most := len(fecFrom)
	if o.outbound.Stats().RTT < fecAbove {
		most = 0
	}
	part, known := v.share.part()
	for known && most > 0 && v.rateWith(o, most) > fecRoom*part {
		most--
	}
	c := o.local.correction
	at := v.corrected.follow(v.losses.share, fecFrom, most, now)
	if at > 0 && c == nil {
		c = newCorrection()
		o.local.correction = c
	}
	if c != nil {
		c.set(fecEvery[at])
		o.outbound.CountCorrection(c.sent, at)
	}
}

// rateWith is the bit rate of all that is sent to the viewer, with error correction of a level.
func (v *Viewer) rateWith(o *downTrack, level int) (rate float64) {
	if v.audio != nil {
		rate = soundRate(v.audio.bitrate(), v.audio.red.distance)
	}
	if v.picture != nil && o.tap != nil {
		rate += o.present(v.encodings()) * (1 + 1/float64(fecEvery[level]))
	}
	return rate
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
