package h264

import "bytes"

// timing is where a sequence parameter set says, or could say, how long pictures last (§E.1.1).
type timing struct {
	described bool // there is video usability information
	told      bool // it has timing information
	flag      int  // where the flag of the first that is missing is, in bits after the NAL unit's first byte
}

// AppendTimed appends a sequence parameter set, a NAL unit without start code, behind a start code. It says then that pictures come fps times
// a second (timing_info_present_flag, §E.1.1), whatever it has said before, as a rate that need not be kept to: there are readers that
// make up one of 90,000 a second, and some that put pictures where the rate would have them. The error wraps ErrTruncated or ErrInvalid, and dst is as it was.
func AppendTimed(dst, nal []byte, fps uint32) ([]byte, error) {
	_, t, err := parseSPS(nal)
	if err != nil {
		return dst, err
	}
	r, payload := newReader(nal), payloadBits(nal)
	w := newBitWriter(dst, nal[0])
	for range t.flag {
		w.flag(r.Flag())
	}
	r.Flag()
	w.flag(true)
	if t.told {
		r.Bits(32) // num_units_in_tick
		r.Bits(32) // time_scale
		r.Bits(1)  // fixed_frame_rate_flag
	}
	if !t.described {
		w.u(4, 0) // no aspect ratio, overscan, signal type, chroma location
		w.flag(true)
	}
	w.u(32, 1)     // num_units_in_tick: a field
	w.u(32, 2*fps) // time_scale
	w.flag(false)  // fixed_frame_rate_flag
	if !t.described {
		w.u(4, 0) // no HRD parameters, pic_struct, bitstream restriction
	}
	for r.At() < payload {
		w.flag(r.Flag())
	}
	return w.trail(), nil
}

// payloadBits is how many bits a NAL unit has after its first byte and before rbsp_trailing_bits (§7.3.2.11), without emulation
// prevention.
func payloadBits(nal []byte) int {
	r := newReader(bytes.TrimRight(nal, "\x00"))
	last := 0
	for r.More() {
		if r.Flag() {
			last = r.At() - 1
		}
	}
	return last
}
