// Package ivf writes and reads IVF, the container of a 32 byte header and frames with a 12 byte header each that ffmpeg
// reads from a pipe without seeking or probing. It knows nothing of the codec inside, starts no goroutine, and closes
// neither the writer nor the reader that it was given.
//
// IVF has no standard; the layout is that of libvpx (ivfdec.c) and ffmpeg (ivfdec.c).
package ivf

import (
	"errors"
	"fmt"
)

// Four-character codes that ffmpeg knows. H264 stands for an Annex B byte stream.
const (
	VP8  = "VP80"
	VP9  = "VP90"
	AV1  = "AV01"
	H264 = "H264"
)

// MaxFrameSize is the longest frame, in bytes, that is written or read.
const MaxFrameSize = 16 << 20

const (
	signature       = "DKIF"
	fileHeaderSize  = 32
	frameHeaderSize = 12
	defaultRate     = 90000
)

var (
	// ErrTooLarge reports that a frame is longer than MaxFrameSize.
	ErrTooLarge = errors.New("frame too large")
	// ErrInvalid reports that the bytes are not an IVF file.
	ErrInvalid = errors.New("not an IVF file")
)

// Header is the file header.
type Header struct {
	FourCC        string // codec, 4 bytes, such as VP8
	Width, Height uint16 // pixels; a hint, since key frames carry their own
	Rate, Scale   uint32 // a PTS counts units of Scale/Rate seconds; zero values: 90000 and 1
}

// Validate reports what a Writer would refuse.
func (h Header) Validate() error {
	if len(h.FourCC) != 4 {
		return fmt.Errorf("ivf: four-character code %q has %d bytes", h.FourCC, len(h.FourCC))
	}
	return nil
}
