package media

import "time"

// bitrateWindow is the time over which a bitrate is measured.
const bitrateWindow = time.Second

// Stats are the counters of a Publisher since it started.
type Stats struct {
	BytesReceived uint64        // RTP payload
	Bitrate       float64       // bit/s over the last second or so, of all tracks
	RTT           time.Duration // of the ICE pair; 0 while unknown
	NACKs         uint64        // packets asked for again (RFC 4585 §6.2.1)
	PLIs          uint64        // key-frame requests sent
	LateFrames    uint64        // of an upload, dropped because they came too late
	LostChunks    uint64        // of an upload, given up because they did not come
	DamagedFrames uint64        // of an upload, passed over because they were empty or could not be read
	Tracks        []TrackStats
}

// TrackStats are the counters of a Track since it started.
type TrackStats struct {
	Kind             Kind
	Packets          uint64 // RTP packets received, retransmissions and what is restored included
	Bytes            uint64 // RTP payload, without redundancy
	Bitrate          float64
	Lost             uint64        // packets that have not come (RFC 3550 §A.3), less those that came again or are restored
	Recovered        uint64        // packets restored from redundancy (RFC 2198)
	Malformed        uint64        // packets that could not be read
	KeyFrames        uint64        // key frames begun; always 0 for audio
	KeyFrameRequests uint64        // sent to the publisher
	Sources          uint64        // SSRCs that have been read, one after the other
	Silent           bool          // nothing has come for a while although the peer sends otherwise
	GroupsGivenUp    uint64        // key frames that are followed by too much to begin with them later
	Jitter           time.Duration // of arrival (RFC 3550 §A.8)
	LastPacket       time.Time     // zero before the first
	FPS              float64       // pictures per second, over the last second or so
	Width, Height    int           // of VP8 pictures, in pixels; 0 while unknown

	Layers        int    // of a simulcast that have come (RFC 8853); 0: it is none. All other counters are of what is taken of them
	Layer         string // the one that is taken, as the publisher names it
	LayerSwitches uint64 // from one to another
}

// receiverStats counts one track. Its owner serializes calls.
type receiverStats struct {
	clockRate uint32

	packets, bytes, keyFrames, malformed, recovered uint64

	sources       uint64                   // that have been read
	lost          uint64                   // packets of sources before the present one
	before        uint64                   // packets that have come of those
	base, highest int64                    // extended sequence numbers
	come          [numbersKept / 64]uint64 // a bit for each of the last of them
	transit       int64                    // clock ticks
	jitter        float64

	first, last, windowStart time.Time
	windowBytes              uint64
	bitrate                  float64
	windowPictures           uint64
	picture                  uint32 // time stamp of the newest
	fps                      float64
	width, height            int
}

// beginSource begins another source, whose sequence numbers and time stamps say nothing about those before.
func (s *receiverStats) beginSource() {
	s.sources++
	s.lost += s.missing()
	s.before = s.packets
}

// missing is how many packets of the present source have not come.
func (s *receiverStats) missing() uint64 {
	if s.packets == s.before {
		return 0
	}
	return uint64(max(s.highest-s.base+1-int64(s.packets-s.before), 0))
}

// add reports whether the packet is the newest in the order that the sender made.
func (s *receiverStats) add(p *Packet) (newest bool) {
	if newest = s.addSequence(p.RTP.SequenceNumber); newest && !p.restored {
		s.addTransit(p.RTP.Timestamp, p.Arrival)
	}
	s.addBytes(uint64(len(p.RTP.Payload)), p.Arrival)
	s.packets++
	if p.restored {
		s.recovered++
	}
	if p.KeyFrame {
		s.keyFrames++
	}
	if newest && (s.packets == s.before+1 || p.RTP.Timestamp != s.picture) { // markers do not tell (RFC 6184 §5.1)
		s.windowPictures++
		s.picture = p.RTP.Timestamp
	}
	return newest
}

// numbersKept is of how many sequence numbers up to the highest it is known whether they have come: more than are asked for again.
const numbersKept = 1024

// mark notes that a number has come, or is to come.
func (s *receiverStats) mark(seq uint16, come bool) {
	word, bit := seq%numbersKept/64, uint64(1)<<(seq%64)
	if s.come[word] &^= bit; come {
		s.come[word] |= bit
	}
}

// has reports whether a packet has come, as far as that is known.
func (s *receiverStats) has(seq uint16) bool {
	behind := int16(uint16(s.highest) - seq)
	return behind >= 0 && behind < numbersKept && s.come[seq%numbersKept/64]&(1<<(seq%64)) != 0
}

// addSequence extends the sequence number by the shortest way from the highest one, and reports whether it is a higher one.
func (s *receiverStats) addSequence(seq uint16) bool {
	if s.packets == s.before {
		s.base, s.highest = int64(seq), int64(seq)
		s.come = [numbersKept / 64]uint64{}
		s.mark(seq, true)
		return true
	}
	step := int64(int16(seq - uint16(s.highest)))
	for skipped := min(step, numbersKept) - 1; skipped > 0; skipped-- {
		s.mark(seq-uint16(skipped), false)
	}
	if step > -numbersKept {
		s.mark(seq, true)
	}
	s.highest += max(step, 0)
	return step > 0
}

// addTransit is RFC 3550 §A.8, for packets in order: one that was sent again tells nothing about jitter. Differences wrap in 32 bits, as RTP time does.
func (s *receiverStats) addTransit(rtpTime uint32, arrival time.Time) {
	begins := s.packets == s.before
	if begins {
		s.first = arrival
	}
	ticks := int64(arrival.Sub(s.first).Seconds() * float64(s.clockRate))
	transit := ticks - int64(rtpTime)
	if !begins {
		d := int32(transit - s.transit)
		s.jitter += (abs(float64(d)) - s.jitter) / 16
	}
	s.transit = transit
}

func (s *receiverStats) addBytes(n uint64, arrival time.Time) {
	s.last = arrival
	s.bytes += n
	s.windowBytes += n
	if s.windowStart.IsZero() {
		s.windowStart = arrival
	}
	if d := arrival.Sub(s.windowStart); d >= bitrateWindow {
		s.bitrate, s.fps = float64(s.windowBytes*8)/d.Seconds(), float64(s.windowPictures)/d.Seconds()
		s.windowStart, s.windowBytes, s.windowPictures = arrival, 0, 0
	}
}

func (s *receiverStats) snapshot(now time.Time) TrackStats {
	st := TrackStats{
		Packets: s.packets, Bytes: s.bytes, Malformed: s.malformed, Recovered: s.recovered, KeyFrames: s.keyFrames, LastPacket: s.last,
		Sources: s.sources, Lost: s.lost + s.missing(), Width: s.width, Height: s.height, Jitter: time.Duration(s.jitter / float64(max(s.clockRate, 1)) * float64(time.Second)),
	}
	if now.Sub(s.last) < 2*bitrateWindow {
		st.Bitrate, st.FPS = s.bitrate, s.fps
	}
	return st
}

func abs(v float64) float64 { return max(v, -v) }
