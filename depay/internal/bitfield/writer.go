// Package bitfield reads and writes the bit fields of codec headers, most significant bit first.
package bitfield

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
	r := NewReader(src)
	r.Skip(from)
	for range to - from {
		w.Flag(r.Flag())
	}
}

// Align fills the byte with zeros.
func (w *Writer) Align() { w.used = 0 }
