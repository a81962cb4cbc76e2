package broadcast

import (
	"cmp"
	"maps"
	"slices"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode"
)

// samePicture is how far apart, in ticks, the time stamps of one picture may be in two layers.
const samePicture = 1500

// entry is the key frame of the best layer that passthrough begins with, and those of the other layers that show the same picture, by
// layer. It is empty where there is none.
type entry struct {
	key    depay.Frame
	layers map[int]depay.Frame
}

// entryOf finds the newest key frame of the best layer that is held, with those that belong to it.
func entryOf(held []depay.Frame) (e entry) {
	for _, f := range held {
		if f.Codec != depay.Opus && f.Key && !f.Filler && f.Layer == 0 {
			e.key = f
		}
	}
	e.layers = make(map[int]depay.Frame)
	for _, f := range held {
		if e.found() && f.Key && f.Layer > 0 && e.isOf(f) {
			e.layers[f.Layer] = f
		}
	}
	return e
}

// found reports whether there is an entry.
func (e entry) found() bool { return e.key.Key }

// isOf reports whether a frame of another layer shows the picture of the key frame.
func (e entry) isOf(f depay.Frame) bool {
	ahead := int32(f.RTPTime - e.key.RTPTime)
	return -samePicture < ahead && ahead < samePicture
}

// follows leaves out of what is held the video from before the entry, and puts the layers' own first: one of them may have
// come late.
func (e entry) follows(held []depay.Frame) (frames []depay.Frame) {
	for _, number := range slices.Sorted(maps.Keys(e.layers)) {
		frames = append(frames, e.layers[number])
	}
	for _, f := range held {
		before := f.Filler || f.PTS < e.key.PTS
		if f.Layer > 0 {
			first, ok := e.layers[f.Layer]
			before = !ok || f.PTS <= first.PTS
		}
		if f.Codec == depay.Opus || !before {
			frames = append(frames, f)
		}
	}
	return frames
}

// renditions describes what passing the layers on makes, at a rate; what cannot be passed on is left out.
func (e entry) renditions(fps int) (layers []transcode.Rendition) {
	for number, key := range e.layers {
		if r, err := transcode.CopyOf(key, "layer", fps); err == nil {
			r.Layer = number
			layers = append(layers, r)
		}
	}
	slices.SortFunc(layers, func(a, b transcode.Rendition) int { return cmp.Compare(a.Layer, b.Layer) })
	return layers
}
