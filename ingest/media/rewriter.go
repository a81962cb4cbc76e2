package media

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"
)

// Rewriter makes one continuous RTP stream of pieces: what a viewer got before a gap of ours and after it, of one publisher and
// of the next. Sequence numbers go on by one; time stamps go on by the time that has passed, or as the source's do when it is
// still the same. Losses within a piece stay holes, since what fills them may still come. Another SSRC is another source.
//
// Pictures of the past that come all at once are told to be just so close together, or a player would take the first one for
// the present and stay behind by as much as they span.
type Rewriter struct {
	clockRate uint32
	asIs      bool // the first piece is left as it is

	source    uint32 // SSRC of the piece
	cut       bool   // the next packet begins a piece
	newSource bool   // and its time stamps have another base
	advance   bool   // it is of another encoding
	sequence  uint16
	timeShift uint32
	first     int64 // of the piece; extended sequence numbers of the source
	highest   int64
	hurry     uint32 // by how much time stamps before the present are drawn together; 0: not at all
	present   uint32 // of the source, when the piece began

	dropped [droppedRuns]droppedRun // of the piece, the newest at runs
	runs    int                     // that there have been

	lastSequence uint16 // of the packet sent with the highest position
	lastTime     uint32
	lastAt       time.Time // when it arrived; zero: nothing has been sent
}

// NewRewriter begins at random (RFC 3550 §5.1), and far enough from 2^16 that losses at the start cannot hide a roll-over from
// SRTP (RFC 3711 §3.3.1).
func NewRewriter(clockRate uint32) Rewriter {
	return Rewriter{clockRate: clockRate, cut: true, newSource: true, lastSequence: uint16(rand.N(1 << 15)), lastTime: rand.Uint32()}
}

// NewLateRewriter leaves the first piece as it is.
func NewLateRewriter(clockRate uint32) Rewriter {
	return Rewriter{clockRate: clockRate, cut: true, newSource: true, asIs: true}
}

// SwitchSource makes the next packet begin a piece whose sequence numbers and time stamps have another base.
func (s *Rewriter) SwitchSource() { s.cut, s.newSource, s.hurry = true, true, 0 }

// Cut makes the next packet begin a piece of the same source.
func (s *Rewriter) Cut() { s.cut = true }

// SwitchEncoding makes the next packet, of that SSRC, begin a piece whose sequence numbers have another base, and whose time stamps are on the
// same clock. They go on even where the same pictures have been sent already.
func (s *Rewriter) SwitchEncoding(source uint32) {
	if s.newSource {
		return // nothing has been sent of the old one
	}
	s.cut, s.advance, s.source = true, true, source
}

// ClockRate is the rate of time stamps in Hz.
func (s *Rewriter) ClockRate() uint32 { return s.clockRate }

// TimeShift is what is added to time stamps of the present source.
func (s *Rewriter) TimeShift() uint32 { return s.timeShift }

// Last is the newest time stamp that was sent, and when its packet arrived: the zero time while nothing has been sent.
func (s *Rewriter) Last() (rtpTime uint32, at time.Time) { return s.lastTime, s.lastAt }

// Begun reports whether packets of the present source have been sent, so that TimeShift holds.
func (s *Rewriter) Begun() bool { return !s.lastAt.IsZero() && !s.newSource }

// Rewrite rewrites the header of a packet that arrived at that instant; false is for a straggler from before the piece.
func (s *Rewriter) Rewrite(h *rtp.Header, at time.Time) bool {
	if h.SSRC != s.source {
		if !s.newSource {
			s.SwitchSource()
		}
		s.source = h.SSRC
	}
	h.Timestamp = s.hurried(h.Timestamp)
	if s.cut {
		s.beginPiece(h, at)
	}
	position := s.highest + int64(int16(h.SequenceNumber-uint16(s.highest)))
	if position < s.first {
		return false
	}
	shift := s.sequence
	if position < s.highest && s.runs > 0 {
		var known bool
		if shift, known = s.shiftAt(position); !known {
			return false
		}
	}
	h.SequenceNumber += shift
	h.Timestamp += s.timeShift
	if position >= s.highest {
		s.highest, s.lastSequence, s.lastTime, s.lastAt = position, h.SequenceNumber, h.Timestamp, at
	}
	return true
}

func (s *Rewriter) beginPiece(h *rtp.Header, at time.Time) {
	s.first = int64(h.SequenceNumber)
	s.highest, s.runs = s.first, 0
	s.sequence = s.lastSequence + 1 - h.SequenceNumber
	if s.newSource {
		var passed uint32
		if !s.lastAt.IsZero() {
			passed = Ticks(max(at.Sub(s.lastAt), 0), s.clockRate)
		}
		s.timeShift = s.lastTime + max(passed, 1) - h.Timestamp
	}
	if ahead := int32(h.Timestamp + s.timeShift - s.lastTime); s.advance && ahead <= 0 {
		s.timeShift += uint32(1 - ahead)
	}
	if s.asIs {
		s.sequence, s.timeShift, s.asIs = 0, 0, false
	}
	s.cut, s.newSource, s.advance = false, false, false
}

const (
	// hurriedBy makes a millisecond of the time between two pictures.
	hurriedBy = 32
	// hurriedWithin is the longest that a past may seem.
	hurriedWithin = 80 * time.Millisecond
)

// HurryTo draws the past of the next piece together before its present. first is when it begins.
func (s *Rewriter) HurryTo(first, present uint32) {
	s.hurry, s.present = max(hurriedBy, (present-first)/max(Ticks(hurriedWithin, s.clockRate), 1)+1), present
}

// hurried keeps the order of time stamps. Long after the beginning no straggler comes any more, and numbers are used again.
func (s *Rewriter) hurried(timestamp uint32) uint32 {
	behind := int32(s.present - timestamp)
	switch {
	case s.hurry == 0 || behind < -int32(10*s.clockRate):
		s.hurry = 0
	case behind > 0:
		return s.present - uint32(behind)/s.hurry
	}
	return timestamp
}

// Ticks converts a time, forward or back, to ticks of an RTP clock, which wrap.
func Ticks(d time.Duration, clockRate uint32) uint32 {
	return uint32(int64(d.Seconds() * float64(clockRate)))
}
