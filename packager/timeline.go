package packager

import (
	"time"
)

// Timeline is one broadcast of a stream as viewers see it: a row of epochs with one numbering.
type Timeline struct {
	stream string
}

// Info is the state of a Timeline at one moment.
type Info struct {
	Stream     string          `json:"stream"`
	State      string          `json:"state"`              // starting, live or ended
	Started    time.Time       `json:"started"`            // when the broadcast was opened
	Playable   time.Time       `json:"playable,omitzero"`  // when every rendition had its first segment
	Newest     int64           `json:"newest"`             // media sequence number of the newest segment, -1 before the first
	NewestAt   time.Time       `json:"newestAt,omitzero"`  // wall time at which the newest segment's media ends
	Latency    time.Duration   `json:"latency"`            // ns from the end of the newest segment's media to its listing
	Epochs     int             `json:"epochs"`             // ffmpeg runs so far
	Segments   uint64          `json:"segments"`           // segments listed so far, all renditions
	Parts      uint64          `json:"parts"`              // fragments seen so far, all renditions
	Gaps       uint64          `json:"gaps"`               // segments listed as missing
	Bytes      uint64          `json:"bytes"`              // bytes of all listed segments
	Renditions []RenditionInfo `json:"renditions"`         // of the newest epoch
	Recording  *RecordingInfo  `json:"recording,omitzero"` // nil when nothing is recorded
}

// RenditionInfo describes one rendition of the newest epoch.
type RenditionInfo struct {
	ID        string  `json:"id"`
	Codec     string  `json:"codec,omitempty"` // RFC 6381, empty before the initialization segment is there
	Width     int     `json:"width,omitempty"`
	Height    int     `json:"height,omitempty"`
	FPS       float64 `json:"fps,omitempty"`
	Bandwidth int     `json:"bandwidth"` // peak of a segment in bit/s, as declared in the manifests
	Average   int     `json:"average"`   // measured over the window, bit/s
}

// Stream is the name under which the Timeline is served.
func (t *Timeline) Stream() string { return t.stream }

// BeginEpoch makes the directory for the next ffmpeg run and watches it. The epoch before it must have ended.
func (t *Timeline) BeginEpoch(opts EpochOptions) (*Epoch, error) { return nil, ErrEnded }

// End ends the broadcast: the last epoch is closed, every playlist gets its EXT-X-ENDLIST, the MPD becomes static and the
// recording is finished in the background. The manifests answer for another window and grace, and are 404 then. A
// second call does nothing.
func (t *Timeline) End() error { return nil }

// Playable is closed once every rendition has its first segment, so that manifests can be answered.
func (t *Timeline) Playable() <-chan struct{} { return nil }

// Recording is where this broadcast is kept; nil when recording is off or could not begin.
func (t *Timeline) Recording() *Recording { return nil }

// Info tells the Timeline's state.
func (t *Timeline) Info() Info { return Info{} }
