package h264

import "math/bits"

// bitWriter writes a NAL unit of a byte stream: it appends to out, with emulation prevention bytes (§7.4.1).
type bitWriter struct {
	out   []byte
	zeros int    // bytes of zero at the end of out
	cache uint64 // its lower n bits are not in out yet; n is less than 8
	n     int
}

// newBitWriter begins a NAL unit with a start code and its first byte.
func newBitWriter(dst []byte, header byte) bitWriter {
	return bitWriter{out: append(AppendStartCode(dst), header)}
}

// u writes the lower n bits of v, up to 32, u(n).
func (w *bitWriter) u(n int, v uint32) {
	w.cache = w.cache<<n | uint64(v)&(1<<n-1)
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.byte(byte(w.cache >> (w.n - 8)))
	}
}

func (w *bitWriter) byte(b byte) {
	if w.zeros >= 2 && b <= 3 {
		w.out, w.zeros = append(w.out, 3), 0
	}
	w.out = append(w.out, b)
	w.zeros++
	if b != 0 {
		w.zeros = 0
	}
}

func (w *bitWriter) flag(set bool) {
	if set {
		w.u(1, 1)
	} else {
		w.u(1, 0)
	}
}

// ue writes an Exp-Golomb number of up to 2^32-2, ue(v) (§9.1).
func (w *bitWriter) ue(v uint32) {
	size := bits.Len32(v + 1)
	w.u(size-1, 0)
	w.u(size, v+1)
}

// se writes a signed Exp-Golomb number, se(v) (§9.1.1).
func (w *bitWriter) se(v int32) {
	if v > 0 {
		w.ue(uint32(v)*2 - 1)
	} else {
		w.ue(uint32(-v) * 2)
	}
}

// align writes bits of one up to the next byte (cabac_alignment_one_bit, §7.3.4).
func (w *bitWriter) align() {
	if w.n > 0 {
		w.u(8-w.n, 0xff)
	}
}

// trail ends the NAL unit: a stop bit, and zeros up to the next byte (§7.3.2.11).
func (w *bitWriter) trail() []byte {
	w.u(1, 1)
	return w.pad()
}

// pad writes zeros up to the next byte, where the stop bit is already there.
func (w *bitWriter) pad() []byte {
	if w.n > 0 {
		w.u(8-w.n, 0)
	}
	return w.out
}
