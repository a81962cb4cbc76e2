package cmaf

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// Defaults are what fragments leave unsaid: the track's trex box (ISO/IEC 14496-12 §8.8.3).
type Defaults struct {
	TrackID  uint32 // 0: any
	Duration uint32 // ticks of a sample
	Size     uint32 // bytes of a sample
	Flags    uint32 // of a sample
}

// nonSync is the sample flag of a picture that needs earlier ones: ISO/IEC 14496-12 §8.8.3.1.
const nonSync = 1 << 16

// Flags of tfhd (ISO/IEC 14496-12 §8.8.7) and trun (§8.8.8).
const (
	tfhdBaseOffset    = 0x1
	tfhdDescription   = 0x2
	tfhdDuration      = 0x8
	tfhdSize          = 0x10
	tfhdFlags         = 0x20
	tfhdBaseIsMoof    = 0x20000
	trunOffset        = 0x1
	trunFirstFlags    = 0x4
	trunDuration      = 0x100
	trunSize          = 0x200
	trunFlags         = 0x400
	trunComposition   = 0x800
	trunSampleOptions = 0xf00
)

var (
	errTrafs   = errors.New("not exactly one traf")
	errTrack   = errors.New("another track")
	errBase    = errors.New("default-base-is-moof is not set")
	errNoTfhd  = errors.New("no tfhd before it")
	errNoTfdt  = errors.New("no tfdt")
	errTime    = errors.New("time is beyond 2^53")
	errSamples = errors.New("too many samples")
	errOffset  = errors.New("no data offset")
)

// moof is what one movie fragment box says about its samples.
type moof struct {
	defaults   Defaults
	size       int64 // bytes of the box
	sequence   uint32
	decodeTime uint64
	duration   uint64
	samples    int
	key        bool
	// composition is the first sample's.
	composition        int32
	dataStart, dataEnd int64 // bytes of its samples, from the moof's first byte

	hasTraf, hasTfhd, hasTfdt bool
}

func (m *moof) parse(b box) error {
	if err := each(b, m.child); err != nil {
		return err
	}
	if !m.hasTraf {
		return errTrafs
	}
	return nil
}

func (m *moof) child(b box) error {
	switch string(b.kind[:]) {
	case "mfhd":
		f := fields{b: b.body}
		f.full()
		m.sequence = f.u32()
		return f.err()
	case "traf":
		return m.traf(b)
	}
	return nil
}

// traf reads the one track fragment that a CMAF chunk has: ISO/IEC 23000-19 §7.3.2.3.
func (m *moof) traf(b box) error {
	if m.hasTraf {
		return errTrafs
	}
	m.hasTraf = true
	if err := each(b, m.trafChild); err != nil {
		return err
	}
	if !m.hasTfdt {
		return errNoTfdt
	}
	return nil
}

func (m *moof) trafChild(b box) error {
	switch string(b.kind[:]) {
	case "tfhd":
		return m.tfhd(b.body)
	case "tfdt":
		return m.tfdt(b.body)
	case "trun":
		return m.trun(b.body)
	}
	return nil
}

func (m *moof) tfhd(b []byte) error {
	f := fields{b: b}
	_, flags := f.full()
	if id := f.u32(); m.defaults.TrackID != 0 && id != m.defaults.TrackID {
		return errTrack
	}
	// ISO/IEC 23000-19 §7.5.16: offsets count from the moof.
	if flags&tfhdBaseIsMoof == 0 || flags&tfhdBaseOffset != 0 {
		return errBase
	}
	if flags&tfhdDescription != 0 {
		f.u32()
	}
	f.option(flags, tfhdDuration, &m.defaults.Duration)
	f.option(flags, tfhdSize, &m.defaults.Size)
	f.option(flags, tfhdFlags, &m.defaults.Flags)
	m.hasTfhd = true
	return f.err()
}

// option reads a field that is there when flags has bit.
func (f *fields) option(flags, bit uint32, to *uint32) {
	if flags&bit != 0 {
		*to = f.u32()
	}
}

func (m *moof) tfdt(b []byte) error {
	f := fields{b: b}
	version, _ := f.full()
	if version == 0 {
		m.decodeTime = uint64(f.u32())
	} else {
		m.decodeTime = f.u64()
	}
	if m.decodeTime > MaxTime {
		return errTime
	}
	m.hasTfdt = true
	return f.err()
}

// trun adds one run of samples.
func (m *moof) trun(b []byte) error {
	if !m.hasTfhd {
		return errNoTfhd
	}
	f := fields{b: b}
	_, flags := f.full()
	count := f.u32()
	if count > uint32(MaxSamples-m.samples) {
		return errSamples
	}
	data := m.dataEnd
	if flags&trunOffset != 0 {
		data = int64(int32(f.u32()))
	} else if m.samples == 0 {
		return errOffset
	}
	first := m.defaults.Flags
	f.option(flags, trunFirstFlags, &first)
	stride := 4 * bits.OnesCount32(flags&trunSampleOptions)
	if f.short || len(f.b) < int(count)*stride {
		return errShort
	}
	if count > 0 {
		m.addRun(f.b, flags, first, count, data)
	}
	return nil
}

// addRun adds the run's samples, whose optional fields are in b.
func (m *moof) addRun(b []byte, flags, first, count uint32, data int64) {
	duration, size := uint64(0), int64(0)
	for i := range count {
		s := sample{m.defaults.Duration, m.defaults.Size, m.defaults.Flags, 0}
		if i == 0 {
			s.flags = first
		}
		b = s.read(b, flags)
		duration += uint64(s.duration)
		size += int64(s.size)
		if m.samples == 0 {
			m.key, m.composition, m.dataStart = s.flags&nonSync == 0, s.composition, data
		}
		m.samples++
	}
	m.duration += duration
	m.dataStart, m.dataEnd = min(m.dataStart, data), max(m.dataEnd, data+size)
}

type sample struct {
	duration, size, flags uint32
	composition           int32
}

// read takes the fields that the run's flags announce off b, which holds them.
func (s *sample) read(b []byte, flags uint32) []byte {
	if flags&trunDuration != 0 {
		s.duration, b = binary.BigEndian.Uint32(b), b[4:]
	}
	if flags&trunSize != 0 {
		s.size, b = binary.BigEndian.Uint32(b), b[4:]
	}
	if flags&trunFlags != 0 {
		s.flags, b = binary.BigEndian.Uint32(b), b[4:]
	}
	if flags&trunComposition != 0 {
		s.composition, b = int32(binary.BigEndian.Uint32(b)), b[4:]
	}
	return b
}
