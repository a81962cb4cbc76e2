package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sluice-live/sluice/depay/ivf"
)

// pictureReader reads what ffmpeg has encoded. A picture is valid until the next call; ticks is its time in videoClock. At the
// end the error is io.EOF.
type pictureReader interface {
	Next() (ticks int64, picture []byte, err error)
}

// newPictureReader reads a codec's container.
func newPictureReader(r io.Reader, codec videoCodec, of rate) pictureReader {
	if codec.container == "h264" {
		return &accessUnits{r: r, rate: of}
	}
	return &ivfPictures{r: r}
}

// ivfPictures reads an IVF stream.
type ivfPictures struct {
	r  io.Reader
	in *ivf.Reader // nil before the first picture
}

func (p *ivfPictures) Next() (ticks int64, picture []byte, err error) {
	if p.in == nil {
		if p.in, err = ivf.NewReader(p.r); err != nil {
			return 0, nil, err
		}
	}
	n, picture, err := p.in.Next()
	return n * int64(p.in.Header.Scale) * videoClock / int64(p.in.Header.Rate), picture, err
}

// accessUnitDelimiter begins every picture (ITU-T H.264 §7.4.1.2.4): a start code, whose first zero may be missing, and the
// NAL unit's first byte.
const accessUnitDelimiter = "\x00\x00\x01\x09"

// errPictureTooLarge ends a stream that holds no picture.
var errPictureTooLarge = errors.New("H.264 picture too large")

// accessUnits reads an H.264 byte stream of a constant frame rate, which alone tells the time. A picture is known to be whole
// when the next one begins: no delay, since ffmpeg runs ahead of the sending.
type accessUnits struct {
	r     io.Reader
	rate  rate
	buf   []byte
	used  int // bytes at the beginning of buf that were returned
	count int64
	ended bool
}

func (a *accessUnits) Next() (ticks int64, picture []byte, err error) {
	a.buf = a.buf[:copy(a.buf, a.buf[a.used:])]
	a.used = 0
	for searched := len(accessUnitDelimiter); ; {
		if searched < len(a.buf) {
			if at := bytes.Index(a.buf[searched:], []byte(accessUnitDelimiter)); at >= 0 {
				return a.take(searched + at)
			}
			searched = max(searched, len(a.buf)-len(accessUnitDelimiter)+1)
		}
		switch {
		case a.ended && len(a.buf) == 0:
			return 0, nil, io.EOF
		case a.ended:
			return a.take(len(a.buf))
		case len(a.buf) > ivf.MaxFrameSize:
			return 0, nil, fmt.Errorf("read more than %d bytes: %w", ivf.MaxFrameSize, errPictureTooLarge)
		}
		if err := a.fill(); err != nil {
			return 0, nil, err
		}
	}
}

// take returns the picture that is followed by a delimiter at end, or by nothing.
func (a *accessUnits) take(end int) (ticks int64, picture []byte, err error) {
	if end < len(a.buf) && a.buf[end-1] == 0 {
		end-- // of the delimiter's start code
	}
	a.used = end
	ticks = a.count * videoClock * a.rate.under / a.rate.over
	a.count++
	return ticks, a.buf[:end], nil
}

// fill reads more.
func (a *accessUnits) fill() error {
	a.buf = slices.Grow(a.buf, 64<<10)
	n, err := a.r.Read(a.buf[len(a.buf):cap(a.buf)])
	a.buf = a.buf[:len(a.buf)+n]
	if isEOF(err) {
		a.ended = true
		return nil
	}
	return err
}
