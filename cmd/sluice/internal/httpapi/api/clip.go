package api

import (
	"time"

	"github.com/sluice-live/sluice/packager/recording"
)

// ClipRequest is what POST /api/v1/streams/{stream}/clips takes: the last seconds of a live stream, or from when to when of it, or from which to
// which second of a recording.
type ClipRequest struct {
	Title     string    `json:"title,omitempty"`
	Last      float64   `json:"last,omitempty"` // seconds
	From      time.Time `json:"from,omitzero"`
	To        time.Time `json:"to,omitzero"`         // absent: now
	Recording string    `json:"recording,omitempty"` // its name
	Start     float64   `json:"start,omitempty"`     // seconds from its beginning
	End       float64   `json:"end,omitempty"`       // seconds from its beginning
}

// ClipList is the answer of GET /api/v1/streams/{stream}/clips: the newest first.
type ClipList struct {
	Clips []recording.Info `json:"clips"`
	Page
}
