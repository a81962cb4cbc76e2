// Package bitfield reads and writes the bit fields of codec headers, most significant bit first.
package bitfield

// Reader reads big-endian bit fields. Past the end of its bytes it reads zeros, and says so with Short. H.264, whose bits have
// bytes between them that do not count, has a reader of its own.
type Reader struct {
	data []byte
	at   int // bit position
}

// NewReader reads from the first bit of data.
func NewReader(data []byte) Reader { return Reader{data: data} }

// At is how many bits were read or skipped.
func (r *Reader) At() int { return r.at }

// Short tells whether more was read, or skipped, than there is.
func (r *Reader) Short() bool { return r.at > 8*len(r.data) }

// Flag reads one bit.
func (r *Reader) Flag() bool {
	set := r.at < 8*len(r.data) && r.data[r.at/8]>>(7-r.at%8)&1 == 1
	r.at++
	return set
}

// Bits reads an unsigned number of n bits.
func (r *Reader) Bits(n uint8) uint32 {
	var v uint32
	for range n {
		v <<= 1
		if r.Flag() {
			v |= 1
		}
	}
	return v
}

// Skip leaves out n bits.
func (r *Reader) Skip(n int) { r.at += n }

// SkipIf reads a flag and, if it is set, leaves out n bits. It returns the flag.
func (r *Reader) SkipIf(n int) bool {
	set := r.Flag()
	if set {
		r.Skip(n)
	}
	return set
}

// Writer appends bits to Out.
type Writer struct {
	Out  []byte
	used int // bits of the last byte; 0: none, a new one begins
}

// Flag appends one bit.
func (w *Writer) Flag(set bool) {
	if w.used == 0 {
		w.Out = append(w.Out, 0)
	}
	if set {
		w.Out[len(w.Out)-1] |= 0x80 >> w.used
	}
	w.used = (w.used + 1) % 8
}

// Bits appends the lower n bits of v.
func (w *Writer) Bits(v uint32, n uint8) {
	for n > 0 {
		n--
		w.Flag(v>>n&1 == 1)
	}
}

// Copy appends the bits of src from one position up to another.
func (w *Writer) Copy(src []byte, from, to int) {
	r := Reader{data: src, at: from}
	for range to - from {
		w.Flag(r.Flag())
	}
}

// Align fills the byte with zeros.
func (w *Writer) Align() { w.used = 0 }
