package webm

// bits reads a bit string, the most significant bit first. Past its end it reads zeros and sets short.
type bits struct {
	data  []byte
	at    int // bits read
	short bool
}

// u reads n bits, at most 64 (ITU-T H.264 §7.2, AV1 §4.10.2).
func (b *bits) u(n int) (v uint64) {
	for range n {
		v = v<<1 | uint64(b.bit())
	}
	return v
}

func (b *bits) bit() byte {
	if b.at >= 8*len(b.data) {
		b.short = true
		return 0
	}
	v := b.data[b.at/8] >> (7 - b.at%8) & 1
	b.at++
	return v
}

func (b *bits) flag() bool { return b.bit() == 1 }

// ue reads an Exp-Golomb number (ITU-T H.264 §9.1), which is AV1's uvlc (§4.10.3) too. More than 32 zeros before it are no
// number of either.
func (b *bits) ue() uint64 {
	zeros := 0
	for !b.short && !b.flag() {
		zeros++
	}
	if zeros > 32 {
		b.short = true
		return 0
	}
	return 1<<zeros - 1 + b.u(zeros)
}
