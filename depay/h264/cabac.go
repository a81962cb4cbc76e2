package h264

import "math/bits"

// rangeLPS is rangeTabLPS (Table 9-44) from skipState on. Nothing writes to it.
var rangeLPS = [...][4]uint8{
	{14, 18, 21, 24}, {14, 17, 20, 23}, {13, 16, 19, 22}, {12, 15, 18, 21}, {12, 14, 17, 20}, {11, 14, 16, 19},
	{11, 13, 15, 18}, {10, 12, 15, 17}, {10, 12, 14, 16}, {9, 11, 13, 15}, {9, 11, 12, 14}, {8, 10, 12, 14},
	{8, 9, 11, 13}, {7, 9, 11, 12}, {7, 9, 10, 12}, {7, 8, 10, 11}, {6, 8, 9, 11}, {6, 7, 9, 10}, {6, 7, 8, 9},
}

// skipCABAC writes the data of a slice of skipped macroblocks (§7.3.4, §9.3.4.2), each mb_skip_flag 1 and
// end_of_slice_flag 0 but for the last. The stop bit is the last that it writes.
//
// All neighbours being skipped, one context serves every mb_skip_flag (§9.3.3.1.1.1), and its value always is the likely one.
// Neither of the two moves the lower end of the interval: it stays 0, and so are all bits up to the end, of which only the
// number has to be found.
func (w *bitWriter) skipCABAC(macroblocks int) {
	interval, state, zeros := uint32(510), 0, 0
	for i := range macroblocks {
		interval -= uint32(rangeLPS[state][interval>>6&3])
		interval, zeros = renormalize(interval, zeros)
		state = min(state+1, len(rangeLPS)-1)
		interval -= 2
		if i < macroblocks-1 {
			interval, zeros = renormalize(interval, zeros)
		}
	}
	// The end moves it to the top. Of the 10 bits of its register the first ever written is left out (§9.3.4.5).
	if zeros == 0 {
		w.u(9, interval|1)
		return
	}
	for range zeros - 1 {
		w.u(1, 0)
	}
	w.u(10, interval|1)
}

// renormalize doubles an interval of 2 or more until it has 9 bits, and counts the bits that this writes.
func renormalize(interval uint32, n int) (uint32, int) {
	shift := max(9-bits.Len32(interval), 0)
	return interval << shift, n + shift
}
