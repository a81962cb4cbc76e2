package ingest

// vp8KeyFrameStarts tells from the payload descriptor (RFC 7741 §4.2) and the frame tag (RFC 6386 §9.1) whether the packet
// is the first one of a key frame.
func vp8KeyFrameStarts(payload []byte) bool {
	if len(payload) < 2 || payload[0]&0x17 != 0x10 { // S set, PID 0
		return false
	}
	n := 1
	if payload[0]&0x80 != 0 { // X
		ext := payload[1]
		n++
		if ext&0x80 != 0 { // I: PictureID of one or two bytes
			if len(payload) <= n {
				return false
			}
			n += 1 + int(payload[n]>>7)
		}
		if ext&0x40 != 0 { // L
			n++
		}
		if ext&0x30 != 0 { // T, K
			n++
		}
	}
	return len(payload) > n && payload[n]&1 == 0
}
