package forward

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/sluice-live/sluice/depay/h264"
)

// lead is what time stamps begin with: the clock of a program is before them (ISO/IEC 13818-1 §2.4.2.1).
const lead = time.Second

var (
	errNewTrack = errors.New("the stream has begun to have pictures or sound, which needs another connection")
	errPicture  = errors.New("a picture has units that do not end within it")
)

// program writes units as MPEG-TS.
type program struct {
	out          mpegts.Writer
	video, sound *mpegts.Track // nil: there is none
	format       [2]*format    // that was last, of sound and of pictures
	sets         [][]byte      // parameter sets, which go before key frames
	lengthBytes  int           // before a unit of H.264
	zero         *time.Duration
	early        time.Duration // how much pictures are decoded before the time that the file has, which may be later than that of showing
	last         int64         // time of decoding
}

// newProgram begins to write what is described.
func newProgram(to io.Writer, video, sound *format) (*program, error) {
	p := &program{last: -1}
	if video != nil {
		p.video = &mpegts.Track{Codec: &codecs.H264{}}
		p.out.Tracks = append(p.out.Tracks, p.video)
	}
	if sound != nil {
		config, err := readSound(sound.record)
		if err != nil {
			return nil, err
		}
		p.sound = &mpegts.Track{Codec: config}
		p.out.Tracks = append(p.out.Tracks, p.sound)
	}
	p.out.W = to
	return p, p.out.Initialize()
}

func readSound(record []byte) (*codecs.MPEG4Audio, error) {
	var config mpeg4audio.AudioSpecificConfig
	if err := config.Unmarshal(record); err != nil {
		return nil, fmt.Errorf("read the configuration of AAC: %w", err)
	}
	return &codecs.MPEG4Audio{Config: config}, nil
}

// write writes a unit.
func (p *program) write(u unit) error {
	if p.zero == nil {
		p.zero = &u.at
	}
	decoded, shown := u.at-*p.zero+lead, u.at+u.later-*p.zero+lead
	if !u.format.video {
		return p.writeSound(u, stampOf(decoded))
	}
	p.early = max(p.early, -u.later)
	dts := max(stampOf(decoded-p.early), p.last+1)
	p.last = dts
	return p.writePicture(u, max(stampOf(shown), dts), dts)
}

// stampOf is a time in units of 1/90000 s.
func stampOf(at time.Duration) int64 {
	return int64(max(at, 0)/time.Second)*90_000 + int64(max(at, 0)%time.Second)*90_000/int64(time.Second)
}

func (p *program) writeSound(u unit, at int64) error {
	if p.sound == nil {
		return errNewTrack
	}
	if p.format[0] != u.format {
		config, err := readSound(u.format.record)
		if err != nil {
			return err
		}
		p.sound.Codec, p.format[0] = config, u.format // each frame has it before it
	}
	return p.out.WriteMPEG4Audio(p.sound, at, [][]byte{u.data})
}

func (p *program) writePicture(u unit, pts, dts int64) error {
	if p.video == nil {
		return errNewTrack
	}
	if p.format[1] != u.format {
		config, err := h264.ParseConfig(u.format.record)
		if err != nil {
			return fmt.Errorf("read the configuration of H.264: %w", err)
		}
		p.sets, p.lengthBytes, p.format[1] = slices.Concat(config.SPS, config.PPS), config.LengthSize, u.format
	}
	units, err := p.unitsOf(u)
	if err != nil || len(units) == 0 {
		return err
	}
	return p.out.WriteH264(p.video, pts, dts, units)
}

// unitsOf takes a picture apart, and puts parameter sets before one that is a key frame. Delimiters are written anew.
func (p *program) unitsOf(u unit) (units [][]byte, err error) {
	has := false
	for rest := u.data; len(rest) > 0; {
		if len(rest) < p.lengthBytes {
			return nil, errPicture
		}
		var length [8]byte
		copy(length[8-p.lengthBytes:], rest)
		rest = rest[p.lengthBytes:]
		size := binary.BigEndian.Uint64(length[:])
		if size > uint64(len(rest)) {
			return nil, errPicture
		}
		nal := rest[:size]
		rest = rest[size:]
		if size == 0 || h264.Type(nal[0]) == h264.TypeDelimiter {
			continue
		}
		has = has || h264.Type(nal[0]) == h264.TypeSPS
		units = append(units, nal)
	}
	if u.key && !has {
		units = append(p.sets[:len(p.sets):len(p.sets)], units...)
	}
	return units, nil
}
