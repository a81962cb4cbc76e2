package vp9

import (
	"fmt"
	"math/bits"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
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
	r := bitfield.NewReader(frame)
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
	w := bitfield.Writer{Out: dst}
	w.Copy(frame, 0, h.flags)
	w.Flag(false) // show_frame
	w.Copy(frame, h.flags+1, h.flags+2)
	w.Flag(false) // intra_only
	w.Copy(frame, h.flags+2, r.At())
	return append(w.Out, frame[(r.At()+7)/8:]...), nil
}

// skipRest reads the uncompressed header from behind the size to its end (VP9 §6.2).
func skipRest(r *bitfield.Reader, h Header, size Size) error {
	if !h.Intra() {
		r.Bits(1) // allow_high_precision_mv
		if !r.Flag() {
			r.Bits(2) // interpolation filter, unless it is switchable
		}
	}
	if !h.ErrorResilient {
		r.Bits(2) // refresh_frame_context, frame_parallel_decoding_mode
	}
	r.Bits(2) // frame_context_idx
	skipLoopFilter(r)
	r.Bits(8) // base_q_idx
	for range 3 {
		r.SkipIf(5) // delta_q
	}
	skipSegmentation(r)
	skipTiles(r, size)
	compressed := r.Bits(16)
	switch {
	case r.Short():
		return errHeader
	case compressed == 0:
		return fmt.Errorf("read VP9 header: no compressed header: %w", ErrInvalid)
	}
	return nil
}

// skipLoopFilter reads loop_filter_params (VP9 §6.2.8).
func skipLoopFilter(r *bitfield.Reader) {
	r.Bits(6 + 3) // level, sharpness
	enabled := r.Flag()
	if enabled && r.Flag() {
		for range 4 + 2 {
			r.SkipIf(7)
		}
	}
}

// skipSegmentation reads segmentation_params (VP9 §6.2.11).
func skipSegmentation(r *bitfield.Reader) {
	if !r.Flag() {
		return
	}
	if r.Flag() { // update_map
		for range 7 {
			r.SkipIf(8)
		}
		if r.Flag() { // temporal_update
			for range 3 {
				r.SkipIf(8)
			}
		}
	}
	if r.Flag() { // update_data
		r.Bits(1)
		for range 8 {
			for _, n := range [4]int{8 + 1, 6 + 1, 2, 0} {
				r.SkipIf(n)
			}
		}
	}
}

// skipTiles reads tile_info (VP9 §6.2.13): a tile is 256 to 4096 pixels wide.
func skipTiles(r *bitfield.Reader, size Size) {
	columns := (size.Width + 63) / 64
	least := bits.Len32((columns - 1) / 64)
	most := max(bits.Len32(columns/4), 1) - 1
	for range most - least {
		if !r.Flag() {
			break
		}
	}
	r.SkipIf(1) // tile_rows_log2
}
