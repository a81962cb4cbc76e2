package ingest

import "encoding/binary"

// vp8KeyFrameStarts tells from the payload descriptor (RFC 7741 §4.2) and the frame tag (RFC 6386 §9.1) whether the packet
// is the first one of a key frame.
func vp8KeyFrameStarts(payload []byte) bool {
	if len(payload) < 2 || payload[0]&0x17 != 0x10 { // S set, PID 0
		return false
	}
	frame := vp8Frame(payload)
	return len(frame) > 0 && frame[0]&1 == 0
}

// vp8Frame is what comes after the payload descriptor; nothing when that is cut short.
func vp8Frame(payload []byte) []byte {
	n := 1
	if payload[0]&0x80 != 0 { // X
		ext := payload[1]
		n++
		if ext&0x80 != 0 { // I: PictureID of one or two bytes
			if len(payload) <= n {
				return nil
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
	return payload[min(n, len(payload)):]
}

// vp8Size reads the size of a picture from the first packet of a key frame (RFC 6386 §9.1); 0 when it is not there.
func vp8Size(payload []byte) (width, height int) {
	if len(payload) < 2 {
		return 0, 0
	}
	frame := vp8Frame(payload)
	if len(frame) < 10 || frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a {
		return 0, 0
	}
	const scaling = 0x3fff // the upper two bits say how to scale it up
	return int(binary.LittleEndian.Uint16(frame[6:])) & scaling, int(binary.LittleEndian.Uint16(frame[8:])) & scaling
}
