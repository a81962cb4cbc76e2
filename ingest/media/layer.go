package media

import (
	"sync/atomic"
	"time"
)

// layer is one of a simulcast, from its first packet on.
type layer struct {
	name      string
	ssrc      uint32
	stats     receiverStats // order, last packet, and bit rate of a second
	began     time.Time     // it has flowed since then
	rate      float64       // bit/s over the last seconds; 0 while unknown
	keyFrames keyFrames
	width     int // of its pictures, in pixels; 0 while unknown
	height    int
	asked     time.Time // for a key frame to change over at
	report    *SenderReport

	track  *Track         // for those who read it beside the active one
	source *atomic.Uint32 // ssrc of the newest layer of the name, which key frames are asked of
	placed bool           // its time stamps can be put on the clock of the active one:
	shift  uint32
}

// arrived measures the layer by what is new of it: browsers find out how much a network carries by sending the past again, of
// any layer.
func (l *layer) arrived(p *Packet) {
	newest := l.stats.addSequence(p.RTP.SequenceNumber)
	l.stats.packets++
	if !newest {
		return
	}
	if p.Arrival.Sub(l.stats.last) > layerGone {
		l.began = p.Arrival
		l.rate, l.stats.windowBytes, l.stats.windowStart = 0, 0, time.Time{}
	}
	window := l.stats.windowStart
	l.stats.addBytes(uint64(len(p.RTP.Payload)), p.Arrival)
	switch {
	case window.IsZero() || window.Equal(l.stats.windowStart):
	case l.rate == 0:
		l.rate = l.stats.bitrate
	default:
		l.rate += (l.stats.bitrate - l.rate) / layerMemory
	}
}

// flows reports whether packets come, and have for a while.
func (l *layer) flows(now time.Time) bool {
	return now.Sub(l.stats.last) <= layerGone && now.Sub(l.began) > layerSteady
}

// Layer is one of a simulcast that is read beside the one that its Track has taken. It shows the same pictures in another size, and its
// time stamps are on the clock of the Track.
type Layer struct {
	Name string // as the publisher calls it
	*Tap
}

// MakeSimulcast makes a track of the layers of a simulcast (RFC 8853), of which so many are offered. ask asks sources for key frames.
func (t *Track) MakeSimulcast(offered int, ask func(sources ...uint32)) {
	t.layers = newLayers(t, offered, ask)
}

// IsSimulcast reports whether the track is made of layers.
func (t *Track) IsSimulcast() bool { return t.layers != nil }

// AddLayer makes room for a layer of a simulcast, or for its new source, and returns what takes its packets and its sender reports. It
// is not added when it is there already.
func (t *Track) AddLayer(name string, ssrc uint32) (push func(*Packet), report func(SenderReport), added bool) {
	l := t.layers.add(name, ssrc)
	if l == nil {
		return nil, nil, false
	}
	return func(p *Packet) { t.layers.deliver(l, p) }, func(r SenderReport) { t.layers.reported(l, r) }, true
}

// HasLayer reports whether a layer of that name has been added.
func (t *Track) HasLayer(name string) bool { return t.layers.has(name) }

// LayersOffered is how many layers the publisher may send; 0: it is no simulcast.
func (t *Track) LayersOffered() int {
	if t.layers == nil {
		return 0
	}
	return t.layers.offered
}

// Layers names those of a simulcast that flow beside the one that the track has taken, and whose time is known by sender reports.
func (t *Track) Layers() (names []string) {
	if t.layers == nil {
		return nil
	}
	return t.layers.flowing(time.Now())
}

// TapLayers reads the layers that Layers names, by taps of that capacity, one reader at a time; CloseLayers ends that. Until then the
// track and they are asked for key frames together. No packet comes of one that the track takes later.
func (t *Track) TapLayers(capacity int) (taps []Layer) {
	if t.layers == nil {
		return nil
	}
	for _, l := range t.layers.tap(time.Now()) {
		taps = append(taps, Layer{l.name, l.track.Tap(capacity)})
	}
	return taps
}

// CloseLayers closes taps that TapLayers has made, and from then on the track alone is asked for key frames.
func (t *Track) CloseLayers(taps []Layer) {
	if t.layers == nil {
		return
	}
	t.layers.untap()
	for _, l := range taps {
		l.Close()
	}
}

func (ls *layers) describedIn(extension uint8) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.all {
		l.track.DescribedIn(extension)
	}
}

func (ls *layers) flowing(now time.Time) (names []string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.readable(now) {
		names = append(names, l.name)
	}
	return names
}

// tap returns the layers that can be read, and has them asked for key frames together.
func (ls *layers) tap(now time.Time) (found []*layer) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	found = ls.readable(now)
	ls.tapped = len(found) > 0
	ls.chooseAsked()
	return found
}

func (ls *layers) untap() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.tapped = false
	ls.chooseAsked()
}

// readable lists those that flow beside the active one and can be put on its clock. The caller holds mu.
func (ls *layers) readable(now time.Time) (found []*layer) {
	if ls.active == nil || ls.active.report == nil {
		return nil
	}
	for _, l := range ls.all {
		if l.name != ls.active.name && l.flows(now) && l.report != nil {
			found = append(found, l)
		}
	}
	return found
}

// chooseAsked sets whom requests for a key frame go to.
func (ls *layers) chooseAsked() {
	var sources []uint32
	for _, l := range ls.all {
		if l == ls.active || ls.tapped && ls.active != nil {
			sources = append(sources, l.ssrc)
		}
	}
	if len(sources) > 0 {
		ls.asked.Store(&sources)
	}
}

// beside hands a packet of a layer that is not taken to those who read that one.
func (ls *layers) beside(l *layer, p *Packet) {
	if !ls.tapped && !l.track.IsRead() || !ls.place(l, p.RTP.Timestamp) {
		return
	}
	p.RTP.Timestamp += l.shift
	l.track.Push(p)
}

// place puts the layer on the clock of the active one, once reports tell how. It stays there as long as that one is taken: reports
// are a little off, each in another way.
func (ls *layers) place(l *layer, timestamp uint32) bool {
	if !l.placed && ls.active != nil && ls.active.report != nil && l.report != nil && ls.rewriter.Begun() {
		l.shift = ls.related(l)
		l.placed = ls.near(int32(timestamp + l.shift - ls.rewriter.lastTime))
	}
	return l.placed
}

// end ends all who read layers.
func (ls *layers) end() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.ended = true
	for _, l := range ls.all {
		l.track.End()
	}
}
