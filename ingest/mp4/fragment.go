package mp4

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

// place is where a sample is in its fragment, and when.
type place struct {
	track      uint32
	time       time.Duration
	decoded    time.Duration // when it is to be decoded, where the first of the track is shown at once
	begin, end uint64        // bytes after the beginning of the moof
}

// readFragment reads where the samples of the next mdat are (ISO/IEC 14496-12 §8.8.4). begin is how far into the file the moof begins.
func (r *Reader) readFragment(data []byte, begin uint64) error {
	r.places, r.begin = r.places[:0], begin
	end := uint64(0) // of the track before
	return walk("moof", data, func(kind string, data []byte) (err error) {
		if kind == "traf" {
			end, err = r.readTrackFragment(data, end)
		}
		return err
	})
}

// trackFragment is a traf in the making.
type trackFragment struct {
	*entry   // nil for a track that is not known
	header   *mp4.TfhdBox
	decode   uint64 // ticks
	base, at uint64 // bytes after the beginning of the moof: what offsets are from, and where the next sample is
}

// readTrackFragment reads a traf (ISO/IEC 14496-12 §8.8.6). Its data may follow on that of the track before.
func (r *Reader) readTrackFragment(data []byte, previous uint64) (end uint64, err error) {
	t := trackFragment{}
	err = walk("traf", data, func(kind string, data []byte) error {
		if t.header == nil && kind != "tfhd" {
			return nil
		}
		switch kind {
		case "tfhd":
			return r.beginTrack(&t, data, previous)
		case "tfdt":
			box, err := decode[*mp4.TfdtBox](kind, data, mp4.DecodeTfdtSR)
			if err == nil {
				t.decode = box.BaseMediaDecodeTime()
			}
			return err
		case "trun":
			return r.readRun(&t, data)
		}
		return nil
	})
	if t.entry != nil {
		t.next = t.decode
	}
	return t.at, err
}

func (r *Reader) beginTrack(t *trackFragment, data []byte, previous uint64) (err error) {
	if t.header, err = decode[*mp4.TfhdBox]("tfhd", data, mp4.DecodeTfhdSR); err != nil {
		return err
	}
	if t.entry = r.track(t.header.TrackID); t.entry != nil {
		t.decode = t.next
	}
	switch { // ISO/IEC 14496-12 §8.8.7.1
	case t.header.HasBaseDataOffset() && !r.resumed && t.header.BaseDataOffset >= r.begin:
		t.base = t.header.BaseDataOffset - r.begin
	case !t.header.HasBaseDataOffset() && !t.header.DefaultBaseIfMoof():
		t.base = previous
	}
	t.at = t.base
	return nil
}

// readRun reads a trun (ISO/IEC 14496-12 §8.8.8).
func (r *Reader) readRun(t *trackFragment, data []byte) error {
	run, err := decode[*mp4.TrunBox]("trun", data, mp4.DecodeTrunSR)
	if err != nil {
		return err
	}
	if run.HasDataOffset() {
		t.at = t.base + uint64(int64(run.DataOffset))
	}
	if len(r.places)+len(run.Samples) > maxSamples {
		return fmt.Errorf("read fragment: it has more than %d samples", maxSamples)
	}
	var defaults *mp4.TrexBox
	if t.entry != nil {
		defaults = t.defaults
	}
	run.AddSampleDefaultValues(t.header, defaults)
	for _, s := range run.Samples {
		if t.entry != nil {
			p, err := t.place(s)
			if err != nil {
				return err
			}
			r.places = append(r.places, p)
		}
		t.decode, t.at = t.decode+uint64(s.Dur), t.at+uint64(s.Size)
	}
	return nil
}

// place tells where and when the next sample is.
func (t *trackFragment) place(s mp4.Sample) (p place, err error) {
	if !t.begun {
		t.begun, t.first = true, int64(s.CompositionTimeOffset)
	}
	decode := int64(t.decode) - t.skipped
	p = place{track: t.ID, begin: t.at, end: t.at + uint64(s.Size)}
	if p.time, err = timeOf(decode+int64(s.CompositionTimeOffset), t.scale); err != nil {
		return p, err
	}
	if p.decoded, err = timeOf(decode+t.first, t.scale); err != nil {
		return p, err
	}
	p.time, p.decoded = p.time+t.delay, p.decoded+t.delay
	if later := int64(s.CompositionTimeOffset) - t.first; s.Dur > 0 && max(later, -later) >= int64(s.Dur) {
		t.reordered = true // by a picture at least
	}
	return p, nil
}

// timeOf converts ticks to time.
func timeOf(ticks int64, scale uint32) (time.Duration, error) {
	negative := ticks < 0
	if negative {
		ticks = -ticks
	}
	high, low := bits.Mul64(uint64(ticks), uint64(time.Second))
	if high >= uint64(scale) {
		return 0, fmt.Errorf("read fragment: the time stamp %d is too large", ticks)
	}
	at, _ := bits.Div64(high, low, uint64(scale))
	if at > maxTicks {
		return 0, fmt.Errorf("read fragment: the time stamp %d is too large", ticks)
	}
	if negative {
		return -time.Duration(at), nil
	}
	return time.Duration(at), nil
}

// readMedia reads the samples of the fragment at hand from an mdat whose data begins so far into the file, in the order of their times.
// Those of a track with B-frames are in the order, and have the times, of their decoding.
func (r *Reader) readMedia(data []byte, begin uint64) {
	offset := begin - r.begin
	kept := r.places[:0]
	for _, p := range r.places {
		if p.begin < offset || p.end <= p.begin || p.end-offset > uint64(len(data)) {
			r.damaged++
			continue
		}
		if t := r.track(p.track); t != nil && t.reordered {
			p.time = p.decoded
		}
		p.begin, p.end = p.begin-offset, p.end-offset
		kept = append(kept, p)
	}
	slices.SortStableFunc(kept, func(a, b place) int { return cmp.Compare(a.time, b.time) })
	r.places, r.next, r.ready = kept, 0, true
}
