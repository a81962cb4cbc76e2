package srt

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/sluice-live/sluice/depay/h264"
	"github.com/sluice-live/sluice/depay/opus"
	"github.com/sluice-live/sluice/ingest/webm"
)

const (
	clockRate  = 90_000  // Hz
	wrap       = 1 << 33 // ticks after which time stamps begin again (§2.4.3.7)
	aacSamples = 1024    // in a frame
)

// media reads MPEG-TS. It is an upload.Container.
type media struct {
	packets *packets
	reader  mpegts.Reader
	ready   []webm.Block // of the unit that was read last
	buffer  []byte       // a picture with start codes; reused
	damaged uint64

	begun bool
	last  int64 // time stamp before
	ticks int64 // the same, without wrapping
}

func newMedia(in io.Reader) *media {
	p := &packets{in: in}
	return &media{packets: p, reader: mpegts.Reader{R: p}}
}

// Tracks reads what the program is made of (§2.4.4.8), and the format of its AAC.
func (m *media) Tracks() ([]webm.Track, error) {
	if err := m.reader.Initialize(); err != nil {
		return nil, fmt.Errorf("read MPEG-TS: %w", err)
	}
	m.reader.OnDecodeError(func(error) { m.damaged++ })
	var tracks []webm.Track
	has := map[bool]bool{}
	for i, t := range m.reader.Tracks() {
		found, err := m.understand(uint64(i+1), t, has)
		if err != nil {
			return nil, err
		}
		has[found.Video] = true
		tracks = append(tracks, found)
	}
	return tracks, nil
}

// understand makes a track of one of the program, and reads it, if it is the first of its kind.
func (m *media) understand(number uint64, t *mpegts.Track, has map[bool]bool) (webm.Track, error) {
	found := webm.Track{Number: number, Codec: nameOf(t.Codec)}
	switch codec := t.Codec.(type) {
	case *codecs.H264:
		found.Video = true
		if !has[true] {
			m.reader.OnDataH264(t, func(_, dts int64, units [][]byte) error { return m.takePicture(number, dts, units) })
		}
	case *codecs.MPEG4Audio:
		var err error
		if found.Private, err = codec.Config.Marshal(); err != nil || codec.Config.SampleRate <= 0 {
			return found, errors.New("its AAC is of a format that nobody knows: set the encoder to AAC-LC")
		}
		if !has[false] {
			frame := time.Duration(aacSamples) * time.Second / time.Duration(codec.Config.SampleRate)
			m.reader.OnDataMPEG4Audio(t, func(pts int64, frames [][]byte) error {
				return m.takeSound(number, pts, frames, func([]byte) time.Duration { return frame })
			})
		}
	case *codecs.Opus:
		if !has[false] {
			m.reader.OnDataOpus(t, func(pts int64, packets [][]byte) error { return m.takeSound(number, pts, packets, durationOf) })
		}
	case *codecs.H265, *codecs.MPEG4Video, *codecs.MPEG1Video:
		return found, fmt.Errorf("its video is %s: set the encoder to H.264 without B-frames", found.Codec)
	case *codecs.MPEG4AudioLATM, *codecs.MPEG1Audio, *codecs.AC3, *codecs.EAC3:
		return found, fmt.Errorf("its sound is %s: set the encoder to AAC", found.Codec)
	}
	return found, nil
}

// nameOf is the name of a codec in WebM, or in words when it is not taken.
func nameOf(codec codecs.Codec) string {
	switch codec.(type) {
	case *codecs.H264:
		return "V_MPEG4/ISO/AVC"
	case *codecs.MPEG4Audio:
		return "A_AAC"
	case *codecs.Opus:
		return "A_OPUS"
	case *codecs.H265:
		return "HEVC (H.265)"
	case *codecs.MPEG4Video, *codecs.MPEG1Video:
		return "MPEG video"
	case *codecs.MPEG4AudioLATM:
		return "AAC in LATM"
	case *codecs.MPEG1Audio:
		return "MPEG audio (MP2, MP3)"
	case *codecs.AC3, *codecs.EAC3:
		return "AC-3"
	}
	return "something else than video and sound"
}

func durationOf(packet []byte) time.Duration {
	samples, _ := opus.Duration(packet)
	return time.Duration(samples) * time.Second / opus.SampleRate
}

// Next returns the next frame.
func (m *media) Next() (webm.Block, error) {
	for len(m.ready) == 0 {
		if err := m.reader.Read(); err != nil {
			return webm.Block{}, err
		}
	}
	block := m.ready[0]
	m.ready = m.ready[1:]
	return block, nil
}

// Resume has nothing to do: packets that are lost were lost before.
func (m *media) Resume() {}

// Damaged counts what could not be read.
func (m *media) Damaged() uint64 { return m.damaged }

// Held is how many bytes are kept.
func (m *media) Held() int { return m.packets.held + cap(m.buffer) }

// takePicture takes an access unit, with start codes as H.264 without a configuration has them. It is passed on at the time of decoding, in whose order
// it comes: at that of showing, sound would wait for later pictures.
func (m *media) takePicture(number uint64, dts int64, units [][]byte) error {
	m.buffer = m.buffer[:0]
	for _, unit := range units {
		m.buffer = append(h264.AppendStartCode(m.buffer), unit...)
	}
	if len(m.buffer) > 0 {
		m.ready = append(m.ready[:0], webm.Block{Track: number, Time: m.at(dts), Data: m.buffer})
	}
	return nil
}

// takeSound takes frames that follow on each other.
func (m *media) takeSound(number uint64, pts int64, frames [][]byte, duration func([]byte) time.Duration) error {
	at := m.at(pts)
	m.ready = m.ready[:0]
	for _, frame := range frames {
		if len(frame) == 0 {
			m.damaged++
			continue
		}
		m.ready = append(m.ready, webm.Block{Track: number, Time: at, Data: frame})
		at += duration(frame)
	}
	return nil
}

// at is the time of a time stamp.
func (m *media) at(stamp int64) time.Duration {
	if !m.begun {
		m.begun, m.last = true, stamp
	}
	step := (stamp - m.last) & (wrap - 1)
	if step >= wrap/2 {
		step -= wrap
	}
	m.ticks, m.last = m.ticks+step, stamp
	return time.Duration(m.ticks/clockRate)*time.Second + time.Duration(m.ticks%clockRate)*time.Second/clockRate
}
