package h264

// KeyFrameStarts reports whether an RTP payload holds the beginning of an IDR picture or a sequence parameter set, which comes
// before one (RFC 6184 §5.6 to §5.8). Several packets of one picture may. It allocates nothing.
func KeyFrameStarts(payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	switch payload[0] & maskType {
	case typeSTAPA:
		return aggregateStarts(payload)
	case typeFUA:
		return payload[1]&bitFUStart != 0 && Type(payload[1]).startsKeyFrame()
	}
	return Type(payload[0]).startsKeyFrame()
}

func (t NALType) startsKeyFrame() bool { return t == TypeIDR || t == TypeSPS }

// aggregateStarts looks at each unit of an aggregation packet that is there as a whole (RFC 6184 §5.7.1).
func aggregateStarts(payload []byte) bool {
	p := NewPayload(payload)
	for u, ok := p.Next(); ok; u, ok = p.Next() {
		if u.Type().startsKeyFrame() {
			return true
		}
	}
	return false
}
