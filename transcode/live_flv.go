package transcode

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/sluice-live/sluice/depay/h264"
)

// How FLV is written (Adobe Flash Video File Format Specification 10.1, annex E), the only format that ffmpeg writes H.264 in with time stamps
// and without waiting for the next picture.
const (
	flvHeader   = 9 + 4 // with the size of no tag
	flvTag      = 11
	flvVideo    = 9
	flvPrefix   = 5 // of video: frame type and codec, packet type, composition time
	flvAVC      = 7
	flvSequence = 0       // packet type: parameter sets
	flvPicture  = 1       // packet type
	flvMost     = 4 << 20 // bytes of a tag
	flvBuffer   = 64 << 10
	flvTicks    = LiveRate / 1000 // of a unit of its time stamps
)

var errFLV = errors.New("ffmpeg has written no FLV of H.264")

// liveFLV reads H.264. Times are those of what was written, rounded to a millisecond.
type liveFLV struct {
	from   *bufio.Reader
	begun  bool
	config h264.Config
	tag    []byte
	unit   []byte // access unit in Annex B
}

// Next implements livePictures.
func (r *liveFLV) Next() (at int64, picture []byte, err error) {
	if !r.begun {
		if _, err := r.from.Discard(flvHeader); err != nil {
			return 0, nil, err
		}
		r.begun = true
	}
	for {
		at, body, err := r.next()
		switch {
		case err != nil:
			return 0, nil, err
		case len(body) < flvPrefix || body[0]&0x0f != flvAVC:
			continue // meta data
		case body[1] == flvSequence:
			if r.config, err = h264.ParseConfig(body[flvPrefix:]); err != nil {
				return 0, nil, err
			}
		case body[1] == flvPicture:
			r.unit, err = r.config.AppendAnnexB(r.unit[:0], body[flvPrefix:])
			return at * flvTicks, r.unit, err
		}
	}
}

// next returns the next tag, whose body is empty if it is none of video.
func (r *liveFLV) next() (at int64, body []byte, err error) {
	var head [flvTag]byte
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(binary.BigEndian.Uint32(head[:]) & 0xffffff)
	if size > flvMost {
		return 0, nil, fmt.Errorf("%w: a tag of %d bytes", errFLV, size)
	}
	if cap(r.tag) < size+4 {
		r.tag = make([]byte, size+4)
	}
	r.tag = r.tag[:size+4] // with its size behind it
	if _, err := io.ReadFull(r.from, r.tag); err != nil {
		return 0, nil, err
	}
	if head[0] != flvVideo {
		return 0, nil, nil
	}
	return int64(head[7])<<24 | int64(binary.BigEndian.Uint32(head[3:])&0xffffff), r.tag[:size], nil
}
