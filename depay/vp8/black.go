package vp8

// Coefficient that takes the first macroblock's luma from the predicted 128 down to black, 16: at quantizer index 0 the
// Y2 step is 8, and an inverse transform of DC alone divides by 64 (RFC 6386 §14.1, §14.3): 896 * 8 / 64 = 112.
const (
	blackCoeff = 896
	cat6Base   = 67
)

// AppendBlack appends to dst a key frame of black pixels (Y 16, U and V 128), and returns it. Width and height are
// 1 to 16383.
//
// The first macroblock codes one coefficient; all others are predicted from their neighbours (DC_PRED), without residue.
func AppendBlack(dst []byte, width, height uint16) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0x9d, 0x01, 0x2a, byte(width), byte(width>>8&0x3f), byte(height), byte(height>>8&0x3f))
	w := newBoolWriter(dst)
	w.literal(0, 2) // color_space, clamping_type
	w.literal(0, 1) // segmentation_enabled
	w.filterAndQuantizer()
	w.literal(0, 1) // refresh_entropy_probs
	w.noCoefficientUpdates()
	w.skipFlag(1)
	w.blackMacroblocks(macroblocks(width) * macroblocks(height))
	return appendBlackTokens(closeFirstPartition(w.finish(), start, keyTagSize))
}

// blackMacroblocks writes the modes: DC_PRED in luma and chroma, and coefficients in the first macroblock only.
func (w *boolWriter) blackMacroblocks(count int) {
	for i := range count {
		w.blackMode(i)
	}
}

// blackMode writes the i-th macroblock's mode.
func (w *boolWriter) blackMode(i int) {
	w.bool(i > 0, 1) // mb_skip_coeff
	w.bool(true, keyYNotBPred)
	w.bool(false, keyYDCOrV)
	w.bool(false, keyYDC)
	w.bool(false, keyUVDC)
}

// appendBlackTokens appends the token partition: the first macroblock's 25 blocks (RFC 6386 §13.2, with the default
// probabilities of §13.5).
func appendBlackTokens(dst []byte) []byte {
	w := newBoolWriter(dst)
	w.blackY2()
	for range 16 {
		w.bool(false, 253) // luma: end of block; DC is in Y2
	}
	for range 8 {
		w.bool(false, 253) // chroma: end of block
	}
	return w.finish()
}

// blackY2 writes -blackCoeff as DCT_CAT6 and ends the block.
func (w *boolWriter) blackY2() {
	w.bool(true, 198) // not end of block
	w.bool(true, 35)  // not zero
	w.bool(true, 237) // not one
	w.bool(true, 223) // not two, three or four
	w.bool(true, 162) // category 3 or above
	w.bool(true, 145) // category 5 or 6
	w.bool(true, 62)  // category 6
	for i, p := range [11]uint8{254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129} {
		w.bool((blackCoeff-cat6Base)>>(10-i)&1 == 1, p)
	}
	w.bool(true, 128) // negative
	w.bool(false, 81) // end of block
}
