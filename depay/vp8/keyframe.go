package vp8

// KeyFrameStarts reports whether an RTP payload is the first one of a key frame, by its payload descriptor (RFC 7741 §4.2) and
// the frame tag (RFC 6386 §9.1). It allocates nothing.
func KeyFrameStarts(payload []byte) bool {
	if len(payload) == 0 || payload[0]&(bitStart|maskPartition) != bitStart {
		return false
	}
	var d Descriptor
	n, err := d.Unmarshal(payload)
	return err == nil && n < len(payload) && payload[n]&1 == 0
}

// KeyFrameSize returns the size in pixels that the first RTP payload of a key frame tells (RFC 6386 §9.1), upscaling hints removed;
// zeros when it is not there.
func KeyFrameSize(payload []byte) (width, height int) {
	var d Descriptor
	n, err := d.Unmarshal(payload)
	if err != nil || len(payload) < n+keyTagSize {
		return 0, 0
	}
	var h Header
	if h.parseKey(payload[n+tagSize:]) != nil {
		return 0, 0
	}
	return int(h.Width), int(h.Height)
}
