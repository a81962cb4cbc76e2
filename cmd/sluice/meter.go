package main

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

// measured is what a meter has found.
type measured struct {
	Width, Height int
	FPS           float64
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
func (m *meter) measure(now time.Time) measured {
	if passed := now.Sub(m.since).Seconds(); passed > 0 {
		m.fps = float64(m.frames) / passed
	}
	m.frames, m.since = 0, now
	return measured{int(m.width), int(m.height), m.fps}
}
