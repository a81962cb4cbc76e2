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

// KeyFrameSizes reads from the first RTP payload of a key frame how large the picture is in each of its spatial layers, the smallest first,
// and returns how many there are: by the scalability structure (RFC 9628 §4.2.1), or, of one layer, by the frame's header. Zero: it does not
// tell. It allocates nothing on success.
func KeyFrameSizes(payload []byte, sizes *[maxLayers]Size) (layers int) {
	var d Descriptor
	n, err := d.Unmarshal(payload)
	if err != nil {
		return 0
	}
	if s := &d.Structure; s.Sized {
		for i := range s.Layers {
			sizes[i] = Size{uint32(s.Width[i]), uint32(s.Height[i])}
		}
		return int(s.Layers)
	}
	h, err := ParseHeader(payload[n:])
	if err != nil || !h.Key || d.Structure.Layers > 1 {
		return 0
	}
	sizes[0] = h.Size
	return 1
}
