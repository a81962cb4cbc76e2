package ingest

// Types of AV1's open bitstream units (AV1 specification §6.2.2).
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
)

// av1KeyFrameStarts tells from the aggregation header (AV1 RTP payload format §4.4) whether the packet is the first one of a coded
// video sequence: N says so, and where a sender does not set it, a sequence header in front.
func av1KeyFrameStarts(payload []byte) bool {
	if len(payload) < 2 || payload[0]&0x80 != 0 { // Z: goes on with the unit of the packet before
		return false
	}
	return payload[0]&0x08 != 0 || firstOBU(payload[1:], payload[0]>>4&3) == obuSequenceHeader
}

// firstOBU is the type of the first unit in a packet of count elements, delimiters left out; 0 when there is none. All elements
// have a length in front of them, but the last one has not when their count is told (W, AV1 RTP payload format §4.4).
func firstOBU(elements []byte, count byte) byte {
	for i := byte(1); ; i++ {
		last, size := i == count, len(elements)
		if !last {
			length, n := leb128(elements)
			if length > len(elements)-n {
				return 0
			}
			elements, size = elements[n:], length
		}
		if size == 0 {
			return 0
		}
		kind := elements[0] >> 3 & 15
		if kind != obuTemporalDelimiter || last {
			return kind
		}
		elements = elements[size:]
	}
}

// maxLEB128 is how many bytes a length of an element may have: enough for any packet.
const maxLEB128 = 4

// leb128 reads a little-endian number of 7 bits a byte (AV1 specification §4.10.5) and tells how many bytes it has; 0 when it is cut
// short or too long.
func leb128(b []byte) (value, n int) {
	for n < len(b) && n < maxLEB128 {
		value |= int(b[n]&0x7f) << (7 * n)
		n++
		if b[n-1]&0x80 == 0 {
			return value, n
		}
	}
	return 0, 0
}
