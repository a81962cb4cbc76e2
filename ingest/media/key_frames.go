package media

import "github.com/pion/rtp"

// keyFrames finds where the key frames of a track begin: at the first packet of each, as the sender has numbered them. Of some
// codecs several packets of one picture look like that.
type keyFrames struct {
	starts func(payload []byte) bool // as far as a packet alone tells

	found     bool
	timestamp uint32 // of the newest
	sequence  uint16 // of its beginning
}

// begins reports whether a key frame begins with the packet. One that comes late and belongs before the beginning of the newest key
// frame is the beginning from then on.
func (k *keyFrames) begins(p *rtp.Packet) bool {
	if !k.starts(p.Payload) || k.found && p.Timestamp == k.timestamp && int16(p.SequenceNumber-k.sequence) >= 0 {
		return false
	}
	k.found, k.timestamp, k.sequence = true, p.Timestamp, p.SequenceNumber
	return true
}
