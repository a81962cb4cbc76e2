package vp8

// AppendSegmentedKey appends a black key frame of 64x64 pixels that gives every macroblock a segment and every segment a
// quantizer (RFC 6386 §9.3, §10).
func AppendSegmentedKey(dst []byte) []byte {
	start := len(dst)
	w := newBoolWriter(append(dst, 0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0))
	w.literal(0, 2) // color_space, clamping_type
	w.literal(7, 3) // segmentation with new map and data
	w.literal(1, 1) // values, not differences
	for _, q := range []uint32{0, 60, 90, 127} {
		w.literal(1<<8|q<<1, 9) // present, positive
	}
	w.literal(0, 4) // no loop filter levels
	for range 3 {
		w.literal(1<<8|128, 9) // probabilities of the map
	}
	w.filterAndQuantizer()
	w.literal(1, 1) // refresh_entropy_probs
	w.noCoefficientUpdates()
	w.skipFlag(1)
	for i := range 16 {
		w.literal(uint32(i/2%4), 2) // segment
		w.blackMode(i)
	}
	return appendBlackTokens(closeFirstPartition(w.finish(), start, keyTagSize))
}

// AppendSegmentedInter appends an inter frame that brightens every other macroblock by its segment's step, relying on the
// segments that the decoder has kept.
func AppendSegmentedInter(dst []byte) []byte {
	start := len(dst)
	w := newBoolWriter(append(dst, 0, 0, 0))
	w.literal(4, 3) // segmentation as it was
	w.filterAndQuantizer()
	w.literal(0, 8) // golden and alternate frames stay
	w.literal(3, 2) // refresh_entropy_probs, refresh_last
	w.noCoefficientUpdates()
	w.skipFlag(128)
	w.interProbabilities()
	for i := range 16 {
		w.bool(!coded(i), 128)
		w.fromLast(i%4, i/4)
	}
	frame := closeFirstPartition(w.finish(), start, tagSize)
	w = newBoolWriter(frame)
	for i := range 16 {
		if coded(i) {
			w.oneY2()
		}
	}
	return w.finish()
}

// coded macroblocks form a chequerboard, so that the context of all their blocks is zero.
func coded(i int) bool { return (i%4+i/4)%2 == 0 }

// oneY2 writes a macroblock's blocks: Y2 with a coefficient of one, the others empty (RFC 6386 §13.2, §13.5).
func (w *boolWriter) oneY2() {
	w.bool(true, 198)
	w.bool(true, 35)
	w.bool(false, 237) // one
	w.bool(false, 128) // positive
	w.bool(false, 184) // end of block
	for range 16 + 8 {
		w.bool(false, 253)
	}
}
