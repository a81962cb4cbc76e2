package broadcast

import (
	"time"

	"github.com/sluice-live/sluice/depay"
)

// meter measures the video as it is received: size and frame rate.
type meter struct {
	width, height uint16
	frames        uint64
	since         time.Time
	fps           float64
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
