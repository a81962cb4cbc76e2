package av1

import "math/bits"

// symbolWriter is the encoder to the symbol decoder of AV1 §8.2, with probabilities that do not adapt. It appends to out.
type symbolWriter struct {
	out   []byte
	low   uint64 // lower end of the interval: 15+n bits not yet written, and a carry above them
	rng   uint32 // length of the interval, 1<<15 to 1<<16 - 1, in units of low's last bit
	n     int
	start int // where this coder's bytes begin in out
}

const certain = 1 << 15 // the last entry of every cumulative distribution

func newSymbolWriter(dst []byte) symbolWriter {
	return symbolWriter{out: dst, rng: 1 << 15, start: len(dst)}
}

// first writes the first of n symbols, whose probability is p/32768.
func (w *symbolWriter) first(p uint16, n uint32) {
	w.narrow(w.rng, w.boundary(p, n-1))
}

// boundary is where in the interval the symbols begin that are less probable than cumulative/32768 and have left ones behind.
func (w *symbolWriter) boundary(cumulative uint16, left uint32) uint32 {
	return w.rng>>8*uint32((certain-cumulative)>>6)>>1 + 4*left
}

// narrow makes the interval the part of it between two boundaries, which count from its upper end.
func (w *symbolWriter) narrow(from, to uint32) {
	w.low += uint64(w.rng - from)
	w.rng = from - to
	shift := bits.LeadingZeros16(uint16(w.rng))
	w.rng <<= shift
	w.low <<= shift
	if w.n += shift; w.n >= 32 {
		w.flush(15)
	}
}

// flush writes the whole bytes above the lowest bits of low.
func (w *symbolWriter) flush(lowest int) {
	if w.low>>(w.n+lowest) != 0 {
		w.carry()
	}
	for w.n >= 8 {
		w.n -= 8
		w.out = append(w.out, byte(w.low>>(w.n+lowest)))
	}
	w.low &= 1<<(w.n+lowest) - 1
}

// carry adds one to the bytes already written. They never are all 0xff: the interval stays below 1.
func (w *symbolWriter) carry() {
	for i := len(w.out) - 1; i >= w.start; i-- {
		w.out[i]++
		if w.out[i] != 0 {
			return
		}
	}
}

// finish writes what is left, which ends in a one and zeros as §8.2.4 wants it, and returns dst with the code appended.
func (w *symbolWriter) finish() []byte {
	const half = 1 << 14
	w.low = (w.low+half-1)&^(half-1) | half
	w.low >>= 14 // n+1 bits
	pad := 7 - w.n%8
	w.low <<= pad
	w.n += 1 + pad
	w.flush(0)
	return w.out
}
