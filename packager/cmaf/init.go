package cmaf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Init is what an init segment says about its one track.
type Init struct {
	TrackID    uint32
	Timescale  uint32   // ticks a second (mdhd)
	Codec      string   // RFC 6381, such as avc1.4D401F, vp09.00.31.08, av01.0.05M.08 and mp4a.40.2
	Video      bool     // or audio
	Width      int      // pixels; 0 for audio
	Height     int      // pixels; 0 for audio
	SampleRate int      // Hz; 0 for video
	Channels   int      // 0 for video
	Brands     []string // ftyp: major brand first, then the compatible ones
	EditList   bool     // the track has an elst box
	Defaults   Defaults // for its Scanner
}

// CMAF reports whether the file says that it conforms to CMAF (ISO/IEC 23000-19 §7.2).
func (i Init) CMAF() bool {
	return slices.Contains(i.Brands, "cmfc") || slices.Contains(i.Brands, "cmf2")
}

var (
	errTracks    = errors.New("not exactly one track (ISO/IEC 23000-19 §7.3.1)")
	errTimescale = errors.New("no time scale")
	errCodec     = errors.New("no sample entry of a known codec")
)

// ParseInit reads a whole init segment: ftyp and a moov with one track. It takes AVC, VP9 and AV1 video
// and MPEG-4 audio.
func ParseInit(b []byte) (Init, error) {
	if len(b) > MaxInit {
		return Init{}, fmt.Errorf("init segment of %d bytes: more than %d", len(b), MaxInit)
	}
	var p initParser
	if err := each(box{body: b}, p.top); err != nil {
		return Init{}, fmt.Errorf("parse init segment: %w", err)
	}
	if err := p.check(); err != nil {
		return Init{}, fmt.Errorf("parse init segment: %w", err)
	}
	p.Defaults.TrackID = p.TrackID
	return p.Init, nil
}

// initParser gathers an Init from the boxes that it is walked through.
type initParser struct {
	Init
	tracks int
}

func (p *initParser) check() error {
	switch {
	case p.tracks != 1:
		return errTracks
	case p.Timescale == 0:
		return errTimescale
	case p.Codec == "":
		return errCodec
	}
	return nil
}

func (p *initParser) top(b box) error {
	switch string(b.kind[:]) {
	case "ftyp":
		return p.ftyp(b.body)
	case "moov":
		return each(b, p.moov)
	}
	return nil
}

func (p *initParser) ftyp(b []byte) error {
	if len(b) < 8 || len(b)%4 != 0 {
		return errShort
	}
	p.Brands = []string{string(b[:4])}
	for b = b[8:]; len(b) > 0; b = b[4:] {
		p.Brands = append(p.Brands, string(b[:4]))
	}
	return nil
}

func (p *initParser) moov(b box) error {
	switch string(b.kind[:]) {
	case "trak":
		p.tracks++
		return each(b, p.trak)
	case "mvex":
		return each(b, p.mvex)
	}
	return nil
}

func (p *initParser) mvex(b box) error {
	if string(b.kind[:]) != "trex" {
		return nil
	}
	f := fields{b: b.body}
	f.full()
	f.skip(8) // track_ID, default_sample_description_index
	p.Defaults = Defaults{Duration: f.u32(), Size: f.u32(), Flags: f.u32()}
	return f.err()
}

func (p *initParser) trak(b box) (err error) {
	switch string(b.kind[:]) {
	case "tkhd":
		p.TrackID, err = afterTimes(b.body)
	case "edts":
		p.EditList = true
	case "mdia":
		return each(b, p.mdia)
	}
	return err
}

func (p *initParser) mdia(b box) (err error) {
	switch string(b.kind[:]) {
	case "mdhd":
		p.Timescale, err = afterTimes(b.body)
	case "minf":
		return each(b, p.minf)
	}
	return err
}

func (p *initParser) minf(b box) error {
	if string(b.kind[:]) != "stbl" {
		return nil
	}
	return each(b, p.stbl)
}

func (p *initParser) stbl(b box) error {
	if string(b.kind[:]) != "stsd" {
		return nil
	}
	entries, err := b.after(8) // version, flags and the number of entries
	if err != nil {
		return err
	}
	return each(entries, p.entry)
}

// afterTimes reads the field that follows the creation and modification times of tkhd (track_ID) and mdhd (time scale).
func afterTimes(b []byte) (uint32, error) {
	f := fields{b: b}
	if version, _ := f.full(); version == 0 {
		f.skip(8)
	} else {
		f.skip(16)
	}
	return f.u32(), f.err()
}

// entry reads a sample entry; the first of a known codec counts.
func (p *initParser) entry(b box) error {
	if p.Codec != "" {
		return nil
	}
	switch string(b.kind[:]) {
	case "avc1", "avc3", "vp09", "av01":
		return p.visual(b)
	case "mp4a":
		return p.audio(b)
	}
	return nil
}

// visual reads a VisualSampleEntry: ISO/IEC 14496-12 §12.1.3.
func (p *initParser) visual(entry box) error {
	children, err := entry.after(78)
	if err != nil {
		return err
	}
	p.Video = true
	p.Width = int(binary.BigEndian.Uint16(entry.body[24:]))
	p.Height = int(binary.BigEndian.Uint16(entry.body[26:]))
	return each(children, func(b box) (err error) {
		switch string(b.kind[:]) {
		case "avcC":
			p.Codec, err = avcCodec(entry.kind, b.body)
		case "vpcC":
			p.Codec, err = vp9Codec(b.body)
		case "av1C":
			p.Codec, err = av1Codec(b.body)
		}
		return err
	})
}

// audio reads an AudioSampleEntry of version 0: ISO/IEC 14496-12 §12.2.3.
func (p *initParser) audio(entry box) error {
	children, err := entry.after(28)
	if err != nil {
		return err
	}
	p.Channels = int(binary.BigEndian.Uint16(entry.body[16:]))
	p.SampleRate = int(binary.BigEndian.Uint16(entry.body[24:])) // the integer half of 16.16
	return each(children, func(b box) (err error) {
		if string(b.kind[:]) == "esds" {
			p.Codec, err = mp4aCodec(b.body)
		}
		return err
	})
}
