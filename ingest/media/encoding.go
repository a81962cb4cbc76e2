package media

import (
	"cmp"
	"slices"
	"time"
)

// Encoding is a track by which the same pictures can be had at another bit rate. Time stamps of all encodings are on one clock.
type Encoding struct {
	Name          string  // of the layer, as the publisher calls it; "" where there is one only; else WholeName or ReducedName
	Rate          float64 // bit/s of payload; 0 while unknown
	Size          float64 // bytes of payload in a packet, on the average; 0 while unknown
	Width, Height int     // of VP8 and VP9 pictures, in pixels; 0 while unknown
	Spatial       int     // of the spatial layers of the track so many are of it; 0: all
	Track         *Track
}

// Temporal are the shares of the rate that the temporal layers up to each take, as far as the encoding is read; the last is 1.
func (e Encoding) Temporal() []float64 {
	e.Track.mu.Lock()
	defer e.Track.mu.Unlock()
	spatial := e.Spatial
	if spatial == 0 {
		spatial = MaxSpatial
	}
	return e.Track.pictures.shares(spatial)
}

// Names of the encodings of a track that is no simulcast, while one is made of it.
const (
	WholeName   = "source"
	ReducedName = "small"
)

// MakeReduced has Encodings list one that is made of the track, which is no simulcast, whenever of tells of it: it is told of the track itself, is
// called often and must not block. Somebody reads what is made from the moment that it is asked for a key frame.
func (t *Track) MakeReduced(of func(whole Encoding) (reduced Encoding, offered bool)) {
	t.reduced.Store(&of)
}

// Encodings lists those that can be read now, the lowest bit rate first (until all rates are known: the smallest picture first): of a simulcast the
// layers that flow, else the track itself by its spatial layers, or with what is made of it. The best one is read by the track.
func (t *Track) Encodings() []Encoding {
	if t.layers != nil {
		return t.layers.encodings(time.Now())
	}
	st := t.counters()
	whole := Encoding{Rate: st.Bitrate, Size: mean(st.Bytes, st.Packets), Width: st.Width, Height: st.Height, Track: t}
	if all := t.spatialEncodings(whole); all != nil {
		return all
	}
	if of := t.reduced.Load(); of != nil {
		if reduced, offered := (*of)(whole); offered {
			whole.Name, reduced.Name = WholeName, ReducedName
			return []Encoding{reduced, whole}
		}
	}
	return []Encoding{whole}
}

func (ls *layers) encodings(now time.Time) (all []Encoding) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.active == nil {
		return nil
	}
	all = append(all, ls.active.encoding(ls.track))
	for _, l := range ls.readable(now) {
		all = append(all, l.encoding(l.track))
	}
	unknown := slices.ContainsFunc(all, func(e Encoding) bool { return e.Rate == 0 })
	slices.SortStableFunc(all, func(a, b Encoding) int {
		if unknown {
			return cmp.Compare(a.Width*a.Height, b.Width*b.Height)
		}
		return cmp.Compare(a.Rate, b.Rate)
	})
	return all
}

// encoding is the layer as it is read by a track.
func (l *layer) encoding(by *Track) Encoding {
	return Encoding{Name: l.name, Rate: l.rate, Size: mean(l.stats.bytes, l.stats.packets), Width: l.width, Height: l.height, Track: by}
}

// LayerNames names the layers of a simulcast, or the spatial layers, that have come, whether they flow or not, or the encodings of another track
// that has several.
func (t *Track) LayerNames() (names []string) {
	if t.layers == nil {
		if names := t.spatialNames(); names != nil {
			return names
		}
		if all := t.Encodings(); len(all) > 1 {
			return []string{WholeName, ReducedName}
		}
		return nil
	}
	t.layers.mu.Lock()
	defer t.layers.mu.Unlock()
	for _, l := range t.layers.all {
		names = append(names, l.name)
	}
	return names
}

func mean(sum, n uint64) float64 { return float64(sum) / float64(max(n, 1)) }

// JoinNext attaches a queue that holds nothing before the next key frame, which is asked for. It calls rouse instead of making Ready receive.
func (t *Track) JoinNext(capacity int, rouse func()) *Tap {
	tap := newTap(t, capacity)
	tap.signal, tap.waiting = rouse, true
	t.Subscribe(tap)
	t.RequestKeyFrame()
	return tap
}

// IsRead reports whether anybody reads the track.
func (t *Track) IsRead() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.subs) > 0
}
