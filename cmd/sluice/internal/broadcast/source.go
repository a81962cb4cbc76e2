package broadcast

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/public/panics"
)

// Bounds of what waits for the disk: 50 s of video of 2.5 Mbit/s with its audio.
const (
	maxSourceBytes  = 16 << 20
	maxSourceFrames = 4096
	// sourceWithin is the disk's time to take the rest at the end of a broadcast.
	sourceWithin = 2 * time.Second
)

// source brings the frames of a broadcast to its source recording and never waits for the disk. When that is too slow,
// everything is left out up to the next key frame that finds the queue at most half full. A nil source keeps nothing.
//
// One goroutine writes, from start to Close. All methods are for the broadcast's own goroutine, but for dropped.
type source struct {
	writer *sourceWriter
	log    *slog.Logger
	frames chan sourceFrame
	bytes  atomic.Int64 // waiting in frames
	lost   atomic.Uint64
	hole   bool // something was left out since the last frame that was taken
	done   chan struct{}
}

// sourceFrame is a frame whose PTS counts from zero, with the tracks of its run. One without a codec says that none is
// expected for a while.
type sourceFrame struct {
	depay.Frame
	zero         time.Time
	video, audio depay.Codec
	hole         bool // frames before it were left out
}

// begins reports whether a file, or what follows a hole, may begin with the frame.
func (f sourceFrame) begins() bool { return f.Key || f.video == 0 }

// newSource makes the source of whatever recording is the broadcast's current one, nil while there is none. With ivf it keeps VP8, VP9
// and AV1 as IVF.
func newSource(current func() *recording.Recording, ivf bool, log *slog.Logger) *source {
	return &source{
		writer: &sourceWriter{current: current, ivf: ivf, log: log}, log: log,
		frames: make(chan sourceFrame, maxSourceFrames), done: make(chan struct{}),
	}
}

// start starts the goroutine that Close waits for.
func (s *source) start() {
	if s != nil {
		go func() {
			defer close(s.done)
			if panics.Contain(s.log, "the source recording", s.run) != nil {
				for f := range s.frames { // the stream goes on without it
					s.bytes.Add(-int64(len(f.Data)))
				}
			}
		}()
	}
}

func (s *source) run() {
	for f := range s.frames {
		s.bytes.Add(-int64(len(f.Data)))
		s.writer.record(f)
	}
	s.writer.finish()
}

// write adds a frame whose PTS counts from an instant; video and audio are the tracks of its run.
func (s *source) write(f depay.Frame, zero time.Time, video, audio depay.Codec) {
	if s == nil {
		return
	}
	next := sourceFrame{f, zero, video, audio, s.hole}
	if !s.admits(next) {
		s.leaveOut()
		return
	}
	s.bytes.Add(int64(len(f.Data)))
	s.frames <- next // there is room: nobody else sends
	s.hole = false
}

func (s *source) admits(f sourceFrame) bool {
	count, bytes := len(s.frames), s.bytes.Load()+int64(len(f.Data))
	if s.hole {
		return f.begins() && count <= maxSourceFrames/2 && bytes <= maxSourceBytes/2
	}
	return count < maxSourceFrames && bytes <= maxSourceBytes
}

func (s *source) leaveOut() {
	s.lost.Add(1)
	if !s.hole {
		s.log.Warn("the disk is too slow for the source recording, which has a hole; the stream goes on", "waiting", s.bytes.Load())
	}
	s.hole = true
}

// flush brings everything to the file, for when no frame is expected for a while.
func (s *source) flush() {
	if s != nil && len(s.frames) < maxSourceFrames {
		s.frames <- sourceFrame{}
	}
}

// dropped counts the frames that the disk was too slow for.
func (s *source) dropped() uint64 {
	if s == nil {
		return 0
	}
	return s.lost.Load()
}

// Close finishes the file. A disk that has not taken the rest in time is not waited for any longer.
func (s *source) Close() {
	if s == nil {
		return
	}
	close(s.frames)
	select {
	case <-s.done:
	case <-time.After(sourceWithin):
		s.log.Error("the disk has not taken the end of the source recording", "waiting", s.bytes.Load())
	}
}
