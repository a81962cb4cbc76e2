package broadcast

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/ogg"
	"github.com/sluice-live/sluice/packager/recording"
)

// fourCCs are the codecs that are kept as IVF.
var fourCCs = map[depay.Codec]string{depay.VP8: ivf.VP8, depay.VP9: ivf.VP9, depay.AV1: ivf.AV1}

// ivfSource is an IVF file of the video, which begins with its first key frame, and an Ogg file of the audio. Both count from one
// instant. Each frame is written at once.
type ivfSource struct {
	recording *recording.Recording
	created   bool // one of the files
	video     struct {
		file   recording.Source // nil before the first frame
		writer *ivf.Writer
		last   int64 // PTS
	}
	audio struct {
		file   recording.Source
		writer *ogg.Writer
		next   int64 // the end of what is there, 1/48000 s
	}
}

func (s *ivfSource) write(f depay.Frame, offset time.Duration) error {
	pts := ticks(offset, f.Codec.ClockRate()) + f.PTS
	if f.Codec == depay.Opus {
		return s.writeAudio(f, pts)
	}
	return s.writeVideo(f, pts)
}

func (s *ivfSource) writeVideo(f depay.Frame, pts int64) (err error) {
	v := &s.video
	if v.writer == nil {
		if !f.Key {
			return nil // nothing could be made of it
		}
		if v.file, err = s.create("ivf"); err != nil {
			return err
		}
		v.writer = ivf.NewWriter(v.file, ivf.Header{FourCC: fourCCs[f.Codec], Width: uint16(f.Width), Height: uint16(f.Height)})
		v.last = pts - 1
	}
	v.last = max(pts, v.last+1) // two frames of one time would be one
	return v.writer.WriteFrame(v.last, f.Data)
}

func (s *ivfSource) writeAudio(f depay.Frame, pts int64) (err error) {
	a := &s.audio
	if len(f.Data) == 0 {
		return nil
	}
	if a.writer == nil {
		if a.file, err = s.create("ogg"); err != nil {
			return err
		}
		a.writer = ogg.NewWriter(a.file, ogg.Header{Channels: 2, SerialNumber: 1})
	}
	pts = max(pts, a.next) // granule positions do not go back (RFC 7845 §4)
	a.next = pts + f.Duration
	return a.writer.WritePacket(pts, f.Duration, f.Data)
}

func (s *ivfSource) create(ext string) (file recording.Source, err error) {
	create := s.recording.CreateSource
	if s.created {
		create = s.recording.CreateSourceBeside
	}
	if file, err = create(ext); err != nil {
		return nil, fmt.Errorf("create the source recording: %w", err)
	}
	s.created = true
	return file, nil
}

// ticks is a duration in units of 1/rate seconds, rounded. Those of a day would not fit into 64 bits in between.
func ticks(d time.Duration, rate int64) int64 {
	seconds, rest := int64(d/time.Second), int64(d%time.Second)
	return seconds*rate + (rest*rate+int64(time.Second)/2)/int64(time.Second)
}

func (s *ivfSource) flush() error { return nil }

func (s *ivfSource) close(failed bool) error {
	var faults []error
	if v := s.video; v.file != nil {
		if !failed {
			faults = append(faults, v.writer.WriteDuration(v.file))
		}
		faults = append(faults, v.file.Close())
	}
	if a := s.audio; a.file != nil {
		if !failed {
			faults = append(faults, a.writer.Close())
		}
		faults = append(faults, a.file.Close())
	}
	return errors.Join(faults...)
}

// MendSource cuts what is left of a frame from the end of a source recording whose process was killed. Of IVF alone: readers of WebM and
// Ogg leave out what is not whole.
func MendSource(name string) error {
	if filepath.Ext(name) != ".ivf" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return ivf.Repair(file, info.Size())
}
