package ingest

// Bits of the first byte of VP9's payload descriptor (RFC 9628 §4.2).
const (
	vp9PictureID   = 0x80 // I
	vp9Inter       = 0x40 // P
	vp9Layers      = 0x20 // L
	vp9Flexible    = 0x10 // F
	vp9FrameBegins = 0x08 // B
	vp9Structure   = 0x02 // V
)

// vp9KeyFrameStarts tells from the payload descriptor (RFC 9628 §4.2) and the first byte of the frame's header whether the packet
// is the first one of a key frame. Of spatial layers that are one picture, only the lowest begins it; the others need it.
func vp9KeyFrameStarts(payload []byte) bool {
	if len(payload) < 2 || payload[0]&(vp9FrameBegins|vp9Inter) != vp9FrameBegins {
		return false
	}
	flags, n := payload[0], 1
	if flags&vp9PictureID != 0 { // one or two bytes
		n += 1 + int(payload[n]>>7)
	}
	if flags&vp9Layers != 0 {
		if len(payload) <= n || payload[n]&0x0e != 0 { // SID
			return false
		}
		n++
		if flags&vp9Flexible == 0 { // TL0PICIDX
			n++
		}
	}
	if flags&vp9Structure != 0 {
		n = afterVP9Structure(payload, n)
	}
	return len(payload) > n && vp9KeyFrame(payload[n])
}

// afterVP9Structure is where the scalability structure ends that begins at n (RFC 9628 §4.2.1); beyond the payload when it is
// cut short.
func afterVP9Structure(payload []byte, n int) int {
	if len(payload) <= n {
		return n
	}
	ss := payload[n]
	n++
	if ss&0x10 != 0 { // Y: width and height of each of N_S + 1 layers
		n += 4 * (1 + int(ss>>5))
	}
	if ss&0x08 == 0 || len(payload) <= n { // G
		return n
	}
	pictures := int(payload[n])
	n++
	for ; pictures > 0 && n < len(payload); pictures-- {
		n += 1 + int(payload[n]>>2&3) // R reference indices
	}
	return n + pictures // what is missing is at least a byte for each
}

// vp9KeyFrame reads the first byte of an uncompressed header (VP9 bitstream specification §6.2): frame marker 2, profile 0, a
// frame of its own, of type KEY_FRAME. Intra-only frames are none: they need the state of the decoder.
func vp9KeyFrame(header byte) bool { return header&0xfc == 0x80 }
