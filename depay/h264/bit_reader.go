package h264

import "math/bits"

// bitReader reads the bits of a NAL unit, without its emulation prevention bytes (§7.4.1). Past the end it reads zeros, and
// short is set.
type bitReader struct {
	data  []byte
	zeros int    // bytes of zero directly before data
	cache uint64 // its lower n bits are next
	n     int
	read  int  // bits that were put into cache
	short bool // more was read than there is
	wrong bool // a value was out of its range
}

// newBitReader reads what follows the first byte of a NAL unit.
func newBitReader(nal []byte) bitReader {
	if len(nal) == 0 {
		return bitReader{short: true}
	}
	return bitReader{data: nal[1:]}
}

// err returns what went wrong until now.
func (r *bitReader) err() error {
	switch {
	case r.short:
		return ErrTruncated
	case r.wrong:
		return ErrInvalid
	}
	return nil
}

// at is how many bits were read.
func (r *bitReader) at() int { return r.read - r.n }

// failed tells whether reading on is pointless.
func (r *bitReader) failed() bool { return r.short || r.wrong }

func (r *bitReader) fill() {
	for r.n <= 56 && len(r.data) > 0 {
		b := r.data[0]
		r.data = r.data[1:]
		if r.zeros >= 2 && b == 3 { // emulation_prevention_three_byte
			r.zeros = 0
			continue
		}
		r.zeros++
		if b != 0 {
			r.zeros = 0
		}
		r.cache, r.n, r.read = r.cache<<8|uint64(b), r.n+8, r.read+8
	}
}

// u reads an unsigned number of up to 32 bits, u(n).
func (r *bitReader) u(n int) uint32 {
	if r.n < n {
		r.fill()
	}
	if r.n < n {
		r.short, r.n = true, 0
		return 0
	}
	r.n -= n
	return uint32(r.cache >> r.n & (1<<n - 1))
}

// flag reads one bit.
func (r *bitReader) flag() bool { return r.u(1) == 1 }

// ue reads an Exp-Golomb number, ue(v) (§9.1): 0 to 2^32-2.
func (r *bitReader) ue() uint32 {
	if r.n < 32 {
		r.fill()
	}
	zeros := bits.LeadingZeros64(r.cache << (64 - r.n))
	if zeros >= 32 {
		r.short, r.wrong, r.n = r.n < 32, true, 0
		return 0
	}
	r.n -= zeros + 1
	return 1<<zeros - 1 + r.u(zeros)
}

// upTo reads a ue(v) that is at most the limit.
func (r *bitReader) upTo(limit uint32) uint32 {
	v := r.ue()
	if v > limit {
		r.wrong = true
		return 0
	}
	return v
}

// se reads a signed Exp-Golomb number, se(v) (§9.1.1).
func (r *bitReader) se() int32 {
	k := r.ue()
	if k&1 == 1 {
		return int32(k/2) + 1
	}
	return -int32(k / 2)
}
