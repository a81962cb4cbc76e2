package main

import (
	"cmp"
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
	// maxLayersApart is how often the layers of one publisher may come apart, before only the best is passed on.
	maxLayersApart = 3
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
func (b *broadcast) mayLayer() bool { return b.videoIn == depay.H264 && !b.layering.off && b.mayCopy() }

// settled tells whether all layers of the publisher's simulcast have come, or will not: what is passed on before that soon has
// another size. It is so where there is none.
func (b *broadcast) settled() bool {
	track := b.publisher.picture()
	return track == nil || 1+len(track.Layers()) >= track.LayersOffered() || time.Since(b.publisher.since) > layersWithin
}

// layersApart sees to layers that could not be cut together: the next run tries again.
func (b *broadcast) layersApart() {
	if b.layering.apart++; b.layering.apart >= maxLayersApart {
		b.layering.off = true
		b.log.Warn("only the best layer of the simulcast is passed on from now on", "because", transcode.LayersApart)
	}
}

// layersChanged tells whether a layer that is a rung has stopped while the best one has not, or others flow by now than when this
// run began.
func (b *broadcast) layersChanged(now time.Time) bool {
	e := b.encoding
	if e == nil || e.job == nil || !e.copies || b.publisher == nil || now.Sub(e.pictureAt) >= pictureWithin {
		return false
	}
	track := b.publisher.picture()
	if track == nil || track.LayersOffered() == 0 {
		return false
	}
	flowing := track.Layers()
	for _, name := range e.layered {
		if name != track.Stats().Layer && !slices.Contains(flowing, name) {
			return true
		}
	}
	more := slices.ContainsFunc(flowing, func(name string) bool { return !slices.Contains(e.tried, name) })
	return more && now.Sub(e.began) > copyAgainAfter && b.mayLayer()
}

// tapLayers reads the layers that flow beside the best one.
func (e *encoding) tapLayers() {
	track := e.broadcast.publisher.picture()
	if track == nil || !e.broadcast.mayLayer() {
		return
	}
	e.layers = track.TapLayers(tapPackets)
}

// drainLayers takes all that the layers' taps hold.
func (e *encoding) drainLayers() {
	if e == nil {
		return
	}
	for i, l := range e.layers {
		for p, ok := l.Next(); ok; p, ok = l.Next() {
			if e.listens() && p.Report == nil {
				e.depay.PushLayer(i+1, &p.RTP, p.Arrival)
			}
			p.Release()
		}
	}
}

func (e *encoding) closeLayers() {
	for _, l := range e.layers {
		l.Close()
	}
	e.layers = nil
}

// start is a key frame of the pictures that a copy begins with, and those of the layers that show the same, by layer.
type start struct {
	key    depay.Frame
	layers map[int]depay.Frame
}

// startOf finds the newest key frame of the best layer that is held, with those that belong to it.
func startOf(held []depay.Frame) (s start, ok bool) {
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
func (s start) shows(f depay.Frame) bool {
	ahead := int32(f.RTPTime - s.key.RTPTime)
	return -samePicture < ahead && ahead < samePicture
}

// follows leaves out of what is held the pictures from before the start.
func (s start) follows(held []depay.Frame) []depay.Frame {
	return slices.DeleteFunc(held, func(f depay.Frame) bool {
		switch {
		case f.Codec == depay.Opus:
			return false
		case f.Layer > 0:
			return int32(f.RTPTime-s.key.RTPTime) <= -samePicture
		}
		return f.Filler || f.PTS < s.key.PTS
	})
}

// renditions describes what copying the layers makes, at a rate; what cannot be copied is left out.
func (s start) renditions(fps int) (layers []transcode.Rendition) {
	for number, key := range s.layers {
		if r, err := transcode.CopyOf(key, "layer", fps); err == nil {
			r.Layer = number
			layers = append(layers, r)
		}
	}
	slices.SortFunc(layers, func(a, b transcode.Rendition) int { return cmp.Compare(a.Layer, b.Layer) })
	return layers
}

// placed puts layers in the places of the rungs that they are nearest to in size, where they fit: by the names of those. The other rungs
// stay as they are.
func placed(rungs transcode.Ladder, layers []transcode.Rendition) transcode.Ladder {
	all := slices.Clone(rungs)
	layers = slices.Clone(layers)
	for i, r := range all {
		nearest, off := -1, math.Log(layerFits)
		for j, l := range layers {
			if apart := math.Abs(math.Log(float64(l.Width*l.Height) / float64(r.Width*r.Height))); apart <= off {
				nearest, off = j, apart
			}
		}
		if nearest >= 0 {
			layer := layers[nearest]
			layer.Name = r.Name
			all[i] = layer
			layers = slices.Delete(layers, nearest, nearest+1)
		}
	}
	return all
}

// picture is the publisher's track of pictures, nil when there is none.
func (p *feed) picture() *ingest.Track {
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
