package broadcast

import (
	"time"

	"github.com/sluice-live/sluice/depay"
)

const (
	// layersWithin is how long the layers of a simulcast may take to come, before what has come is passed on without the rest:
	// browsers begin with the smallest and add others as the network turns out to carry them.
	layersWithin = 10 * time.Second
	// layersAfter is how soon after it was begun encoding may make way for them: once it is known which layer is the best.
	layersAfter = 5 * time.Second
	// layerMissing is how long a layer may be away before its rendition is encoded.
	layerMissing = 2 * time.Second
	// maxLayersApart is how often the layers of one publisher may come apart, before only the best is passed on for a while; those of a
	// run of layersSteady have been together.
	maxLayersApart = 3
	layersSteady   = 5 * time.Minute
	// minLayersRest is how long that is the first time. Each further time it is twice as long, up to maxLayersRest.
	minLayersRest = 30 * time.Second
	maxLayersRest = 16 * time.Minute
)

// simulcast is whether layers of a simulcast are passed on beside the best.
type simulcast struct {
	breaks int           // how often those of this publisher came apart
	off    string        // why they are not passed on for now, else ""
	rest   time.Duration // for how long, the last time
	until  time.Time
}

// apart returns what follows when layers could not be cut together in a run that lasted so long: the next one tries again, but not too
// often.
func (s simulcast) apart(lasted time.Duration, why string) simulcast {
	if lasted > layersSteady {
		s.breaks = 0
	}
	if s.breaks++; s.breaks >= maxLayersApart && s.off == "" {
		s.off = why
	}
	return s
}

// resting returns what follows at that time when layers are not passed on for a reason.
func (s simulcast) resting(now time.Time) simulcast {
	s.rest = min(max(2*s.rest, minLayersRest), maxLayersRest)
	s.until = now.Add(s.rest)
	return s
}

// rested returns what follows when that time has come: once they have rested, layers are passed on again.
func (s simulcast) rested(now time.Time) simulcast {
	if s.off != "" && !now.Before(s.until) {
		s.off, s.breaks = "", 0
	}
	return s
}

func (b *Broadcast) setSimulcast(s simulcast) {
	if s.off != "" && b.simulcast.off == "" {
		s = s.resting(time.Now())
		b.log.Warn("only the best layer of the simulcast is passed on for a while", "because", s.off, "for", s.rest)
	}
	b.simulcast = s
}

// layersApart sees to layers that could not be cut together, or had no key frame to begin with.
func (b *Broadcast) layersApart(why string) {
	var lasted time.Duration
	if b.run != nil {
		lasted = time.Since(b.run.began)
	}
	b.setSimulcast(b.simulcast.apart(lasted, why))
}

// mayPassLayersOn reports whether layers become renditions beside the video that is passed on: those of H.264 do, which all players take.
func (b *Broadcast) mayPassLayersOn() bool {
	return b.video == depay.H264 && b.simulcast.off == "" && b.mayPassOn()
}

// layersChanged reports whether a layer that is a rendition has stopped while the best one has not, or others flow by now than when this
// run began.
func (b *Broadcast) layersChanged(now time.Time) bool {
	b.simulcast = b.simulcast.rested(now)
	r := b.run
	if !r.works() || !r.passthrough || !b.input.isSimulcast() {
		return false
	}
	if now.Sub(r.videoAt) >= videoWithin {
		r.layers.missing = time.Time{}
		return false
	}
	track := b.input.videoTrack()
	flowing := track.Layers()
	if r.layers.stopped(now, flowing, track.Stats().Layer) {
		b.layersApart("one of them stops again and again")
		return true
	}
	return now.Sub(r.began) > againAfter && b.mayPassLayersOn() && r.layers.others(flowing)
}
