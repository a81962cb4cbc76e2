package depay

// Opus counts in 1/48000 s whatever it was coded from (RFC 7587 §4.1).
const (
	maxOpusPacket  = 48 * 120 // 120 ms (RFC 6716 §3.2.5)
	silenceSamples = 48 * 20
)

// silence is 20 ms of digital silence: CELT, fullband, stereo, one frame (RFC 6716 §3.1).
var silence = [3]byte{0xfc, 0xff, 0xfe}

// opusDuration returns how long a packet plays in 1/48000 s, false when it is not an Opus packet (RFC 6716 §3.1, §3.4).
func opusDuration(payload []byte) (int64, bool) {
	if len(payload) == 0 {
		return 0, false
	}
	frames := 1
	switch payload[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(payload) < 2 {
			return 0, false
		}
		frames = int(payload[1] & 0x3f)
	}
	duration := int64(frames) * opusFrame(payload[0]>>3)
	return duration, duration > 0 && duration <= maxOpusPacket
}

// opusFrame returns the length of one frame by the configuration number (RFC 6716 §3.1, table 2).
func opusFrame(config byte) int64 {
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		return [4]int64{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		return [2]int64{480, 960}[config&1]
	}
	return 120 << (config & 3) // CELT: 2.5, 5, 10, 20 ms
}
