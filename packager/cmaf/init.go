package cmaf

import (
	"errors"
	"fmt"
	"slices"

	"github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"
)

// Init is what an init segment says about its one track.
type Init struct {
	TrackID    uint32
	Timescale  uint32   // ticks a second (mdhd)
	Codec      string   // RFC 6381, such as avc1.4D401F, hvc1.1.6.L93.90, vp09.00.31.08, av01.0.05M.08 and mp4a.40.2
	Video      bool     // or audio
	Width      int      // pixels; 0 for audio
	Height     int      // pixels; 0 for audio
	SampleRate int      // Hz; 0 for video
	Channels   int      // 0 for video
	Brands     []string // ftyp: major brand first, then the compatible ones
	EditList   bool     // the track has an edts box
	Defaults   Defaults // for its Scanner
}

// CMAF reports whether the file says that it conforms to CMAF (ISO/IEC 23000-19 §7.2).
func (i Init) CMAF() bool {
	return slices.Contains(i.Brands, "cmfc") || slices.Contains(i.Brands, "cmf2")
}

// ID3 reports whether the file says that segments carry ID3 in events; see [BrandID3].
func (i Init) ID3() bool { return slices.Contains(i.Brands, brandID3) }

var (
	errTracks    = errors.New("not exactly one track (ISO/IEC 23000-19 §7.3.1)")
	errTimescale = errors.New("no time scale")
	errCodec     = errors.New("no sample entry of a known codec")
)

// ParseInit reads a whole init segment of at most MaxInit bytes: ftyp and a moov with one track. It takes AVC, HEVC, VP9 and AV1 video and
// MPEG-4 audio.
func ParseInit(b []byte) (Init, error) {
	if len(b) > MaxInit {
		return Init{}, fmt.Errorf("init segment of %d bytes: more than %d", len(b), MaxInit)
	}
	var i Init
	moov, err := i.readTop(b)
	if err == nil {
		err = i.readMovie(moov)
	}
	if err != nil {
		return Init{}, fmt.Errorf("parse init segment: %w", err)
	}
	return i, nil
}

// readTop reads the brands and decodes the movie box. Other boxes are passed over.
func (i *Init) readTop(b []byte) (moov *mp4.MoovBox, err error) {
	err = each(box{body: b}, func(top box) error {
		switch string(top.kind[:]) {
		case "ftyp":
			return i.readBrands(top.body)
		case "moov":
			if moov != nil {
				return errTracks
			}
			decoded, err := mp4.DecodeBoxSR(uint64(top.at), bits.NewFixedSliceReader(b[top.at:top.bodyAt+int64(len(top.body))]))
			if err != nil {
				return err
			}
			moov = decoded.(*mp4.MoovBox)
		}
		return nil
	})
	return moov, err
}

// readBrands reads ftyp by hand: mp4ff panics on one that is cut short.
func (i *Init) readBrands(b []byte) error {
	if len(b) < 8 || len(b)%4 != 0 {
		return errShort
	}
	i.Brands = []string{string(b[:4])}
	for b = b[8:]; len(b) > 0; b = b[4:] {
		i.Brands = append(i.Brands, string(b[:4]))
	}
	return nil
}

func (i *Init) readMovie(moov *mp4.MoovBox) error {
	if moov == nil || len(moov.Traks) != 1 {
		return errTracks
	}
	track := moov.Traks[0]
	if track.Tkhd != nil {
		i.TrackID = track.Tkhd.TrackID
	}
	i.EditList = track.Edts != nil
	i.Defaults.TrackID = i.TrackID
	if moov.Mvex != nil && moov.Mvex.Trex != nil {
		trex := moov.Mvex.Trex
		i.Defaults.Duration, i.Defaults.Size, i.Defaults.Flags = trex.DefaultSampleDuration, trex.DefaultSampleSize, trex.DefaultSampleFlags
	}
	if track.Mdia == nil || track.Mdia.Mdhd == nil || track.Mdia.Mdhd.Timescale == 0 {
		return errTimescale
	}
	i.Timescale = track.Mdia.Mdhd.Timescale
	return i.readEntries(track.Mdia)
}

// readEntries reads the first sample entry of a known codec.
func (i *Init) readEntries(mdia *mp4.MdiaBox) error {
	if mdia.Minf == nil || mdia.Minf.Stbl == nil || mdia.Minf.Stbl.Stsd == nil {
		return errCodec
	}
	for _, entry := range mdia.Minf.Stbl.Stsd.Children {
		var err error
		switch entry := entry.(type) {
		case *mp4.VisualSampleEntryBox:
			i.Video, i.Width, i.Height = true, int(entry.Width), int(entry.Height)
			i.Codec = videoCodec(entry)
		case *mp4.AudioSampleEntryBox:
			i.Video, i.SampleRate, i.Channels = false, int(entry.SampleRate), int(entry.ChannelCount)
			i.Codec, err = audioCodec(entry)
		}
		if err != nil {
			return err
		}
		if i.Codec != "" {
			return nil
		}
	}
	return errCodec
}
