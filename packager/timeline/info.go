package timeline

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
	State      string          // starting, live or ended
	Started    time.Time       // when the broadcast was opened
	Playable   time.Time       // when every rendition had its first part
	Newest     int64           // media sequence number of the newest segment, -1 before the first
	NewestAt   time.Time       // wall time at which the newest segment's media ends
	Latency    time.Duration   // from the end of the newest segment's media to its listing
	Epochs     int64           // ffmpeg runs so far
	Segments   uint64          // segments listed so far, all renditions
	Parts      uint64          // parts seen so far, all renditions
	Gaps       uint64          // segments listed as missing
	Bytes      uint64          // bytes of all listed segments
	Renditions []RenditionInfo // of the newest epoch
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

// Info is the Timeline's state.
func (t *Timeline) Info() Info {
	i := Info{
		State: t.state(), Started: t.started, Playable: t.playedAt,
		Newest: -1, NewestAt: t.newestEnd, Latency: t.latency, Epochs: t.nextDisc,
		Segments: t.stats.segments, Parts: t.stats.parts, Gaps: t.stats.gaps, Bytes: t.stats.bytes,
	}
	if ref := t.reference(); ref != nil {
		i.Newest = ref.last()
	}
	if e := t.newest(); e != nil {
		for _, k := range e.tracks {
			i.Renditions = append(i.Renditions, k.info())
		}
		i.Epochs = e.disc + 1
	}
	return i
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

func (k *Track) info() RenditionInfo {
	i := RenditionInfo{
		ID: k.ID, Width: k.Width, Height: k.Height, FPS: k.FPS,
		Bandwidth: k.bandwidth(), Average: k.average(),
	}
	if k.init != nil {
		i.Codec = k.init.Codec
	}
	return i
}
