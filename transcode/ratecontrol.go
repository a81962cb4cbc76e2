package transcode

import "time"

// rateControl is what an encoder's rate and buffer depend on beside the bitrate of its rendition.
type rateControl struct {
	part, buffer time.Duration
}

func (o Options) rateControl() rateControl { return rateControl{o.Part, o.Buffer} }

// of returns the encoder's constant rate in bit/s and its buffer in bits. Segments carry at most the rate, the buffer spent at once, and the
// boxes of CMAF: together under 1.1 times Bitrate where the buffer is no longer than 0.15 of a segment.
func (c rateControl) of(r Rendition) (rate, buffer int) {
	return (r.Bitrate - c.overhead()) * 9 / 10, int(int64(r.Bitrate) * c.buffer.Milliseconds() / 1000)
}

// overhead in bit/s is what the boxes of CMAF add to video: 300 bytes to a fragment.
func (c rateControl) overhead() int { return int(300 * 8 * time.Second / c.part) }
