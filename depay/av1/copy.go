package av1

import "github.com/sluice-live/sluice/depay/internal/bitfield"

// copySegment has the two features that make a block a copy of the first reference without a vector and without residue:
// SEG_LVL_SKIP and SEG_LVL_GLOBALMV (AV1 §6.10.9, §7.11.3.1). So a block is nothing but its segment, which is 0.
const copySegment = 1<<7 | 1<<6

// appendCopy appends a frame OBU that shows what slot i holds and is kept in no slot.
//
// Every block is predicted from the same place of the slot's picture; loop filter, CDEF and restoration are off; the
// probabilities are the default ones and nobody inherits them.
func (s *Sequence) appendCopy(dst []byte, i uint32, p slot) []byte {
	start := len(dst)
	w := bitfield.Writer{Out: append(dst, byte(FrameType)<<3|bitHasSize, 0, 0)}
	body := len(w.Out)
	s.copyHeader(&w, i, p)
	w.Align()
	t := tile{symbolWriter: newSymbolWriter(w.Out), rows: units(p.height), cols: units(p.width), interIntra: s.interIntra}
	t.superblocks(s.superblockLog2())
	out := t.finish()
	size := len(out) - body // two bytes of LEB128 tell less than 16 KiB, which no picture of one tile reaches
	out[start+1], out[start+2] = byte(size)|0x80, byte(size>>7)
	return out
}

// superblockLog2 is log2 of the size of a superblock in units of 4 pixels.
func (s *Sequence) superblockLog2() int {
	if s.superblock128 {
		return 5
	}
	return 4
}

// units is a length in units of 4 pixels, MiCols or MiRows (AV1 §5.9.9).
func units(pixels uint32) int { return int(2 * ((pixels + 7) / 8)) }

// copyHeader writes uncompressed_header (AV1 §5.9.2).
func (s *Sequence) copyHeader(w *bitfield.Writer, i uint32, p slot) {
	w.Flag(false) // show_existing_frame
	w.Bits(uint32(InterFrame), 2)
	w.Flag(true) // show_frame
	w.Bits(0, s.temporalPoint)
	w.Flag(false) // error_resilient_mode
	w.Flag(true)  // disable_cdf_update
	s.copyTools(w)
	w.Flag(true) // frame_size_override_flag: the size is that of the reference
	w.Bits(p.order, s.orderBits)
	w.Bits(noFrame, 3) // primary_ref_frame
	if s.removalBits > 0 {
		w.Flag(false) // buffer_removal_time_present_flag
	}
	w.Bits(0, slots) // refresh_frame_flags
	if s.orderBits > 0 {
		w.Flag(false) // frame_refs_short_signaling
	}
	for range 7 {
		w.Bits(i, 3) // ref_frame_idx
	}
	w.Flag(true) // found_ref
	if s.superres {
		w.Flag(false)
	}
	s.copyMotion(w)
	s.copyTiles(w, p)
	s.copyQuantizer(w)
	s.copyFilters(w)
	w.Flag(false) // tx_mode_select
	w.Flag(false) // reference_select
	if s.warpedMotion {
		w.Flag(false)
	}
	w.Flag(false) // reduced_tx_set
	w.Bits(0, 7)  // is_global
}

// copyTools writes allow_screen_content_tools and force_integer_mv.
func (s *Sequence) copyTools(w *bitfield.Writer) {
	if s.forceScreenContent == choose {
		w.Flag(false)
	} else if s.forceScreenContent == 1 && s.forceIntegerMV == choose {
		w.Flag(false)
	}
}

// copyMotion writes what concerns vectors: none of it is used.
func (s *Sequence) copyMotion(w *bitfield.Writer) {
	if s.forceScreenContent != 1 || s.forceIntegerMV != 1 {
		w.Flag(false) // allow_high_precision_mv
	}
	w.Bits(0, 1+2) // is_filter_switchable, interpolation_filter
	w.Flag(false)  // is_motion_mode_switchable
	if s.refFrameMVs {
		w.Flag(false) // use_ref_frame_mvs
	}
}

// copyTiles writes tile_info of one tile (AV1 §5.9.15).
func (s *Sequence) copyTiles(w *bitfield.Writer, p slot) {
	superblock := 1 << s.superblockLog2()
	w.Flag(true) // uniform_tile_spacing_flag
	if units(p.width) > superblock {
		w.Flag(false) // increment_tile_cols_log2
	}
	if units(p.height) > superblock {
		w.Flag(false) // increment_tile_rows_log2
	}
}

// copyQuantizer writes quantization_params, segmentation_params and delta_q_params (AV1 §5.9.12, §5.9.14, §5.9.17).
func (s *Sequence) copyQuantizer(w *bitfield.Writer) {
	w.Bits(128, 8) // base_q_idx: anything but lossless
	w.Flag(false)  // DeltaQYDc
	if !s.Monochrome {
		if s.separateDelta {
			w.Flag(false) // diff_uv_delta
		}
		w.Bits(0, 2) // DeltaQUDc, DeltaQUAc
	}
	w.Flag(false) // using_qmatrix
	w.Flag(true)  // segmentation_enabled, with map and data since there is no primary_ref_frame
	for feature := range 8 {
		w.Flag(copySegment>>feature&1 == 1)
	}
	for range 7 { // the other segments
		w.Bits(0, 8)
	}
	w.Flag(false) // delta_q_present
}

// copyFilters writes loop_filter_params, cdef_params and lr_params (AV1 §5.9.11, §5.9.19, §5.9.20), all off.
func (s *Sequence) copyFilters(w *bitfield.Writer) {
	w.Bits(0, 6+6+3+1)
	planes := uint8(3)
	if s.Monochrome {
		planes = 1
	}
	if s.cdef {
		w.Bits(0, 2+2+6)
		if !s.Monochrome {
			w.Bits(0, 6)
		}
	}
	if s.restoration {
		w.Bits(0, 2*planes)
	}
}

// tile writes the blocks of a picture that is one tile, as large as they can be. Lengths are in units of 4 pixels.
type tile struct {
	symbolWriter
	rows, cols int
	interIntra bool
	above      [maxTileWidth/4 + 32]uint8 // log2 of the width of the block above
	left       [32]uint8                  // log2 of the height of the block to the left, by row of the superblock
}

func (t *tile) superblocks(log2 int) {
	for row := 0; row < t.rows; row += 1 << log2 {
		for col := 0; col < t.cols; col += 1 << log2 {
			t.partition(row, col, log2)
		}
	}
}

// partition writes decode_partition (AV1 §5.11.4): one block, or half of one at an edge, and never more than that but in the
// corner.
func (t *tile) partition(row, col, log2 int) {
	if row >= t.rows || col >= t.cols {
		return
	}
	half := 1 << (log2 - 1)
	hasRows, hasCols := row+half < t.rows, col+half < t.cols
	switch {
	case hasRows && hasCols:
		t.first(t.partitionCDF(row, col, log2)[0], partitionCounts[log2-1])
		t.block(row, col, log2, log2)
	case hasCols:
		t.noSplit(row, col, log2, partitionVert, partitionHorzA, partitionVertB, partitionVert4)
		t.block(row, col, log2, log2-1)
	case hasRows:
		t.noSplit(row, col, log2, partitionHorz, partitionHorzA, partitionHorzB, partitionHorz4)
		t.block(row, col, log2-1, log2)
	default:
		t.partition(row, col, log2-1)
		t.partition(row, col+half, log2-1)
		t.partition(row+half, col, log2-1)
		t.partition(row+half, col+half, log2-1)
	}
}

// partitionCDF returns the distribution by the neighbours (AV1 §8.3.2).
func (t *tile) partitionCDF(row, col, log2 int) *[10]uint16 {
	ctx := 0
	if row > 0 && int(t.above[col]) < log2 {
		ctx++
	}
	if col > 0 && int(t.left[row%32]) < log2 {
		ctx += 2
	}
	return &partitionCDFs[log2-1][ctx]
}

// noSplit writes split_or_horz or split_or_vert as 0. What counts as split are these partitions, PARTITION_SPLIT and
// PARTITION_VERT_A (AV1 §8.3.2).
func (t *tile) noSplit(row, col, log2 int, partitions ...int) {
	cdf, count := t.partitionCDF(row, col, log2), int(partitionCounts[log2-1])
	probability := func(p int) uint16 {
		if p >= count {
			return 0
		}
		return cdf[p] - cdf[p-1]
	}
	split := probability(partitionSplit) + probability(partitionVertA)
	for _, p := range partitions {
		split += probability(p)
	}
	t.first(certain-split, 2)
}

// block writes a block of the copy segment, and keeps in mind how large it is.
func (t *tile) block(row, col, width, height int) {
	if row > 0 && col > 0 {
		t.first(segmentInterior, 8)
	} else {
		t.first(segmentAlone, 8)
	}
	if t.interIntra && max(width, height) <= 3 {
		t.first(noInterIntra[min(width, height)-1], 2)
	}
	for i := range 1 << width {
		t.above[col+i] = uint8(width)
	}
	for i := range 1 << height {
		t.left[(row+i)%32] = uint8(height)
	}
}
