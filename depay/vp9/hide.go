package vp9

import (
	"fmt"
	"math/bits"
)

// AppendHidden appends to dst a shown frame as one that is decoded and not shown, and returns dst. A frame that is hidden
// already is appended as it is.
//
// The lower spatial layers of a picture are coded as shown frames, one after another, and only some decoders know that none
// but the last is to be seen; a superframe may show but one frame (VP9 Annex B). show_frame is cleared; an inter frame then
// has intra_only behind error_resilient_mode, so that the rest of its uncompressed header moves by a bit (VP9 §6.2).
//
// The size of the frame is needed to find where that header ends. The error wraps ErrTruncated or ErrInvalid.
func AppendHidden(dst, frame []byte, size Size) ([]byte, error) {
	r := bitReader{data: frame}
	h, err := parseHeader(&r)
	switch {
	case err != nil:
		return dst, err
	case h.ShowExisting:
		return dst, fmt.Errorf("hide VP9 frame that shows another one: %w", ErrInvalid)
	case !h.Show:
		return append(dst, frame...), nil
	}
	if err := skipRest(&r, h, size); err != nil {
		return dst, err
	}
	if h.Key {
		at := len(dst)
		dst = append(dst, frame...)
		dst[at+h.flags/8] &^= 0x80 >> (h.flags % 8)
		return dst, nil
	}
	w := bitWriter{out: dst}
	w.copy(frame, 0, h.flags)
	w.bit(false) // show_frame
	w.copy(frame, h.flags+1, h.flags+2)
	w.bit(false) // intra_only
	w.copy(frame, h.flags+2, r.at)
	return append(w.out, frame[(r.at+7)/8:]...), nil
}

// skipRest reads the uncompressed header from behind the size to its end (VP9 §6.2).
func skipRest(r *bitReader, h Header, size Size) error {
	if !h.Intra() {
		r.bits(1) // allow_high_precision_mv
		if !r.flag() {
			r.bits(2) // interpolation filter, unless it is switchable
		}
	}
	if !h.ErrorResilient {
		r.bits(2) // refresh_frame_context, frame_parallel_decoding_mode
	}
	r.bits(2) // frame_context_idx
	skipLoopFilter(r)
	r.bits(8) // base_q_idx
	for range 3 {
		r.skipIf(5) // delta_q
	}
	skipSegmentation(r)
	skipTiles(r, size)
	compressed := r.bits(16)
	switch {
	case r.short():
		return errHeader
	case compressed == 0:
		return fmt.Errorf("read VP9 header: no compressed header: %w", ErrInvalid)
	}
	return nil
}

// skipLoopFilter reads loop_filter_params (VP9 §6.2.8).
func skipLoopFilter(r *bitReader) {
	r.bits(6 + 3) // level, sharpness
	enabled := r.flag()
	if enabled && r.flag() {
		for range 4 + 2 {
			r.skipIf(7)
		}
	}
}

// skipSegmentation reads segmentation_params (VP9 §6.2.11).
func skipSegmentation(r *bitReader) {
	if !r.flag() {
		return
	}
	if r.flag() { // update_map
		for range 7 {
			r.skipIf(8)
		}
		if r.flag() { // temporal_update
			for range 3 {
				r.skipIf(8)
			}
		}
	}
	if r.flag() { // update_data
		r.bits(1)
		for range 8 {
			for _, n := range [4]int{8 + 1, 6 + 1, 2, 0} {
				r.skipIf(n)
			}
		}
	}
}

// skipTiles reads tile_info (VP9 §6.2.13): a tile is 256 to 4096 pixels wide.
func skipTiles(r *bitReader, size Size) {
	columns := (size.Width + 63) / 64
	least := bits.Len32((columns - 1) / 64)
	most := max(bits.Len32(columns/4), 1) - 1
	for range most - least {
		if !r.flag() {
			break
		}
	}
	r.skipIf(1) // tile_rows_log2
}

// bitWriter appends bits to out, most significant first.
type bitWriter struct {
	out  []byte
	used int // bits of the last byte; 0: none, a new one begins
}

func (w *bitWriter) bit(set bool) {
	if w.used == 0 {
		w.out = append(w.out, 0)
	}
	if set {
		w.out[len(w.out)-1] |= 0x80 >> w.used
	}
	w.used = (w.used + 1) % 8
}

// copy appends the bits of src from one position up to another.
func (w *bitWriter) copy(src []byte, from, to int) {
	r := bitReader{data: src, at: from}
	for range to - from {
		w.bit(r.flag())
	}
}
