package config

import (
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

// What Config.Latency may be, from the least to the most.
const (
	LatencyUltra  = "ultra"
	LatencyLow    = "low"
	LatencyNormal = "normal"
)

// latency is what one value of the key latency stands for.
type latency struct {
	segment, part time.Duration // unless they are given
	distance      timeline.Distance
	keyFrames     time.Duration // between two
	buffer        time.Duration // of the bitrate, which an encoder may spend at once
}

// latencyOf returns what a value of the key stands for. Buffers are 0.15 of a segment at most, beyond which a segment might exceed its
// rendition's bitrate; key frames are no further apart than the latency that an MPD aims at (DASH-IF low latency §9.X.4.5).
func latencyOf(name string) (l latency, ok bool) {
	switch name {
	case LatencyUltra:
		return latency{
			segment: 2 * time.Second, part: 100 * time.Millisecond,
			distance:  timeline.Distance{HoldBack: 3, Target: 4, Least: 3, Most: 20},
			keyFrames: 400 * time.Millisecond, buffer: 150 * time.Millisecond,
		}, true
	case LatencyLow:
		return latency{
			segment: 2 * time.Second, part: 200 * time.Millisecond,
			distance:  timeline.Distance{HoldBack: 3, Target: 5, Least: 3, Most: 15},
			keyFrames: time.Second, buffer: 300 * time.Millisecond,
		}, true
	case LatencyNormal:
		return latency{
			segment: 4 * time.Second, part: 400 * time.Millisecond,
			distance:  timeline.Distance{HoldBack: 5, Target: 6, Least: 4, Most: 15},
			keyFrames: 2 * time.Second, buffer: 600 * time.Millisecond,
		}, true
	}
	return latency{}, false
}

func (c Config) latency() latency {
	l, _ := latencyOf(c.Latency)
	return l
}

// applyLatency sets what nobody has said to what latency stands for.
func (l *Loaded) applyLatency() {
	of, ok := latencyOf(l.Latency)
	if !ok {
		return // which is a fault already
	}
	for name, set := range map[string]func(){
		"segment": func() { l.Segment = of.segment },
		"part":    func() { l.Part = of.part },
	} {
		if l.origin[name] != "" {
			continue
		}
		set()
		if l.origin["latency"] != "" {
			l.origin[name] = "latency " + l.Latency + ": " + name
		}
	}
}

// KeyFrames is the time between two key frames of what is encoded: what latency says where that makes whole segments, and is whole pictures
// of every rendition.
func (c Config) KeyFrames() time.Duration {
	every := c.latency().keyFrames
	fits := every > 0 && c.Segment%every == 0
	for _, r := range c.Ladder {
		fits = fits && time.Duration(r.FPS)*every%time.Second == 0
	}
	if !fits {
		return transcode.DefaultKeyFrames
	}
	return every
}

// Buffer is how much of a rendition's bitrate its encoder may spend at once; 0: what it does by default.
func (c Config) Buffer() time.Duration { return c.latency().buffer }

func (c Config) checkLatency(check *checker) {
	_, ok := latencyOf(c.Latency)
	check.want(ok, "latency", "%q is none of %s, %s and %s", c.Latency, LatencyUltra, LatencyLow, LatencyNormal)
}
