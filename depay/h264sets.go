package depay

import "github.com/sluice-live/sluice/depay/h264"

// maxPending bounds the bytes of parameter sets that wait for a picture to go before.
const maxPending = 64 << 10

// h264Sets keeps the parameter sets of a source, and knows which of them a decoder has not been given.
type h264Sets struct {
	given [][]byte // of the session description
	known h264.Sets
	set   []byte // one in the making; reused

	inBand   bool // they come in packets
	sps, pps bool // one came with the open picture

	pending []byte // those that have changed since the last picture that was passed on, in Annex B; reused
	sent    int    // how many bytes of pending are in the open picture
}

// newH264Sets returns the parameter sets of a session description.
func newH264Sets(given [][]byte) h264Sets {
	s := h264Sets{given: given}
	s.describe()
	return s
}

func (s *h264Sets) describe() {
	for _, nal := range s.given {
		_, _ = s.known.Add(nal) // Options.Validate has tried it
	}
}

// start begins a picture.
func (s *h264Sets) start() { s.sps, s.pps, s.sent = false, false, 0 }

// complete reports whether an IDR picture has come with all that should have come with it: packets before it were lost.
func (s *h264Sets) complete() bool { return !s.inBand || s.sps && s.pps }

// open begins a set in the making.
func (s *h264Sets) open(header byte) { s.set = append(s.set[:0], header) }

// collect adds to the set in the making, and reports whether that is not too long.
func (s *h264Sets) collect(body []byte) bool {
	if len(s.set)+len(body) > maxPayload {
		return false
	}
	s.set = append(s.set, body...)
	return true
}

// store ends the set in the making, and reports whether it could be read.
func (s *h264Sets) store() bool {
	changed, err := s.known.Add(s.set)
	if err != nil {
		return false
	}
	isSPS := h264.Type(s.set[0]) == h264.TypeSPS
	s.inBand, s.sps, s.pps = true, s.sps || isSPS, s.pps || !isSPS
	if changed {
		s.pending = append(h264.AppendStartCode(s.pending), s.set...)
	}
	return true
}

// before returns what goes before a picture: all its parameter sets before an IDR picture, what has changed before others.
func (s *h264Sets) before(first *h264.Slice) []byte {
	s.sent = len(s.pending)
	if !first.IDR {
		return s.pending
	}
	s.set = s.known.Append(s.set[:0], first.SPS.ID)
	return s.set
}

// drain forgets so many bytes of what is pending.
func (s *h264Sets) drain(n int) {
	s.pending = append(s.pending[:0], s.pending[n:]...)
	s.sent = 0
}

// forget forgets the source, but not its session description.
func (s *h264Sets) forget() {
	*s = h264Sets{given: s.given, set: s.set[:0], pending: s.pending[:0]}
	s.describe()
}

// readH264 returns what the first slice of an access unit in Annex B says, which has its parameter sets before it.
func readH264(unit []byte) (slice h264.Slice, err error) {
	var sets h264.Sets
	for nal := range h264.Units(unit) {
		switch t := h264.Type(nal[0]); {
		case t.IsSlice():
			return sets.ParseSlice(nal[0], nal[1:])
		case t == h264.TypeSPS || t == h264.TypePPS:
			if _, err := sets.Add(nal); err != nil {
				return slice, err
			}
		}
	}
	return slice, errNoKeyFrame
}
