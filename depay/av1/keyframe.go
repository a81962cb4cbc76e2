package av1

// KeyFrameStarts reports whether an RTP payload is the first one of a coded video sequence: N of its aggregation header says so,
// or, where a sender does not set it, a sequence header in front (RTP Payload Format For AV1 §4.4). It allocates nothing on success.
func KeyFrameStarts(payload []byte) bool {
	var a Aggregation
	if len(payload) < 2 || a.Unmarshal(payload) != nil || a.Continues {
		return false
	}
	return a.NewSequence || a.firstType() == SequenceHeaderType
}

// firstType returns the type of the first OBU that is no temporal delimiter; 0 when there is none.
func (a *Aggregation) firstType() Type {
	for a.More() {
		element, err := a.Next()
		if err != nil || len(element) == 0 {
			return 0
		}
		if t := headerType(element[0]); t != TemporalDelimiterType {
			return t
		}
	}
	return 0
}
