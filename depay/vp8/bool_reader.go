package vp8

import "math/bits"

// boolReader is the boolean entropy decoder of RFC 6386 §7. Past the end of its bytes it reads zeros.
type boolReader struct {
	data  []byte
	value uint32 // the top 8 of its 16 bits are compared with the split
	rng   uint32 // 128 to 255
	left  int    // bits of the low byte of value not yet shifted up
}

func newBoolReader(data []byte) boolReader {
	r := boolReader{data: data, rng: 255, left: 8}
	r.value = uint32(r.next())<<8 | uint32(r.next())
	return r
}

func (r *boolReader) next() byte {
	if len(r.data) == 0 {
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

// bool reads one symbol whose probability of being false is prob/256.
func (r *boolReader) bool(prob uint8) bool {
	split := 1 + (r.rng-1)*uint32(prob)>>8
	set := r.value >= split<<8
	if set {
		r.value -= split << 8
		r.rng -= split
	} else {
		r.rng = split
	}
	for shift := bits.LeadingZeros8(uint8(r.rng)); shift > 0; {
		step := min(shift, r.left)
		r.rng <<= step
		r.value <<= step
		shift -= step
		if r.left -= step; r.left == 0 {
			r.value |= uint32(r.next())
			r.left = 8
		}
	}
	return set
}

// literal reads an unsigned number of n bits, most significant first.
func (r *boolReader) literal(n int) uint32 {
	var v uint32
	for range n {
		v <<= 1
		if r.bool(128) {
			v |= 1
		}
	}
	return v
}
