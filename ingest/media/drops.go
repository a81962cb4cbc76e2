package media

import "github.com/pion/rtp"

// droppedRuns is how many runs of dropped packets it is remembered for what packets before them are numbered.
const droppedRuns = 32

// droppedRun is packets of a piece that are not sent.
type droppedRun struct {
	first, last int64  // positions
	before      uint16 // what is added to sequence numbers before
}

// Drop closes the gap that a packet leaves which is not sent, of the present piece.
func (s *Rewriter) Drop(h *rtp.Header) {
	if s.cut || h.SSRC != s.source {
		return
	}
	position := s.highest + int64(int16(h.SequenceNumber-uint16(s.highest)))
	if position <= s.highest {
		return // late: it has left a gap already, or there is none
	}
	if newest := &s.dropped[s.runs%droppedRuns]; s.runs > 0 && newest.last == position-1 {
		newest.last = position
	} else {
		s.runs++
		s.dropped[s.runs%droppedRuns] = droppedRun{position, position, s.sequence}
	}
	s.highest = position
	s.sequence--
}

// shiftAt is what is added to the sequence number of a packet; false: it is of too long ago.
func (s *Rewriter) shiftAt(position int64) (shift uint16, ok bool) {
	shift = s.sequence
	for i := range min(s.runs, droppedRuns) {
		run := &s.dropped[(s.runs-i)%droppedRuns]
		if position > run.last {
			return shift, true
		}
		shift = run.before
	}
	return shift, s.runs <= droppedRuns
}
