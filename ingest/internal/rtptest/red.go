package rtptest

// REDPacket is the opusPacket of that number, with those of as many before it, if they begin so much earlier.
func REDPacket(seq uint16, before int) []byte {
	var heads, blocks []byte
	for i := before; i > 0; i-- {
		block := SoundOf(seq - uint16(i))
		offset := 960 * i
		heads = append(heads, 0x80|111, byte(offset>>6), byte(offset<<2|len(block)>>8), byte(len(block)))
		blocks = append(blocks, block...)
	}
	return append(append(append(heads, 111), blocks...), SoundOf(seq)...)
}

// SoundOf is 20 ms of Opus that tells one packet from another.
func SoundOf(seq uint16) []byte { return []byte{0xf8, byte(seq >> 8), byte(seq)} }
