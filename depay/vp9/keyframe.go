package vp9

// KeyFrameStarts reports whether an RTP payload is the first one of a key frame of profile 0, by its payload descriptor (RFC 9628
// §4.2) and the first byte of the frame's header. Of spatial layers that are one picture, only the lowest begins it: the others
// need it. It allocates nothing.
func KeyFrameStarts(payload []byte) bool {
	if len(payload) == 0 || payload[0]&(bitBegin|bitPredicted) != bitBegin {
		return false
	}
	var d Descriptor
	n, err := d.Unmarshal(payload)
	return err == nil && d.SID == 0 && n < len(payload) && beginsKeyFrame(payload[n])
}

// beginsKeyFrame reads the first byte of an uncompressed header (VP9 §6.2): frame marker, profile 0, no existing frame shown,
// KEY_FRAME. Intra-only frames are none, for they need the state of the decoder.
func beginsKeyFrame(header byte) bool { return header&0xfc == frameMarker<<6 }
