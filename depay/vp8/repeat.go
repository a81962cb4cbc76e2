package vp8

// RepeatOptions describes the stream that a repeat frame goes into.
type RepeatOptions struct {
	Width, Height uint16 // pixels, of the last key frame
	Segmentation  bool   // Header.Segmentation of the last frame: the decoder must keep its segment map, too
}

// AppendRepeat appends to dst an inter frame that shows the last picture again, and returns it.
//
// Every macroblock is copied from the last frame with a zero vector and no residue, no reference is refreshed, no
// probability is kept (refresh_entropy_probs 0), and the loop filter is off, so frames after it decode as if it had
// not been there (RFC 6386 §9.3, §9.6, §9.7, §9.11).
func AppendRepeat(dst []byte, o RepeatOptions) []byte {
	start := len(dst)
	w := newBoolWriter(append(dst, 0, 0, 0))
	w.bool(o.Segmentation, 128)
	if o.Segmentation {
		w.literal(0, 2) // neither map nor data is updated
	}
	w.filterAndQuantizer()
	w.literal(0, 2) // refresh_golden_frame, refresh_alternate_frame
	w.literal(0, 4) // copy_buffer_to_golden, copy_buffer_to_alternate
	w.literal(0, 2) // sign_bias_golden, sign_bias_alternate
	w.literal(0, 2) // refresh_entropy_probs, refresh_last
	w.noCoefficientUpdates()
	w.skipFlag(1)
	w.interProbabilities()
	w.repeatMacroblocks(macroblocks(o.Width), macroblocks(o.Height))
	frame := closeFirstPartition(w.finish(), start, tagSize)
	return append(frame, 0) // a token partition without tokens, for decoders that refuse an empty one
}

// interProbabilities makes "inter" and "from the last frame" all but free (RFC 6386 §9.10).
func (w *boolWriter) interProbabilities() {
	w.literal(1, 8)   // prob_intra
	w.literal(255, 8) // prob_last
	w.literal(128, 8) // prob_gf
	w.literal(0, 2)   // no update of the intra mode probabilities, luma and chroma
	for _, p := range mvUpdateProbs {
		w.bool(false, p)
	}
}

func (w *boolWriter) repeatMacroblocks(columns, rows int) {
	for y := range rows {
		for x := range columns {
			w.bool(true, 1) // mb_skip_coeff
			w.fromLast(x, y)
		}
	}
}

// fromLast writes the mode of a macroblock that is predicted from the same place of the last frame.
func (w *boolWriter) fromLast(x, y int) {
	w.bool(true, 1)    // is_inter_mb
	w.bool(false, 255) // mb_ref_frame_sel1: last
	w.bool(false, zeroMode(x, y))
}

// zeroMode is the probability of a zero vector where all neighbours inside the picture have one.
func zeroMode(x, y int) uint8 {
	switch {
	case x > 0 && y > 0:
		return zeroModeInterior
	case x > 0 || y > 0:
		return zeroModeEdge
	}
	return zeroModeAlone
}

func macroblocks(pixels uint16) int { return (int(pixels) + 15) / 16 }
