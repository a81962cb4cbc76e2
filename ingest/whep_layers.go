package ingest

import (
	"slices"

	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/media"
)

// sectionLayers is what an event tells of the video. Names are those of both drafts.
type sectionLayers struct {
	Active   []activeLayer   `json:"active"`         // of a simulcast, or spatial layers, the best first
	Inactive []inactiveLayer `json:"inactive"`       // have come, and have stopped
	Layers   []layerInfo     `json:"layers"`         // what can be asked for, the best first
	Sent     *sentLayer      `json:"sent,omitempty"` // what the viewer gets: not of the drafts
}

type activeLayer struct {
	ID      string `json:"id"`
	RID     string `json:"rid"`
	Index   int    `json:"simulcastIdx"` // from the lowest
	Bitrate int    `json:"bitrate,omitempty"`
	Width   int    `json:"width,omitempty"`
	Height  int    `json:"height,omitempty"`
}

type inactiveLayer struct {
	ID  string `json:"id"`
	RID string `json:"rid"`
}

type layerInfo struct {
	EncodingID string `json:"encodingId,omitempty"`
	RID        string `json:"rid,omitempty"`
	Index      int    `json:"simulcastIdx"`
	Spatial    int    `json:"spatialLayerId"`
	Temporal   int    `json:"temporalLayerId"`
	Bitrate    int    `json:"bitrate,omitempty"` // with all lower spatial and temporal layers, in bit/s
	Width      int    `json:"width,omitempty"`
	Height     int    `json:"height,omitempty"`
}

type sentLayer struct {
	EncodingID string `json:"encodingId,omitempty"`
	Spatial    int    `json:"spatialLayerId"`
	Temporal   int    `json:"temporalLayerId"`
}

// layersOf writes down what there is to ask for. Temporal layers of an encoding that nobody gets are not known.
func layersOf(p egress.Picture) sectionLayers {
	told := sectionLayers{Active: []activeLayer{}, Inactive: []inactiveLayer{}, Layers: []layerInfo{}}
	flowing := map[string]bool{}
	for i, e := range slices.Backward(p.Encodings) {
		flowing[e.Name] = true
		if e.Spatial > 0 {
			i = 0 // they are of one encoding
		}
		told.Active = append(told.Active, activeLayer{e.Name, e.Name, i, int(e.Rate), e.Width, e.Height})
		for temporal, share := range slices.Backward(e.Temporal()) {
			told.Layers = append(told.Layers, layerInfo{
				EncodingID: e.Name, RID: e.Name, Index: i, Spatial: spatialID(e), Temporal: temporal, Bitrate: int(e.Rate * share), Width: e.Width, Height: e.Height,
			})
		}
	}
	for _, name := range p.Layers {
		if !flowing[name] {
			told.Inactive = append(told.Inactive, inactiveLayer{name, name})
		}
	}
	if p.Sending {
		told.Sent = &sentLayer{p.Sent.Name, spatialID(p.Sent), int(p.Temporal)}
	}
	return told
}

// spatialID is the highest spatial layer of an encoding; those that have one have 0.
func spatialID(e media.Encoding) int { return max(e.Spatial-1, 0) }

// like reports whether two differ in bit rates alone.
func (l sectionLayers) like(other sectionLayers) bool {
	if (l.Sent == nil) != (other.Sent == nil) || l.Sent != nil && *l.Sent != *other.Sent || !slices.Equal(l.Inactive, other.Inactive) {
		return false
	}
	return slices.EqualFunc(l.Layers, other.Layers, func(a, b layerInfo) bool {
		a.Bitrate, b.Bitrate = 0, 0
		return a == b
	})
}
