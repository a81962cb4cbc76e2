package vp9

// bitReader reads big-endian bit fields. Past the end of its bytes it reads zeros, and says so with short.
type bitReader struct {
	data []byte
	at   int // bit position
}

func (r *bitReader) short() bool { return r.at > 8*len(r.data) }

func (r *bitReader) flag() bool {
	set := r.at < 8*len(r.data) && r.data[r.at/8]>>(7-r.at%8)&1 == 1
	r.at++
	return set
}

// bits reads an unsigned number of n bits, most significant first.
func (r *bitReader) bits(n int) uint32 {
	var v uint32
	for range n {
		v <<= 1
		if r.flag() {
			v |= 1
		}
	}
	return v
}

// skipIf reads a flag and, if it is set, skips n bits. It returns the flag.
func (r *bitReader) skipIf(n int) bool {
	set := r.flag()
	if set {
		r.at += n
	}
	return set
}
