package depay

import (
	"fmt"
	"time"
)

// Kind tells the two tracks of a publisher apart.
type Kind uint8

// The kinds of media.
const (
	Video Kind = iota
	Audio
	kinds
)

// String returns "video" or "audio".
func (k Kind) String() string {
	switch k {
	case Video:
		return "video"
	case Audio:
		return "audio"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Codec is a coding that a track is negotiated with. The zero value is none: the track does not exist.
type Codec uint8

// The codecs that are taken.
const (
	VP8  Codec = iota + 1 // RFC 7741
	Opus                  // RFC 7587
	VP9                   // RFC 9628
	H264                  // RFC 6184
	AV1                   // RTP Payload Format For AV1, version 1.0.0
)

// String returns the name as SDP spells it (RFC 8866 §6.6), or "none".
func (c Codec) String() string {
	switch c {
	case 0:
		return "none"
	case VP8:
		return "VP8"
	case Opus:
		return "opus"
	case VP9:
		return "VP9"
	case H264:
		return "H264"
	case AV1:
		return "AV1"
	}
	return fmt.Sprintf("codec %d", uint8(c))
}

// ClockRate returns the RTP clock rate in Hz, which PTS and Duration of frames count in; 0 for no codec.
func (c Codec) ClockRate() int64 {
	switch c {
	case VP8, VP9, H264, AV1:
		return 90000
	case Opus:
		return 48000
	}
	return 0
}

// Frame is one coded picture or one audio packet.
type Frame struct {
	Codec Codec

	// PTS is the time since Depacketizer.Zero in ticks of Codec.ClockRate. It strictly increases within a kind, Late frames
	// aside; among received frames it does with them.
	PTS int64

	// RTPTime is the time stamp that a received picture came with (RFC 3550 §5.1): those of all layers that were taken at the same
	// instant are about the same. 0 for fillers and sound.
	RTPTime uint32

	// Layer is that of Options.Layers which the picture is of, from 1; 0 for one of the video track. Each has an order of PTS of its own.
	Layer int

	// Duration is how long an audio frame plays, in ticks; 0 for video. Audio frames follow one another without overlap
	// but for the ticks by which the clock was corrected, or by which a late frame was stamped forward.
	Duration int64

	// Key is set for a picture that needs no other one.
	Key bool

	// Filler is set for a frame that was made here and not received: a repeat frame, a black key frame, silence.
	Filler bool

	// Late is set for audio that was received after its time had been filled with silence. A recording of what was received
	// has it, at its own time. The output that never goes quiet does not: it has that time already, and counts it as dropped.
	Late bool

	// Width and Height are the size in pixels of a key frame; 0 in all others.
	Width, Height uint16

	// Data is one whole coded frame without RTP framing; of VP9 it may be a superframe, of AV1 it is a temporal unit in the
	// low-overhead bitstream format. It belongs to the receiver.
	Data []byte
}

// Time returns PTS as a duration, without overflow for as long as a duration can tell.
func (f Frame) Time() time.Duration {
	rate := f.Codec.ClockRate()
	return time.Duration(f.PTS/rate)*time.Second + time.Duration(f.PTS%rate)*time.Second/time.Duration(rate)
}
