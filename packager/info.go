package packager

import (
	"time"
)

// States of a Timeline.
const (
	StateStarting = "starting"
	StateLive     = "live"
	StateEnded    = "ended"
)

// Info is the state of a Timeline at one moment.
type Info struct {
	Stream     string          `json:"stream"`
	State      string          `json:"state"`              // starting, live or ended
	Started    time.Time       `json:"started"`            // when the broadcast was opened
	Playable   time.Time       `json:"playable,omitzero"`  // when every rendition had its first segment
	Newest     int64           `json:"newest"`             // media sequence number of the newest segment, -1 before the first
	NewestAt   time.Time       `json:"newestAt,omitzero"`  // wall time at which the newest segment's media ends
	Latency    time.Duration   `json:"latency"`            // ns from the end of the newest segment's media to its listing
	Epochs     int64           `json:"epochs"`             // ffmpeg runs so far
	Segments   uint64          `json:"segments"`           // segments listed so far, all renditions
	Parts      uint64          `json:"parts"`              // fragments seen so far, all renditions
	Gaps       uint64          `json:"gaps"`               // segments listed as missing
	Bytes      uint64          `json:"bytes"`              // bytes of all listed segments
	Renders    uint64          `json:"renders"`            // playlists and MPDs made, each once however many ask for it
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
	Bandwidth int64   `json:"bandwidth"` // bit/s as declared in the manifests
	Average   int64   `json:"average"`   // bit/s as measured over the epoch
}

// Info tells the Timeline's state.
func (t *Timeline) Info() Info {
	i, rec := t.info()
	if rec != nil { // its lock may wait for the disk
		r := rec.Info()
		i.Recording = &r
	}
	return i
}

func (t *Timeline) info() (Info, *Recording) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := Info{
		Stream: t.stream, State: t.state(), Started: t.started, Playable: t.playedAt,
		Newest: -1, NewestAt: t.newestEnd, Latency: t.latency, Epochs: t.nextDisc,
		Segments: t.stats.segments, Parts: t.stats.parts, Gaps: t.stats.gaps, Bytes: t.stats.bytes,
		Renders: t.renders.Load(),
	}
	if ref := t.reference(); ref != nil {
		i.Newest = ref.last()
	}
	if n := len(t.epochs); n > 0 {
		for _, k := range t.epochs[n-1].tracks {
			i.Renditions = append(i.Renditions, k.info())
		}
		i.Epochs = t.epochs[n-1].disc + 1
	}
	return i, t.rec
}

func (t *Timeline) state() string {
	switch {
	case t.ended:
		return StateEnded
	case t.ready:
		return StateLive
	}
	return StateStarting
}

func (k *track) info() RenditionInfo {
	i := RenditionInfo{
		ID: k.ID, Width: k.Width, Height: k.Height, FPS: k.FPS,
		Bandwidth: k.bandwidth(), Average: k.average(),
	}
	if k.init != nil {
		i.Codec = k.init.Codec
	}
	return i
}
