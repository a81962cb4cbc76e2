package webm

import (
	"fmt"
	"io"
)

// cue is the position of the cluster that begins at a time.
type cue struct {
	time     int64 // ms
	position int64 // bytes from the Segment's payload
}

type cues []cue

// add keeps at most maxCues, evenly spread over the file.
func (c *cues) add(time, position int64) {
	if len(*c) == maxCues {
		for i := range maxCues / 2 {
			(*c)[i] = (*c)[2*i]
		}
		*c = (*c)[:maxCues/2]
	}
	*c = append(*c, cue{time, position})
}

func (c cues) appendTo(b []byte, t Track) []byte {
	return appendMaster(b, idCues, func(b []byte) []byte {
		for _, q := range c {
			b = q.appendTo(b, t)
		}
		return b
	})
}

func (q cue) appendTo(b []byte, t Track) []byte {
	return appendMaster(b, idCuePoint, func(b []byte) []byte {
		b = appendUint(b, idCueTime, uint64(q.time))
		return appendMaster(b, idCueTrackPositions, func(b []byte) []byte {
			b = appendUint(b, idCueTrack, uint64(t))
			return appendUint(b, idCueClusterPosition, uint64(q.position))
		})
	})
}

// finish writes the cues and then fills in the fields of the header, each of which is good for itself: a process killed
// here leaves a file that plays. A writer that has Seek but cannot (a pipe) is left as it is.
func (f *Writer) finish(s io.WriteSeeker) error {
	end, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil
	}
	begin, payload := end-f.written, f.written-f.at.segment
	if len(f.cues) > 0 {
		b := f.cues.appendTo(nil, f.cueTrack())
		if _, err := s.Write(b); err != nil {
			return fmt.Errorf("write WebM cues: %w", err)
		}
		if err := patch(s, begin+f.at.seekHead, appendSeekHead(nil, uint64(payload))); err != nil {
			return err
		}
		payload += int64(len(b))
	}
	if err := patch(s, begin+f.at.duration, appendFloat(nil, idDuration, float64(f.last))); err != nil {
		return err
	}
	if err := patch(s, begin+f.at.segment-8, appendSize8(nil, uint64(payload))); err != nil {
		return err
	}
	if _, err := s.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("finish WebM: %w", err)
	}
	return nil
}

func (f *Writer) cueTrack() Track {
	if f.options.Video == nil {
		return Audio
	}
	return Video
}

func patch(s io.WriteSeeker, offset int64, b []byte) error {
	if _, err := s.Seek(offset, io.SeekStart); err != nil {
		return fmt.Errorf("finish WebM: %w", err)
	}
	if _, err := s.Write(b); err != nil {
		return fmt.Errorf("finish WebM: %w", err)
	}
	return nil
}
