package broadcast

import (
	"errors"
	"log/slog"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/webm"
	"github.com/sluice-live/sluice/packager/recording"
)

// videoWait is how long audio waits for the key frame with which its file could begin.
const videoWait = 2 * time.Second

// sourceFiles are what is kept under one number: one file, or one for each track.
type sourceFiles interface {
	// write adds a frame; offset is what its PTS has to be moved by to count from the time 0 of the files.
	write(f depay.Frame, offset time.Duration) error
	// flush brings everything to the disk's cache.
	flush() error
	// close finishes the files; those that have failed are left as they are.
	close(failed bool) error
}

// sourceWriter keeps the frames of a broadcast as they were received, without fillers, in source-1.webm of its recording, .mkv
// for H.264, or with ivf in source-1.ivf and source-1.ogg; the next number begins when the tracks change. After an error it waits for
// the recording that follows on the failed one.
//
// A file of H.264 or AV1 can begin with a key frame only. Audio waits for it, and after videoWait goes on in a file without
// video, which ends when the key frame comes.
type sourceWriter struct {
	current   func() *recording.Recording // nil while nothing is recorded
	recording *recording.Recording        // of the file, or of the last one
	ivf       bool                        // VP8, VP9 and AV1 are kept as IVF, and their audio as Ogg
	log       *slog.Logger
	files     sourceFiles // nil before the first frame
	video     depay.Codec
	audio     depay.Codec
	zero      time.Time     // instant of time 0 in the file
	blind     bool          // the file goes on without video
	waiting   []sourceFrame // audio that waits for a key frame
	missed    bool          // what came while nothing was recorded
	failed    bool          // nothing more is written to recording
}

// record writes a frame, or brings to the file what has come when none is expected for a while.
func (s *sourceWriter) record(f sourceFrame) {
	switch {
	case f.Codec == 0:
		s.part()
		s.flush()
	case s.ready(f):
		if err := s.write(f); err != nil {
			s.fail(err)
		}
	}
}

// ready makes sure that there is a recording to write to. One that begins in the middle begins with a key frame.
func (s *sourceWriter) ready(f sourceFrame) bool {
	next := s.part()
	if s.recording != nil && !s.failed {
		return true
	}
	s.missed = s.missed || next == nil
	if next == nil || next == s.recording || (s.failed || s.missed) && !f.begins() {
		return false
	}
	s.recording, s.failed, s.missed = next, false, false
	return true
}

// part finishes the files of a recording that was stopped, and returns the one that there is now, or nil.
func (s *sourceWriter) part() (next *recording.Recording) {
	next = s.current()
	if s.recording == nil || s.failed || next == s.recording {
		return next
	}
	s.waiting = nil
	s.close()
	s.recording, s.missed = nil, true
	return next
}

func (s *sourceWriter) write(f sourceFrame) error {
	if f.hole {
		s.recording.NoteHole()
	}
	if !s.fits(f) {
		s.close()
		switch {
		case s.ivf && f.video != depay.H264:
			s.begin(f, f, &ivfSource{recording: s.recording})
		case !f.opens():
			return s.wait(f)
		default:
			if err := s.open(f, webm.TrackOf(f.video, f.Frame)); err != nil {
				return err
			}
		}
	}
	return s.add(f)
}

// fits reports whether the frame is for the file that is open.
func (s *sourceWriter) fits(f sourceFrame) bool {
	if s.files == nil || s.video != f.video || s.audio != f.audio {
		return false
	}
	return !s.blind || !f.opens()
}

// opens reports whether a file with all tracks can begin with the frame.
func (f sourceFrame) opens() bool {
	if f.video != depay.H264 && f.video != depay.AV1 {
		return true
	}
	return webm.Options{Video: webm.TrackOf(f.video, f.Frame)}.Validate() == nil
}

// wait keeps audio until the key frame comes, but not for long. Video that needs another frame is of no use.
func (s *sourceWriter) wait(f sourceFrame) error {
	if f.Codec == f.video {
		return nil
	}
	s.waiting = append(s.waiting, f)
	if first := s.waiting[0]; f.zero.Add(f.Time()).Sub(first.zero.Add(first.Time())) < videoWait {
		return nil
	}
	return s.open(f, nil)
}

func (s *sourceWriter) add(f sourceFrame) error {
	offset := f.zero.Sub(s.zero)
	if offset+f.Time() < 0 || f.Codec == f.video && s.blind {
		return nil // audio that is older than the key frame that the file has begun with
	}
	return s.files.write(f.Frame, offset)
}

// open begins the next file with the first frame of either track, after what has waited. A file that begins in mid-run has
// its time 0 a little before its first frame, since the other track may be older.
func (s *sourceWriter) open(f sourceFrame, video *webm.VideoTrack) error {
	var options webm.Options
	if f.video != 0 {
		options.Video = video
	}
	if f.audio != 0 {
		options.Audio = &webm.AudioTrack{Channels: 2}
	}
	first := f
	if len(s.waiting) > 0 {
		first = s.waiting[0]
	}
	files, err := createWebM(s.recording, options)
	if err != nil {
		return err
	}
	s.begin(f, first, files)
	s.blind = f.video != 0 && video == nil
	return s.addWaiting()
}

// begin goes on with files whose first frame is first, and that have the tracks of f.
func (s *sourceWriter) begin(f, first sourceFrame, files sourceFiles) {
	s.files, s.video, s.audio, s.blind = files, f.video, f.audio, false
	s.zero = first.zero.Add(max(0, first.Time()-time.Second))
}

func (s *sourceWriter) addWaiting() error {
	waiting := s.waiting
	s.waiting = nil
	for _, f := range waiting {
		if err := s.add(f); err != nil {
			return err
		}
	}
	return nil
}

func (s *sourceWriter) flush() {
	if s.files == nil || s.failed {
		return
	}
	if err := s.files.flush(); err != nil {
		s.fail(err)
	}
}

// fail gives the file up. That the recording has ended is told by whoever has ended it.
func (s *sourceWriter) fail(err error) {
	s.failed, s.waiting = true, nil
	if !errors.Is(err, recording.ErrEnded) {
		s.log.Error("source recording has stopped, the stream goes on", "error", err)
	}
	s.close()
}

// finish is the end: audio that still waits for its key frame goes without.
func (s *sourceWriter) finish() {
	if n := len(s.waiting); n > 0 && s.files == nil && !s.failed {
		if err := s.open(s.waiting[n-1], nil); err != nil {
			s.fail(err)
		}
	}
	s.close()
}

// close finishes the files.
func (s *sourceWriter) close() {
	if s.files == nil {
		return
	}
	if err := s.files.close(s.failed); err != nil {
		s.log.Error("source recording could not be finished", "error", err)
	}
	s.files = nil
}
