package media

import (
	"strconv"
	"time"
)

// MaxSpatial is how many spatial layers a picture has at most (RFC 9628 §4.2.1).
const MaxSpatial = 8

// SpatialLayer is which part of a picture a packet is of, where that comes in several sizes by one source: each size needs the smaller ones.
type SpatialLayer struct {
	ID     uint8 // 0 is the smallest
	Begins bool  // the packet is the first of its layer's part of the picture
	Ends   bool  // it is the last
	Anew   bool  // that part needs no picture before
}

// Size is how large a picture is, in pixels.
type Size struct{ Width, Height int }

// spatialLayers measures the spatial layers of one track.
type spatialLayers struct {
	since time.Time // when the present second began
	bytes [MaxSpatial]uint64
	last  [MaxSpatial]time.Time
	rates [MaxSpatial]float64 // bit/s over the last seconds; 0: the layer does not flow
	come  int                 // layers that have ever flowed
	sizes [MaxSpatial]Size    // as of the newest key frame; 0 while unknown
}

// add measures a packet that is new: browsers find out how much a network carries by sending the past again.
func (s *spatialLayers) add(id uint8, bytes int, arrival time.Time) {
	s.bytes[id] += uint64(bytes)
	s.last[id] = arrival
	if s.since.IsZero() {
		s.since = arrival
	}
	passed := arrival.Sub(s.since)
	if passed < bitrateWindow {
		return
	}
	for i, n := range s.bytes {
		rate := float64(n*8) / passed.Seconds()
		switch {
		case arrival.Sub(s.last[i]) > layerGone:
			rate = 0
		case s.rates[i] > 0:
			rate = s.rates[i] + (rate-s.rates[i])/layerMemory
		}
		s.rates[i] = rate
	}
	s.since, s.bytes = arrival, [MaxSpatial]uint64{}
	s.come = max(s.come, s.flow())
}

// flow is how many layers flow, from the smallest on.
func (s *spatialLayers) flow() (n int) {
	for n < MaxSpatial && s.rates[n] > 0 {
		n++
	}
	return n
}

// spatialName is what a viewer calls the encoding that has spatial layers up to one.
func spatialName(id int) string { return "s" + strconv.Itoa(id) }

// spatialEncodings are those of a track that comes in several spatial layers, the smallest first; none of another one.
func (t *Track) spatialEncodings(whole Encoding) (all []Encoding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.spatial.flow()
	if n < 2 {
		return nil
	}
	rate := 0.0
	for id := range n {
		rate += t.spatial.rates[id]
		size := t.spatial.sizes[id]
		all = append(all, Encoding{Name: spatialName(id), Rate: rate, Size: whole.Size, Width: size.Width, Height: size.Height, Spatial: id + 1, Track: t})
	}
	return all
}

// spatialNames names the spatial layers that have come, where there are several.
func (t *Track) spatialNames() (names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.spatial.come < 2 {
		return nil
	}
	for id := range t.spatial.come {
		names = append(names, spatialName(id))
	}
	return names
}
