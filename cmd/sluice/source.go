package main

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/webm"
	"github.com/sluice-live/sluice/packager"
)

// sourceWriter keeps the frames of a broadcast as they were received, without fillers, in source-1.webm of its recording;
// a new file begins when the tracks change. A nil sourceWriter keeps nothing.
// After an error it stops: the broadcast goes on without it.
type sourceWriter struct {
	recording *packager.Recording
	log       *slog.Logger
	file      io.WriteCloser
	webm      *webm.Writer
	video     depay.Codec
	audio     depay.Codec
	zero      time.Time // instant of time 0 in the file
	failed    bool
}

func newSourceWriter(recording *packager.Recording, log *slog.Logger) *sourceWriter {
	if recording == nil {
		return nil
	}
	return &sourceWriter{recording: recording, log: log}
}

// write adds a frame whose PTS counts from an instant; video and audio are the tracks of its encoding.
func (s *sourceWriter) write(f depay.Frame, zero time.Time, video, audio depay.Codec) {
	if s == nil || s.failed {
		return
	}
	if err := s.tryWrite(f, zero, video, audio); err != nil {
		s.fail(err)
	}
}

func (s *sourceWriter) tryWrite(f depay.Frame, zero time.Time, video, audio depay.Codec) error {
	if s.webm == nil || s.video != video || s.audio != audio {
		s.close()
		if err := s.open(f, zero, video, audio); err != nil {
			return err
		}
	}
	track := webm.Audio
	if f.Codec == video {
		track = webm.Video
	}
	return s.webm.WriteFrame(track, zero.Sub(s.zero)+f.Time(), f.Key, f.Data)
}

// open begins the next file with the first frame of either track. Without a picture yet its size is a guess, which does no
// harm: every key frame says its own.
func (s *sourceWriter) open(f depay.Frame, zero time.Time, video, audio depay.Codec) error {
	var options webm.Options
	if video != 0 {
		options.Video = &webm.VideoTrack{Codec: webm.VP8, Width: max(f.Width, 16), Height: max(f.Height, 16)}
	}
	if audio != 0 {
		options.Audio = &webm.AudioTrack{Channels: 2}
	}
	file, err := s.recording.CreateSource("webm")
	if err != nil {
		return fmt.Errorf("create the source recording: %w", err)
	}
	s.file, s.zero, s.video, s.audio = file, zero, video, audio
	s.webm, err = webm.NewWriter(file, options)
	return err
}

// flush brings everything to the file, for when no frame is expected for a while.
func (s *sourceWriter) flush() {
	if s == nil || s.webm == nil || s.failed {
		return
	}
	if err := s.webm.Flush(); err != nil {
		s.fail(err)
	}
}

func (s *sourceWriter) fail(err error) {
	s.failed = true
	s.log.Error("source recording has stopped, the stream goes on", "error", err)
	s.close()
}

// Close finishes the file.
func (s *sourceWriter) Close() {
	if s != nil {
		s.close()
	}
}

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
