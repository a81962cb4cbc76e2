package service

import (
	"log/slog"
	"sync"
	"time"

	"github.com/sluice-live/sluice/public/panics"
)

// peakEvery is how often the peak of a stream's viewers is told while it grows.
const peakEvery = 10 * time.Second

// The kinds of viewers that are counted apart.
const (
	overWebRTC = iota
	overHTTP   // HLS and DASH
	kinds
)

// audience knows the most viewers that each live stream has had, and tells of a new peak. The first is told at once, and what it grows to
// afterwards every ten seconds at most.
type audience struct {
	tell func(stream string, viewers int) // must not block
	log  *slog.Logger

	mu    sync.Mutex
	peaks map[string]*peak
}

// peak is that of one stream.
type peak struct {
	now           [kinds]int
	viewers, told int // the most there have been, and of that what is told
	toldAt        time.Time
	later         *time.Timer // tells it; nil while there is nothing to tell
}

func newAudience(log *slog.Logger, tell func(stream string, viewers int)) *audience {
	return &audience{tell: tell, log: log, peaks: map[string]*peak{}}
}

// countWebRTC and countPlayers note how many viewers a stream has now of each kind.
func (a *audience) countWebRTC(stream string, viewers int)  { a.count(stream, overWebRTC, viewers) }
func (a *audience) countPlayers(stream string, viewers int) { a.count(stream, overHTTP, viewers) }

func (a *audience) count(stream string, kind, of int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.peaks[stream]
	if p == nil {
		p = &peak{}
		a.peaks[stream] = p
	}
	p.now[kind] = of
	viewers := p.now[overWebRTC] + p.now[overHTTP]
	if viewers <= p.viewers {
		return
	}
	p.viewers = viewers
	switch since := time.Since(p.toldAt); {
	case p.later != nil:
	case since >= peakEvery:
		a.tellPeak(stream, p)
	default:
		p.later = panics.AfterFunc(peakEvery-since, a.log, "a webhook", func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			p.later = nil
			a.tellPeak(stream, p)
		})
	}
}

// tellPeak tells a peak that has not been told. The caller holds mu.
func (a *audience) tellPeak(stream string, p *peak) {
	if p.viewers > p.told {
		p.told, p.toldAt = p.viewers, time.Now()
		a.tell(stream, p.viewers)
	}
}

// end tells the last peak of a stream that is over, forgets it, and returns it.
func (a *audience) end(stream string) (viewers int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.peaks[stream]
	if p == nil {
		return 0
	}
	if p.later != nil {
		p.later.Stop()
	}
	a.tellPeak(stream, p)
	delete(a.peaks, stream)
	return p.viewers
}
