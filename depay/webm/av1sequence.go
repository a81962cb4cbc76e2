package webm

// sequenceReader takes from a sequence header (AV1 §5.5) what a configuration record repeats.
type sequenceReader struct {
	bits
	profile, level, tier       byte // level and tier of the first operating point
	highDepth, twelve, mono    byte
	subsamplingX, subsamplingY byte
	chromaPosition             byte

	reduced          bool // reduced_still_picture_header
	delayBits        int  // of decoder model delays; 0: there are none
	hasDisplayDelays bool
}

func (r *sequenceReader) read() {
	r.profile = byte(r.u(3))
	r.u(1) // still_picture
	if r.reduced = r.flag(); r.reduced {
		r.level = byte(r.u(5))
	} else {
		r.timing()
		r.hasDisplayDelays = r.flag()
		r.operatingPoints()
	}
	r.size()
	r.tools()
	r.colourConfig()
}

// timing reads timing_info and decoder_model_info (§5.5.3, §5.5.4).
func (r *sequenceReader) timing() {
	if !r.flag() {
		return
	}
	r.u(32 + 32)  // num_units_in_display_tick, time_scale
	if r.flag() { // equal_picture_interval
		r.ue()
	}
	if r.flag() {
		r.delayBits = int(r.u(5)) + 1
		r.u(32 + 5 + 5) // num_units_in_decoding_tick, two lengths
	}
}

func (r *sequenceReader) operatingPoints() {
	for i := range int(r.u(5)) + 1 {
		r.u(12) // operating_point_idc
		level, tier := byte(r.u(5)), byte(0)
		if level > 7 {
			tier = r.bit()
		}
		if i == 0 {
			r.level, r.tier = level, tier
		}
		if r.delayBits > 0 && r.flag() {
			r.u(r.delayBits) // decoder_buffer_delay
			r.u(r.delayBits) // encoder_buffer_delay
			r.u(1)           // low_delay_mode_flag
		}
		if r.hasDisplayDelays && r.flag() {
			r.u(4)
		}
	}
}

func (r *sequenceReader) size() {
	width, height := int(r.u(4))+1, int(r.u(4))+1
	r.u(width)
	r.u(height)
	if !r.reduced && r.flag() { // frame_id_numbers_present_flag
		r.u(4 + 3)
	}
}

// tools reads the flags of the coding tools.
func (r *sequenceReader) tools() {
	r.u(3) // 128x128 superblocks, filter intra, intra edge filter
	if !r.reduced {
		r.u(4) // interintra and masked compound, warped motion, dual filter
		ordered := r.flag()
		if ordered {
			r.u(2) // joint compound, reference frame motion vectors
		}
		r.screenContent()
		if ordered {
			r.u(3) // order_hint_bits_minus_1
		}
	}
	r.u(3) // super-resolution, CDEF, loop restoration
}

// screenContent reads whether each frame chooses its tools for screen content, and then its integer motion vectors.
func (r *sequenceReader) screenContent() {
	tools := r.flag() // seq_choose_screen_content_tools
	if !tools {
		tools = r.flag() // seq_force_screen_content_tools
	}
	if tools && !r.flag() { // seq_choose_integer_mv
		r.u(1) // seq_force_integer_mv
	}
}

// colourConfig reads color_config (§5.5.2).
func (r *sequenceReader) colourConfig() {
	if r.highDepth = r.bit(); r.profile == 2 && r.highDepth == 1 {
		r.twelve = r.bit()
	}
	if r.profile != 1 {
		r.mono = r.bit()
	}
	description := uint64(0x020202) // all unspecified
	if r.flag() {
		description = r.u(3 * 8)
	}
	const sRGB = 0x010d00 // BT.709 primaries, sRGB transfer, identity matrix: 4:4:4 of full range
	switch {
	case r.mono == 1:
		r.u(1) // color_range
		r.subsamplingX, r.subsamplingY = 1, 1
	case description != sRGB:
		r.u(1)
		r.subsampling()
	}
}

func (r *sequenceReader) subsampling() {
	switch {
	case r.profile == 0:
		r.subsamplingX, r.subsamplingY = 1, 1
	case r.profile == 2 && r.twelve == 1:
		if r.subsamplingX = r.bit(); r.subsamplingX == 1 {
			r.subsamplingY = r.bit()
		}
	case r.profile == 2:
		r.subsamplingX = 1
	}
	if r.subsamplingX == 1 && r.subsamplingY == 1 {
		r.chromaPosition = byte(r.u(2))
	}
}

// colour returns the record's byte of tier, depth and sampling.
func (r *sequenceReader) colour() byte {
	return r.tier<<7 | r.highDepth<<6 | r.twelve<<5 | r.mono<<4 | r.subsamplingX<<3 | r.subsamplingY<<2 | r.chromaPosition
}
