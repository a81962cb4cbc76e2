package bitfield

import "math/bits"

// Reader reads big-endian bit fields. Past the end of its bytes it reads zeros and reports Short.
type Reader struct {
	data    []byte
	escaped bool   // data has emulation prevention bytes
	zeros   int    // bytes of zero directly before data
	cache   uint64 // its lower n bits are next
	n       int
	read    int // bits that were put into cache or skipped
	short   bool
	wrong   bool
}

// NewReader reads from the first bit of data.
func NewReader(data []byte) Reader { return Reader{data: data} }

// NewEscapedReader reads from the first bit of data, which is part of a NAL unit, without its emulation prevention bytes
// (ITU-T H.264 §7.4.1).
func NewEscapedReader(data []byte) Reader { return Reader{data: data, escaped: true} }

// At returns how many bits were read or skipped. Emulation prevention bytes do not count.
func (r *Reader) At() int { return r.read - r.n }

// Short reports whether more was read or skipped than there is.
func (r *Reader) Short() bool { return r.short }

// Invalid reports whether a value was out of its range, or Fail was called.
func (r *Reader) Invalid() bool { return r.wrong }

// Fail notes that a value was out of its range.
func (r *Reader) Fail() { r.wrong = true }

// Failed reports whether reading on is pointless.
func (r *Reader) Failed() bool { return r.short || r.wrong }

// More reports whether there are bits left.
func (r *Reader) More() bool {
	r.fill()
	return r.n > 0
}

func (r *Reader) fill() {
	for r.n <= 56 && len(r.data) > 0 {
		b := r.data[0]
		r.data = r.data[1:]
		if r.escaped && r.zeros >= 2 && b == 3 { // emulation_prevention_three_byte
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

// Bits reads an unsigned number of n bits, at most 32.
func (r *Reader) Bits(n uint8) uint32 {
	if r.n < int(n) {
		r.fill()
	}
	if r.n < int(n) {
		r.short, r.n = true, 0
		return 0
	}
	r.n -= int(n)
	return uint32(r.cache >> r.n & (1<<n - 1))
}

// Flag reads one bit.
func (r *Reader) Flag() bool { return r.Bits(1) == 1 }

// Skip leaves out n bits.
func (r *Reader) Skip(n int) {
	for ; n > 32 && !r.short; n -= 32 {
		r.Bits(32)
	}
	r.Bits(uint8(min(n, 32)))
}

// SkipIf reads a flag and, if it is set, leaves out n bits. It returns the flag.
func (r *Reader) SkipIf(n int) bool {
	set := r.Flag()
	if set {
		r.Skip(n)
	}
	return set
}

// UE reads an Exp-Golomb number of 0 to 2^32-2: ue(v) of ITU-T H.264 §9.1, uvlc() of AV1 §4.10.3. A longer one is invalid.
func (r *Reader) UE() uint32 {
	if r.n < 32 {
		r.fill()
	}
	zeros := bits.LeadingZeros64(r.cache << (64 - r.n))
	if zeros >= 32 {
		r.short, r.wrong, r.n = r.n < 32, true, 0
		return 0
	}
	r.n -= zeros + 1
	return 1<<zeros - 1 + r.Bits(uint8(zeros))
}

// UpTo reads an Exp-Golomb number that is invalid above a limit.
func (r *Reader) UpTo(limit uint32) uint32 {
	v := r.UE()
	if v > limit {
		r.wrong = true
		return 0
	}
	return v
}

// SE reads a signed Exp-Golomb number, se(v) of ITU-T H.264 §9.1.1.
func (r *Reader) SE() int32 {
	k := r.UE()
	if k&1 == 1 {
		return int32(k/2) + 1
	}
	return -int32(k / 2)
}
