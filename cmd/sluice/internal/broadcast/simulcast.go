package broadcast

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/transcode"
)

const (
	// layersWithin is how long the layers of a simulcast may take to come, before what has come is passed on without the rest:
	// browsers begin with the smallest and add others as the network turns out to carry them.
	layersWithin = 10 * time.Second
	// layersAfter is how soon after it was begun encoding may make way for them: once it is known which layer is the best.
	layersAfter = 5 * time.Second
	// layerMissing is how long a layer may be away before its rung is encoded.
	layerMissing = 2 * time.Second
	// maxLayersApart is how often the layers of one publisher may come apart, before only the best is passed on; those of a run of
	// layersSteady have been together.
	maxLayersApart = 3
	layersSteady   = 5 * time.Minute
	// layerFits is how many times the pixels of a rung, or what part of them, a layer may have that takes its place.
	layerFits = 2.0
	// samePicture is how far apart, in ticks, the time stamps of one picture may be in two layers.
	samePicture = 1500
)

// layering is whether layers of a simulcast are passed on beside the best.
type layering struct {
	apart int  // how often those of this publisher came apart
	off   bool // they are not any more
}

// mayLayer tells whether the layers of what is copied become rungs: those of H.264 do, which all players take.
func (b *Broadcast) mayLayer() bool { return b.videoIn == depay.H264 && !b.layering.off && b.mayCopy() }

// settled tells whether all layers of the publisher's simulcast have come, or will not: what is passed on before that soon has
// another size. It is so where there is none.
func (b *Broadcast) settled() bool {
	track := b.publisher.picture()
	return track == nil || 1+len(track.Layers()) >= track.LayersOffered() || time.Since(b.publisher.since) > layersWithin
}

// layersApart sees to layers that could not be cut together, or had no key frame to begin with: the next run tries again, but not
// for ever.
func (b *Broadcast) layersApart(why string) {
	if b.run != nil && time.Since(b.run.began) > layersSteady {
		b.layering.apart = 0
	}
	if b.layering.apart++; b.layering.apart >= maxLayersApart && !b.layering.off {
		b.layering.off = true
		b.log.Warn("only the best layer of the simulcast is passed on from now on", "because", why)
	}
}

// layersChanged tells whether a layer that is a rung has stopped while the best one has not, or others flow by now than when this
// run began.
func (b *Broadcast) layersChanged(now time.Time) bool {
	e, track := b.run, b.publisher.picture()
	if e == nil || e.job == nil || !e.copies || track == nil || track.LayersOffered() == 0 {
		return false
	}
	if now.Sub(e.pictureAt) >= pictureWithin {
		e.layers.missing = time.Time{}
		return false
	}
	flowing := track.Layers()
	if e.layers.stopped(now, flowing, track.Stats().Layer) {
		b.layersApart("one of them stops again and again")
		return true
	}
	return now.Sub(e.began) > copyAgainAfter && b.mayLayer() && e.layers.others(flowing)
}

// entry is the key frame of the pictures that a copy begins with, and those of the layers that show the same, by layer.
type entry struct {
	key    depay.Frame
	layers map[int]depay.Frame
}

// entryOf finds the newest key frame of the best layer that is held, with those that belong to it.
func entryOf(held []depay.Frame) (s entry, ok bool) {
	for _, f := range held {
		if f.Codec != depay.Opus && f.Key && !f.Filler && f.Layer == 0 {
			s.key, ok = f, true
		}
	}
	s.layers = make(map[int]depay.Frame)
	for _, f := range held {
		if ok && f.Key && f.Layer > 0 && s.shows(f) {
			s.layers[f.Layer] = f
		}
	}
	return s, ok
}

// shows tells whether a layer's picture was taken with the key frame.
func (s entry) shows(f depay.Frame) bool {
	ahead := int32(f.RTPTime - s.key.RTPTime)
	return -samePicture < ahead && ahead < samePicture
}

// follows leaves out of what is held the pictures from before the entry, and puts the layers' own first: one of them may have
// come late.
func (s entry) follows(held []depay.Frame) (frames []depay.Frame) {
	for _, number := range slices.Sorted(maps.Keys(s.layers)) {
		frames = append(frames, s.layers[number])
	}
	for _, f := range held {
		before := f.Filler || f.PTS < s.key.PTS
		if f.Layer > 0 {
			first, ok := s.layers[f.Layer]
			before = !ok || f.PTS <= first.PTS
		}
		if f.Codec == depay.Opus || !before {
			frames = append(frames, f)
		}
	}
	return frames
}

// renditions describes what copying the layers makes, at a rate; what cannot be copied is left out.
func (s entry) renditions(fps int) (layers []transcode.Rendition) {
	for number, key := range s.layers {
		if r, err := transcode.CopyOf(key, "layer", fps); err == nil {
			r.Layer = number
			layers = append(layers, r)
		}
	}
	slices.SortFunc(layers, func(a, b transcode.Rendition) int { return cmp.Compare(a.Layer, b.Layer) })
	return layers
}

// placed puts layers in the places of the rungs that they are nearest to in size, where they fit: by the names of those. The nearest
// pair comes first; the other rungs stay as they are.
func placed(rungs transcode.Ladder, layers []transcode.Rendition) transcode.Ladder {
	all, left := slices.Clone(rungs), slices.Clone(layers)
	for {
		rung, layer, off := -1, -1, math.Log(layerFits)
		for i, r := range all {
			for j, l := range left {
				if between := sizesApart(l, r); r.Layer == 0 && between <= off {
					rung, layer, off = i, j, between
				}
			}
		}
		if rung < 0 {
			return all
		}
		left[layer].Name = all[rung].Name
		all[rung] = left[layer]
		left = slices.Delete(left, layer, layer+1)
	}
}

// sizesApart is the logarithm of how many times the pixels of the smaller one the larger has.
func sizesApart(a, b transcode.Rendition) float64 {
	return math.Abs(math.Log(float64(a.Width*a.Height) / float64(b.Width*b.Height)))
}

// picture is the publisher's track of pictures, nil when there is none.
func (p *input) picture() *ingest.Track {
	if p == nil {
		return nil
	}
	for _, track := range p.Tracks() {
		if track.Kind() == ingest.KindVideo {
			return track
		}
	}
	return nil
}
