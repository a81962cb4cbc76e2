package packager

import (
	"time"
)

// EpochOptions describe what one ffmpeg run will write.
type EpochOptions struct {
	// Renditions in the order of the ladder, best video first, audio last. At least one; at most 16.
	Renditions []Rendition
}

// Rendition is one rung of the ladder, or the audio. It becomes one HLS variant (or audio rendition) and one DASH Representation.
type Rendition struct {
	ID      string  `json:"id"`  // public name, such as "720p" or "audio": [A-Za-z0-9][A-Za-z0-9_-]{0,63}, not index or manifest
	Rep     string  `json:"rep"` // ffmpeg's representation id, which names its files: init-REP.mp4, seg-REP-NUMBER.m4s, numbers from 1
	Video   bool    `json:"video,omitempty"`
	Width   int     `json:"width,omitempty"`  // pixels
	Height  int     `json:"height,omitempty"` // pixels
	FPS     float64 `json:"fps,omitempty"`
	Bitrate int     `json:"bitrate"` // bit/s: the most that the encoder may make over any segment
}

// Epoch is one unbroken ffmpeg run.
type Epoch struct{}

// Dir is where ffmpeg has to write. It exists, is empty, and its name was never used before.
func (e *Epoch) Dir() string { return "" }

// SetZero tells the wall time of media time 0. It is called once, before ffmpeg gets data; otherwise the arrival of the
// first segment decides.
func (e *Epoch) SetZero(wall time.Time) {}

// End is called when ffmpeg has exited, however it did. It takes in all that is on disk, an unfinished segment up to its
// last whole fragment too, and fixes where the epoch ends for all renditions. A second call does nothing.
func (e *Epoch) End() error { return nil }
