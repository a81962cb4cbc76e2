package h264

// State is what the pictures that a decoder was given have left behind, as far as a repeat frame needs to know. The zero
// value has seen none. States can be compared: AppendRepeat makes the same of equal ones.
type State struct {
	sps *SPS
	pps *PPS

	reference bool   // the newest picture is one
	frameNum  uint32 // of the next picture, if none is missing (§7.4.3, frame_num)
	longTerm  int    // LongTermFrameIdx of the newest reference picture, or noLongTerm

	// Picture order count. With POCType 0 it counts from the last IDR picture (§8.2.1.1), with the others it is not kept.
	referencePOC, poc int32 // TopFieldOrderCnt of the newest reference picture, and of the newest picture
	dense             bool  // it has grown by 1 from one picture to the next: there is no room between them
	deltaPOCBottom    int32
	deltaPOC          [2]int32
}

// Follow takes the first slice of the next picture that a decoder is given.
func (s *State) Follow(p *Slice) {
	poc := s.pocOf(p)
	if s.sps != nil && s.continues(p) && poc == s.poc+1 {
		s.dense = true
	}
	if p.Reset {
		poc = max(0, -p.DeltaPOCBottom) // tempPicOrderCnt is subtracted (§8.2.1)
	}
	s.sps, s.pps, s.reference, s.poc = p.SPS, p.PPS, p.Reference, poc
	s.deltaPOCBottom, s.deltaPOC = p.DeltaPOCBottom, p.DeltaPOC
	s.frameNum = p.FrameNum
	if p.Reference {
		s.frameNum = (p.FrameNum + 1) & (1<<p.SPS.FrameNumBits - 1)
		s.referencePOC, s.longTerm = poc, p.LongTerm
	}
	if p.Reset {
		s.frameNum = 1 // the picture's own becomes 0 (§7.4.3)
	}
}

// Gap returns how many reference pictures are missing before a picture, 0 if none. It is modulo 2^FrameNumBits.
func (s *State) Gap(p *Slice) uint32 {
	if p.IDR || s.sps == nil {
		return 0
	}
	return (p.FrameNum - s.frameNum) & (1<<p.SPS.FrameNumBits - 1)
}

// Reordered reports whether a picture is to be shown before one that was given to the decoder before it, by its picture order
// count. With POCType 2 none can be; with POCType 1, which encoders do not use, it is not looked at.
func (s *State) Reordered(p *Slice) bool {
	return s.sps != nil && s.continues(p) && s.pocOf(p)-s.poc < 0 // which may wrap
}

// continues reports whether picture order counts go on, which they do with POCType 0 only.
func (s *State) continues(p *Slice) bool { return p.SPS.POCType == 0 && !p.IDR && !p.Reset }

// pocOf returns TopFieldOrderCnt, before Reset (§8.2.1.1).
func (s *State) pocOf(p *Slice) int32 {
	if p.SPS.POCType != 0 {
		return 0
	}
	reference := s.referencePOC
	if p.IDR {
		reference = 0
	}
	limit := int32(1) << p.SPS.POCBits
	step := (int32(p.POCLsb) - reference) & (limit - 1)
	if step > limit/2 {
		step -= limit
	}
	return reference + step
}
