package broadcast

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
)

// meter measures the video as it is received: size and frame rate.
type meter struct {
	width, height uint16
	frames        uint64
	since         time.Time
	fps           float64

	log   *slog.Logger // nil: nothing is logged
	begun time.Time    // of the frames since the last line
	sizes [loggedFrames]int
	sized int
}

// loggedFrames is how many frames a line of the log tells of.
const loggedFrames = 30

// tell logs the frame rate and the sizes of the frames since the last line.
func (m *meter) tell(f depay.Frame, now time.Time) {
	if m.sized == 0 {
		m.begun = now
	}
	if m.sized < loggedFrames {
		m.sizes[m.sized] = len(f.Data)
		m.sized++
		return
	}
	took := now.Sub(m.begun).Seconds()
	var sum int
	for _, size := range m.sizes {
		sum += size
	}
	m.log.Debug("frames", "fps", math.Round(10*loggedFrames/max(took, 0.001))/10, "width", m.width, "height", m.height,
		"bytes", sum/loggedFrames, "smallest", slices.Min(m.sizes[:]), "largest", slices.Max(m.sizes[:]))
	m.begun, m.sizes[0], m.sized = now, len(f.Data), 1
}

// Video is what has been measured of the video as it is received.
type Video struct {
	Width, Height int     // in pixels, of the newest key frame
	FPS           float64 // frames per second
}

func (m *meter) count(f depay.Frame) {
	if f.Codec == depay.Opus {
		return
	}
	m.frames++
	if m.log != nil && m.log.Enabled(context.Background(), slog.LevelDebug) {
		m.tell(f, time.Now())
	}
	if f.Key {
		m.width, m.height = f.Width, f.Height
	}
}

// measure gives the rate since it was last asked.
func (m *meter) measure(now time.Time) Video {
	if passed := now.Sub(m.since).Seconds(); passed > 0 {
		m.fps = float64(m.frames) / passed
	}
	m.frames, m.since = 0, now
	return Video{int(m.width), int(m.height), m.fps}
}
