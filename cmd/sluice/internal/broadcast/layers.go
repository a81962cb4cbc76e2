package broadcast

import (
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/transcode"
)

// layers are those of a simulcast that one run reads beside the best one. They are counted from 1, as depay.Frame.Layer is.
type layers struct {
	track   *media.Track
	taps    []media.Layer
	tried   []string  // that had a key frame to begin with
	passed  []int     // that are passed on as renditions
	missing time.Time // since when one of those has not come, though the best layer has; zero: they come
}

// tap reads the layers that flow.
func (l *layers) tap(track *media.Track) {
	l.track, l.taps = track, track.TapLayers(tapPackets)
}

// read reads all that the taps hold.
func (l *layers) read(to *depay.Depacketizer) {
	for i, tap := range l.taps {
		for p, ok := tap.Next(); ok; p, ok = tap.Next() {
			if to != nil && p.Report == nil {
				to.PushLayer(i+1, &p.RTP, p.Arrival)
			}
			p.Release()
		}
	}
}

func (l *layers) close() {
	if l.track != nil {
		l.track.CloseLayers(l.taps)
	}
}

// try notes the layers that passthrough begins with.
func (l *layers) try(numbers map[int]depay.Frame) {
	for number := range numbers {
		l.tried = append(l.tried, l.taps[number-1].Name)
	}
}

// keep notes which layers are renditions, and returns how many renditions are encoded. What is none is not read any more.
func (l *layers) keep(ladder transcode.Ladder) (encoded int) {
	for _, r := range ladder {
		if r.Layer == 0 {
			encoded++
		} else {
			l.passed = append(l.passed, r.Layer)
		}
	}
	for i, tap := range l.taps {
		if !slices.Contains(l.passed, i+1) {
			tap.Close()
		}
	}
	return encoded
}

// passes reports whether a frame is of what is passed on: the best layer, or one that is a rendition.
func (l *layers) passes(f depay.Frame) bool {
	return f.Layer == 0 || slices.Contains(l.passed, f.Layer)
}

// stopped reports whether a rendition has been without its layer for too long while the best one flowed.
func (l *layers) stopped(now time.Time, flowing []string, best string) bool {
	gone := slices.ContainsFunc(l.passed, func(number int) bool {
		name := l.taps[number-1].Name
		return name != best && !slices.Contains(flowing, name)
	})
	switch {
	case !gone:
		l.missing = time.Time{}
	case l.missing.IsZero():
		l.missing = now
	}
	return gone && now.Sub(l.missing) > layerMissing
}

// others reports whether layers flow that this run has not begun with.
func (l *layers) others(flowing []string) bool {
	return slices.ContainsFunc(flowing, func(name string) bool { return !slices.Contains(l.tried, name) })
}

// dropped counts the packets that this end was too slow for.
func (l *layers) dropped() (packets uint64) {
	for _, tap := range l.taps {
		packets += tap.Dropped()
	}
	return packets
}
