package vp8

import "math/bits"

// boolWriter is the boolean entropy encoder of RFC 6386 §7. It appends to out.
type boolWriter struct {
	out   []byte
	low   uint64 // lower end of the interval: 8+n bits not yet written, and a carry above them
	rng   uint32 // length of the interval, 128 to 255, in units of low's last bit
	n     int
	start int // where this coder's bytes begin in out
}

func newBoolWriter(dst []byte) boolWriter {
	return boolWriter{out: dst, rng: 255, start: len(dst)}
}

// bool writes one symbol whose probability of being false is prob/256.
func (w *boolWriter) bool(set bool, prob uint8) {
	split := 1 + (w.rng-1)*uint32(prob)>>8
	if set {
		w.low += uint64(split)
		w.rng -= split
	} else {
		w.rng = split
	}
	shift := bits.LeadingZeros8(uint8(w.rng))
	w.rng <<= shift
	w.low <<= shift
	if w.n += shift; w.n >= 40 {
		w.flush()
	}
}

// literal writes the lower n bits of v, most significant first.
func (w *boolWriter) literal(v uint32, n int) {
	for n--; n >= 0; n-- {
		w.bool(v>>n&1 == 1, 128)
	}
}

// flush writes the whole bytes above the 8 bits that the next symbol can still change other than by a carry.
func (w *boolWriter) flush() {
	if w.low>>(w.n+8) != 0 {
		w.carry()
	}
	for w.n >= 8 {
		w.out = append(w.out, byte(w.low>>w.n))
		w.n -= 8
	}
	w.low &= 1<<(w.n+8) - 1
}

// carry adds one to the bytes already written. They never are all 0xff: the interval stays below 1.
func (w *boolWriter) carry() {
	for i := len(w.out) - 1; i >= w.start; i-- {
		w.out[i]++
		if w.out[i] != 0 {
			return
		}
	}
}

// finish writes what is left and returns dst with the code appended.
func (w *boolWriter) finish() []byte {
	w.low <<= 8
	w.n += 8
	w.flush()
	w.out = append(w.out, byte(w.low>>w.n))
	return w.out
}
