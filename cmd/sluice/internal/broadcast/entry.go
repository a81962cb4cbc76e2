package broadcast

import (
	"cmp"
	"maps"
	"slices"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode"
)

const (
	// samePicture is how far apart, in ticks, the time stamps of one picture may be in two layers.
	samePicture = 1500
	// rateFrames is of how many frames the rate is seen. A camera's are not exactly apart: one interval says little.
	rateFrames = 3
	// fastSpan is the longest time, in ticks, that so many frames of 40 and more a second take from the first to the last.
	fastSpan = (rateFrames - 1) * 90_000 / 40
)

// entry is the key frame of the best layer that passthrough begins with, and those of the other layers that show the same picture, by
// layer. It is empty where there is none.
type entry struct {
	key    depay.Frame
	layers map[int]depay.Frame
	span   int32 // from the first to the last of rateFrames of the best layer, in ticks; 0 while there are not so many
}

// entryOf finds the newest key frame of the best layer that is held, with those that belong to it.
func entryOf(held []depay.Frame) (e entry) {
	var stamps []uint32
	for _, f := range held {
		if f.Codec == depay.Opus || f.Filler || f.Layer != 0 {
			continue
		}
		if stamps = append(stamps, f.RTPTime); f.Key {
			e.key = f
		}
	}
	if n := len(stamps); n >= rateFrames {
		e.span = int32(stamps[n-1] - stamps[n-rateFrames])
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

// fast reports whether the frames come faster than normalFPS.
func (e entry) fast() bool { return 0 < e.span && e.span <= fastSpan }

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
		if r, err := transcode.PassthroughOf(key, "layer", fps); err == nil {
			r.Layer = number
			layers = append(layers, r)
		}
	}
	slices.SortFunc(layers, func(a, b transcode.Rendition) int { return cmp.Compare(a.Layer, b.Layer) })
	return layers
}
