// Package opus knows as much of Opus as a server needs that passes packets on without decoding them: how long a packet plays, and
// the frames in it (RFC 6716 §3). It keeps no state and starts no goroutine.
package opus

import (
	"errors"
	"fmt"
)

// SampleRate is the rate in Hz that durations count in, whatever a packet was coded from (RFC 7587 §4.1).
const SampleRate = 48000

const (
	maxDuration = SampleRate * 120 / 1000 // of a packet (RFC 6716 §3.2.5)
	maxFrame    = 1275                    // bytes (RFC 6716 §3.2.1)

	maskCode  = 0x03 // of a TOC byte: how many frames there are
	maskCount = 0x3f // of the byte that follows code 3
)

// ErrInvalid reports that the bytes are not a packet of Opus.
var ErrInvalid = errors.New("not Opus")

// Duration returns how long a packet plays, in samples (RFC 6716 §3.1); ok is false when it is cut short, or says that it plays for
// nothing or for more than 120 ms (§3.4).
func Duration(packet []byte) (samples int64, ok bool) {
	if len(packet) == 0 {
		return 0, false
	}
	frames := 1
	switch packet[0] & maskCode {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0, false
		}
		frames = int(packet[1] & maskCount)
	}
	samples = int64(frames) * frameDuration(packet[0]>>3)
	return samples, samples > 0 && samples <= maxDuration
}

// frameDuration returns the length of one frame by the configuration number (RFC 6716 §3.1, table 2).
func frameDuration(config byte) int64 {
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		return [4]int64{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		return [2]int64{480, 960}[config&1]
	}
	return 120 << (config & 3) // CELT: 2.5, 5, 10, 20 ms
}

// SingleTOC returns the byte that begins a packet of one frame like those of packet, which is not empty (RFC 6716 §3.1).
func SingleTOC(packet []byte) byte { return packet[0] &^ maskCode }

var errPacket = fmt.Errorf("read Opus packet: %w", ErrInvalid)
