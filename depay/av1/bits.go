package av1

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
func (r *bitReader) bits(n uint8) uint32 {
	var v uint32
	for range n {
		v <<= 1
		if r.flag() {
			v |= 1
		}
	}
	return v
}

// skipUVLC skips a number in variable length code (AV1 §4.10.3).
func (r *bitReader) skipUVLC() {
	zeros := 0
	for !r.flag() {
		zeros++
		if r.short() {
			return
		}
	}
	if zeros < 32 {
		r.at += zeros
	}
}

// bitWriter appends bits to out, most significant first.
type bitWriter struct {
	out  []byte
	used int // bits of the last byte; 0: none, a new one begins
}

func (w *bitWriter) flag(set bool) {
	if w.used == 0 {
		w.out = append(w.out, 0)
	}
	if set {
		w.out[len(w.out)-1] |= 0x80 >> w.used
	}
	w.used = (w.used + 1) % 8
}

// bits writes the lower n bits of v.
func (w *bitWriter) bits(v uint32, n uint8) {
	for n > 0 {
		n--
		w.flag(v>>n&1 == 1)
	}
}

// align fills the byte with zeros.
func (w *bitWriter) align() { w.used = 0 }
