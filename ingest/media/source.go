package media

import (
	"encoding/binary"
	"sync"
	"time"
)

// sourceGone is how long nothing has come of a source when an earlier one may take its place again.
const sourceGone = time.Second

// sources are the SSRCs that a Track is read from, one after the other: a sender may go on under another one without a new offer
// (RFC 3550 §8.2). The newest takes the place of the one before, pictures at its first key frame. What comes of the others is dropped.
type sources struct {
	mu     sync.Mutex // makes one read loop of those of all sources
	active *Source    // nil: nothing has come yet
	newest *Source    // was added last, or has come back last
}

// Source is one SSRC of a Track.
type Source struct {
	track     *Track
	ssrc      uint32
	ask       func()        // for a key frame
	deliver   func(*Packet) // to the track, without redundancy
	keyFrames keyFrames
	last      time.Time // when its newest packet came
	asked     time.Time
	report    *SenderReport // the newest that came while a source was read
}

// AddSource adds an SSRC that the track is read from as soon as packets come of it. ask asks it for a key frame.
func (t *Track) AddSource(ssrc uint32, ask func()) *Source {
	s := &Source{track: t, ssrc: ssrc, ask: ask, deliver: unwrapped(t), keyFrames: keyFrames{starts: t.keyFrames.starts}}
	t.sources.mu.Lock()
	defer t.sources.mu.Unlock()
	t.sources.newest = s
	return s
}

// Push hands on a packet, if the track is read from this source or is to be from now on.
func (s *Source) Push(p *Packet) {
	ss := &s.track.sources
	ss.mu.Lock()
	defer ss.mu.Unlock()
	changes := ss.active != s
	if changes && !ss.replaceable(s, p) {
		return
	}
	if changes {
		s.track.change(s)
		ss.active, ss.newest = s, s
	}
	s.last = p.Arrival
	s.deliver(p)
	if changes && s.report != nil {
		s.track.PushReport(*s.report)
	}
}

// How far a retransmission may be from the newest packet: beyond, it is of another source.
const (
	repairPackets = 1 << 10
	repairTime    = 5 * VideoClockRate
)

// PushRepair hands on a packet of a stream of retransmissions (RFC 4588 §4) that was not declared. It is taken for one of the source that the
// track is read from, if its number and its time stamp are near the newest.
func (t *Track) PushRepair(p *Packet) {
	ss := &t.sources
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.active == nil || len(p.RTP.Payload) < 2 { // without an original it is padding
		return
	}
	sequence := binary.BigEndian.Uint16(p.RTP.Payload)
	if !t.near(sequence, p.RTP.Timestamp) {
		return
	}
	p.RTP.SSRC, p.RTP.PayloadType = ss.active.ssrc, uint8(PayloadType(t.format.Payload))
	p.RTP.SequenceNumber, p.RTP.Payload = sequence, p.RTP.Payload[2:]
	ss.active.deliver(p)
}

// Has reports whether a packet of an SSRC has come, first or as a retransmission, as far as that is known.
func (t *Track) Has(ssrc uint32, sequence uint16) bool {
	t.sources.mu.Lock()
	defer t.sources.mu.Unlock()
	if t.sources.active == nil || t.sources.active.ssrc != ssrc {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats.has(sequence)
}

// near reports whether a packet is near the newest one.
func (t *Track) near(sequence uint16, timestamp uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	packets, ticks := int(int16(sequence-uint16(t.stats.highest))), int(int32(timestamp-t.stats.picture))
	return max(packets, -packets) < repairPackets && max(ticks, -ticks) < repairTime
}

// replaceable reports whether a packet of s ends the reading of the active source.
func (ss *sources) replaceable(s *Source, p *Packet) bool {
	switch {
	case ss.active == nil:
		return true
	case s != ss.newest && p.Arrival.Sub(ss.active.last) <= sourceGone:
		return false
	case s.track.kind == KindAudio || s.keyFrames.begins(&p.RTP):
		return true
	}
	if p.Arrival.Sub(s.asked) >= keyInterval {
		s.asked = p.Arrival
		s.ask()
	}
	return false
}

// Report hands on a sender report, in its place among the packets.
func (s *Source) Report(r SenderReport) {
	ss := &s.track.sources
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.active != nil {
		s.report = &r
	}
	if ss.active == nil || ss.active == s {
		s.track.PushReport(r)
	}
}

// change makes s what the track is read from. Whatever is known of the order and the time of packets was about the source before.
func (t *Track) change(s *Source) {
	t.keyFrames.found = false
	t.keys.setSend(s.ask)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bound = true
	t.stats.beginSource()
	t.reportedAt = time.Time{}
}
