package vp8

// filterAndQuantizer writes the loop filter off, one token partition and quantizer index 0 (RFC 6386 §9.5, §9.6).
func (w *boolWriter) filterAndQuantizer() {
	w.literal(0, 1+6+3) // filter_type, loop_filter_level, sharpness_level
	w.literal(0, 1)     // loop_filter_adj_enable: the decoder's deltas stay as they are
	w.literal(0, 2)     // log2_nbr_of_dct_partitions
	w.literal(0, 7+5)   // y_ac_qi and five absent deltas
}

// noCoefficientUpdates writes token_prob_update with every flag false (RFC 6386 §13.4).
func (w *boolWriter) noCoefficientUpdates() {
	for i := range coeffUpdateProbs {
		for _, p := range coeffUpdateProbs[i] {
			w.bool(false, p)
		}
		for range 3 {
			w.bool(false, 255)
		}
	}
}

// skipFlag announces mb_skip_coeff in each macroblock, and its probability of being false.
func (w *boolWriter) skipFlag(prob uint8) {
	w.literal(1, 1)
	w.literal(uint32(prob), 8)
}

// closeFirstPartition writes the tag of the frame that begins at frame[start] with headerSize bytes and whose first
// partition ends where frame does: version 0, shown (RFC 6386 §9.1).
func closeFirstPartition(frame []byte, start, headerSize int) []byte {
	tag := uint32(len(frame)-start-headerSize)<<5 | 1<<4
	if headerSize == tagSize {
		tag |= 1 // inter frame
	}
	frame[start], frame[start+1], frame[start+2] = byte(tag), byte(tag>>8), byte(tag>>16)
	return frame
}
