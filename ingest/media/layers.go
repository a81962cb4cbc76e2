package media

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// When another layer of a simulcast is taken. Bit rates tell which is the best one: sizes are not known before a key frame, and
// the order of the offer means nothing.
const (
	layerGone    = time.Second            // without a packet a layer has stopped
	layerSteady  = 500 * time.Millisecond // of packets make one that others stop for
	layerBetter  = 1.25                   // times the bit rate makes a layer better
	layerMemory  = 4                      // seconds that bit rates are averaged over, about: senders falter
	layerSettles = 3 * time.Second        // before a better one is looked for
)

// maxLayerSources bounds how often the sources of layers may begin anew in a session.
const maxLayerSources = 128

// layers makes one Track of a simulcast (RFC 8853): of the best layer that flows. It changes over at a key frame only, and
// sequence numbers and time stamps go on, so that nobody behind it sees more than a picture of another size. All packets of the
// other layers are dropped.
type layers struct {
	track   *Track
	offered int                     // how many there are
	ask     func(sources ...uint32) // for key frames

	mu       sync.Mutex
	all      []*layer
	sources  int
	active   *layer // nil: none has begun
	since    time.Time
	rewriter Rewriter
	ssrc     uint32 // of the track: the first one's, whichever layer it is of
	switches uint64
	asked    atomic.Pointer[[]uint32] // whom requests for a key frame go to: active, or all that have come
	tapped   bool                     // others than active are read, see TapLayers
	ended    bool
}

func newLayers(t *Track, offered int, ask func(sources ...uint32)) *layers {
	l := &layers{track: t, offered: offered, ask: ask, rewriter: NewRewriter(t.ClockRate())}
	t.Bind(l.requestKeyFrame)
	return l
}

// requestKeyFrame asks the active layer, and with it those that are read beside it, so that they have their key frames at the
// same picture. It is called while packets are passed on, so it takes no lock.
func (ls *layers) requestKeyFrame() {
	if sources := ls.asked.Load(); sources != nil {
		ls.ask(*sources...)
	}
}

// requestBeside asks a layer that is read beside the active one: together with that one where all are read, so that there is one limit for
// them.
func (ls *layers) requestBeside(source uint32) {
	if asked := ls.asked.Load(); asked != nil && slices.Contains(*asked, source) {
		ls.track.RequestKeyFrame()
	} else {
		ls.ask(source)
	}
}

// add makes room for a layer, or for its new source; nil when it is there already.
func (ls *layers) add(name string, ssrc uint32) *layer {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	i := slices.IndexFunc(ls.all, func(l *layer) bool { return l.name == name })
	if ls.ended || ls.sources == maxLayerSources || i >= 0 && ls.all[i].ssrc == ssrc {
		return nil
	}
	ls.sources++
	l := &layer{name: name, ssrc: ssrc, keyFrames: keyFrames{starts: ls.track.keyFrames.starts}}
	if i >= 0 {
		l.track, l.source = ls.all[i].track, ls.all[i].source
		ls.all[i] = l
	} else {
		source := &atomic.Uint32{}
		l.track, l.source = NewTrack(KindVideo, ls.track.format, ls.track.pool), source
		l.track.Bind(func() { ls.requestBeside(source.Load()) })
		l.track.DescribedIn(uint8(ls.track.describedIn.Load()))
		ls.all = append(ls.all, l)
	}
	l.source.Store(ssrc)
	ls.chooseAsked()
	return l
}

func (ls *layers) has(name string) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return slices.ContainsFunc(ls.all, func(l *layer) bool { return l.name == name })
}

// deliver passes a packet on if it is of the layer that is taken, and changes layers when it is time to.
func (ls *layers) deliver(l *layer, p *Packet) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if p.RTP.SSRC != l.ssrc {
		l = ls.successor(l, p.RTP.SSRC)
	}
	l.arrived(p)
	key := l.keyFrames.begins(&p.RTP)
	if size := ls.track.format.Codec.Size; key && size != nil {
		l.width, l.height = size(p.RTP.Payload)
	}
	changes := l != ls.active
	switch {
	case changes && ls.active != nil && ls.wanted(p.Arrival) != l:
		ls.beside(l, p)
		return
	case changes && !key:
		ls.askFor(l, p.Arrival)
		ls.beside(l, p)
		return
	case changes:
		ls.change(l, p)
	}
	p.RTP.SSRC = ls.ssrc // whichever layer it is of
	if !ls.rewriter.Rewrite(&p.RTP.Header, p.Arrival) {
		return
	}
	ls.track.Push(p)
	if changes && l.report != nil {
		ls.passOn(*l.report)
	}
}

// successor is the layer in the place of l that has this source. When a layer gets another source, pion lets those who read it read on
// from the new one.
func (ls *layers) successor(l *layer, ssrc uint32) *layer {
	for _, other := range ls.all {
		if other.name == l.name && other.ssrc == ssrc {
			return other
		}
	}
	return l
}

// wanted is the layer to take now: the active one, or the same from its newer source, unless that has stopped while another flows, or
// another is clearly better.
func (ls *layers) wanted(now time.Time) *layer {
	for _, l := range ls.all {
		if l != ls.active && l.name == ls.active.name && now.Sub(l.stats.last) <= layerGone {
			return l
		}
	}
	gone := now.Sub(ls.active.stats.last) > layerGone
	best, rate := ls.active, ls.active.rate*layerBetter
	if gone {
		rate = -1
	} else if rate == 0 || now.Sub(ls.since) < layerSettles {
		return best
	}
	for _, l := range ls.all {
		if l != ls.active && l.flows(now) && l.rate > rate {
			best, rate = l, l.rate
		}
	}
	return best
}

// askFor asks a layer for the key frame to change over at.
func (ls *layers) askFor(l *layer, now time.Time) {
	if now.Sub(l.asked) >= keyInterval {
		l.asked = now
		ls.ask(l.ssrc)
	}
}

// change takes another layer from the packet on.
func (ls *layers) change(l *layer, p *Packet) {
	ls.rewriter.cut, ls.rewriter.newSource = true, true
	if ls.active != nil {
		ls.switches++
		if shift, ok := ls.aligned(l, p.RTP.Timestamp); ok {
			ls.rewriter.newSource, ls.rewriter.timeShift = false, shift
		}
	}
	if ls.active == nil {
		ls.ssrc = l.ssrc
	}
	ls.active, ls.since = l, p.Arrival
	for _, other := range ls.all {
		other.placed = false
	}
	ls.chooseAsked()
}

// aligned is what makes time stamps of another layer go on on the clock of the active one, which sender reports relate (RFC 3550
// §6.4.1). It makes way for pictures that have been passed on already: layers send the same ones, and not at the same time. It
// is not told without reports, or when they make no sense.
func (ls *layers) aligned(l *layer, timestamp uint32) (shift uint32, ok bool) {
	if ls.active.report == nil || l.report == nil {
		return 0, false
	}
	shift = ls.related(l)
	ahead := int32(timestamp + shift - ls.rewriter.lastTime)
	if ahead <= 0 {
		shift += uint32(1 - ahead)
	}
	return shift, ls.near(ahead)
}

// related is what puts time stamps of a layer on the clock of the track, by its last report and that of the active layer.
func (ls *layers) related(l *layer) (shift uint32) {
	passed := time.Duration(float64(int64(l.report.NTP-ls.active.report.NTP)) / (1 << 32) * float64(time.Second))
	return ls.active.report.RTPTime + Ticks(passed, ls.rewriter.clockRate) + ls.rewriter.timeShift - l.report.RTPTime
}

// near reports whether a time stamp that is so far ahead of the newest makes sense.
func (ls *layers) near(ahead int32) bool {
	return abs(float64(ahead)) < float64(10*ls.rewriter.clockRate)
}

// reported takes a layer's sender report, which is passed on if it is of the active one.
func (ls *layers) reported(l *layer, r SenderReport) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.report = &r
	if l == ls.active {
		ls.passOn(r)
	}
}

func (ls *layers) passOn(r SenderReport) {
	r.RTPTime += ls.rewriter.timeShift
	ls.track.PushReport(r)
}

// count adds what is told of layers to the counters of the track.
func (ls *layers) count(st *TrackStats) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	st.Layers, st.LayerSwitches = len(ls.all), ls.switches
	if ls.active != nil {
		st.Layer = ls.active.name
	}
}
