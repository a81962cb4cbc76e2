package forward

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/timeline"
)

// maxPart is more bytes than any part has: a second of the largest rendition.
const maxPart = 64 << 20

// format is what comes in a track, in one run of the encoder.
type format struct {
	video         bool
	width, height int
	record        []byte // AVCDecoderConfigurationRecord, or AudioSpecificConfig
	timescale     uint32
	defaults      *mp4.TrexBox
}

// errFormat says that RTMP does not carry a rendition.
var errFormat = errors.New("it is neither H.264 nor AAC")

// readFormat reads an initialization segment.
func readFormat(f io.Reader) (*format, error) {
	b, err := io.ReadAll(io.LimitReader(f, cmaf.MaxInit))
	if err != nil {
		return nil, err
	}
	file, err := mp4.DecodeFile(bytes.NewReader(b))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read an initialization segment: %w", err)
	case file.Init == nil, file.Init.Moov.Trak == nil, file.Init.Moov.Mvex == nil:
		return nil, errFormat
	}
	track := file.Init.Moov.Trak
	made := &format{timescale: track.Mdia.Mdhd.Timescale, defaults: file.Init.Moov.Mvex.Trex}
	table := track.Mdia.Minf.Stbl.Stsd
	switch {
	case table.AvcX != nil && table.AvcX.AvcC != nil:
		return made, made.readVideo(table.AvcX)
	case table.Mp4a != nil && table.Mp4a.Esds != nil && table.Mp4a.Esds.DecConfigDescriptor != nil && table.Mp4a.Esds.DecConfigDescriptor.DecSpecificInfo != nil:
		made.record = table.Mp4a.Esds.DecConfigDescriptor.DecSpecificInfo.DecConfig
		return made, nil
	}
	return nil, errFormat
}

func (f *format) readVideo(entry *mp4.VisualSampleEntryBox) error {
	config := entry.AvcC.DecConfRec
	f.video, f.width, f.height = true, int(entry.Width), int(entry.Height)
	var record bytes.Buffer
	if err := config.Encode(&record); err != nil {
		return fmt.Errorf("write the configuration of H.264: %w", err)
	}
	f.record = record.Bytes()
	return nil
}

// unit is a picture, or a frame of sound.
type unit struct {
	format *format
	at     time.Duration // of decoding
	later  time.Duration // so much later it is shown
	key    bool
	data   []byte
}

// nonSync is the sample flag of a picture that needs others (ISO/IEC 14496-12 §8.8.3.1).
const nonSync = 1 << 16

// readPart reads the units of a part.
func (f *format) readPart(file *os.File, part timeline.Part) ([]unit, error) {
	if part.Size <= 0 || part.Size > maxPart {
		return nil, fmt.Errorf("a part of %d bytes", part.Size)
	}
	b := make([]byte, part.Size)
	if _, err := file.ReadAt(b, part.Offset); err != nil {
		return nil, err
	}
	decoded, err := mp4.DecodeFile(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("read a part: %w", err)
	}
	var units []unit
	for _, segment := range decoded.Segments {
		for _, fragment := range segment.Fragments {
			samples, err := fragment.GetFullSamples(f.defaults)
			if err != nil {
				return nil, fmt.Errorf("read a part: %w", err)
			}
			for _, s := range samples {
				units = append(units, unit{
					format: f, at: timeline.FromTicks(int64(s.DecodeTime), f.timescale), later: timeline.FromTicks(int64(s.CompositionTimeOffset), f.timescale),
					key: s.Flags&nonSync == 0, data: s.Data,
				})
			}
		}
	}
	return units, nil
}
