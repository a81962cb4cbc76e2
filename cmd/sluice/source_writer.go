package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/webm"
	"github.com/sluice-live/sluice/packager"
)

// sourceWriter keeps the frames of a broadcast as they were received, without fillers, in source-1.webm of its recording;
// a new file begins when the tracks change. After an error it waits for the recording that follows on the failed one.
type sourceWriter struct {
	current   func() *packager.Recording // nil while nothing is recorded
	recording *packager.Recording        // of the file, or of the last one
	log       *slog.Logger
	file      io.WriteCloser
	webm      *webm.Writer
	video     depay.Codec
	audio     depay.Codec
	zero      time.Time // instant of time 0 in the file
	failed    bool      // nothing more is written to recording
}

func (s *sourceWriter) take(f sourceFrame) {
	switch {
	case f.Codec == 0:
		s.flush()
	case s.ready(f):
		if err := s.write(f); err != nil {
			s.fail(err)
		}
	}
}

// ready makes sure that there is a recording to write to.
func (s *sourceWriter) ready(f sourceFrame) bool {
	if s.recording != nil && !s.failed {
		return true
	}
	next := s.current()
	if next == nil || next == s.recording || s.failed && !f.begins() {
		return false
	}
	s.recording, s.failed = next, false
	return true
}

func (s *sourceWriter) write(f sourceFrame) error {
	if f.hole {
		s.recording.NoteHole()
	}
	if s.webm == nil || s.video != f.video || s.audio != f.audio {
		s.close()
		if err := s.open(f); err != nil {
			return err
		}
	}
	track := webm.Audio
	if f.Codec == f.video {
		track = webm.Video
	}
	at := f.zero.Sub(s.zero) + f.Time()
	if at < 0 {
		return nil // sound that is older than the picture that the file has begun with
	}
	return s.webm.WriteFrame(track, at, f.Key, f.Data)
}

// open begins the next file with the first frame of either track. Without a picture yet its size is a guess, which does no
// harm: every key frame says its own. A file that begins in mid-encoding has its time 0 a little before its first frame,
// since the other track may be older.
func (s *sourceWriter) open(f sourceFrame) error {
	var options webm.Options
	if f.video != 0 {
		options.Video = &webm.VideoTrack{Codec: webm.VP8, Width: max(f.Width, 16), Height: max(f.Height, 16)}
	}
	if f.audio != 0 {
		options.Audio = &webm.AudioTrack{Channels: 2}
	}
	file, err := s.recording.CreateSource("webm")
	if err != nil {
		return fmt.Errorf("create the source recording: %w", err)
	}
	s.file, s.video, s.audio = file, f.video, f.audio
	s.zero = f.zero.Add(max(0, f.Time()-time.Second))
	s.webm, err = webm.NewWriter(file, options)
	return err
}

func (s *sourceWriter) flush() {
	if s.webm == nil || s.failed {
		return
	}
	if err := s.webm.Flush(); err != nil {
		s.fail(err)
	}
}

// fail gives the file up. That the recording has ended is told by whoever has ended it.
func (s *sourceWriter) fail(err error) {
	s.failed = true
	if !errors.Is(err, packager.ErrEnded) {
		s.log.Error("source recording has stopped, the stream goes on", "error", err)
	}
	s.close()
}

// close finishes the file.
func (s *sourceWriter) close() {
	if s.webm != nil && !s.failed {
		if err := s.webm.Close(); err != nil {
			s.log.Error("source recording could not be finished", "error", err)
		}
	}
	if s.file != nil {
		if err := s.file.Close(); err != nil {
			s.log.Error("source recording could not be closed", "error", err)
		}
	}
	s.webm, s.file = nil, nil
}
