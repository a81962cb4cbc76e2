package transcode

import (
	"slices"
	"time"
)

// When a ladder that was reduced grows again.
const (
	returnAfter = 15 * time.Second // after a reduction, at the earliest; doubles with each return that has failed
	maxReturn   = time.Hour        // and is never more
	roomFor     = 10 * time.Second // that there must have been room
	settled     = 5 * time.Minute  // after a return, from which on a reduction is not its failure
	spare       = 1.25             // times what is needed must be there
	smoothing   = 0.4              // weight of the newest sample, of one a second
)

// Sample is what is measured about once a second while ffmpeg runs.
type Sample struct {
	CPU  float64 // cores that ffmpeg uses
	Idle float64 // cores of the machine that nobody uses
	Late bool    // ffmpeg does not keep up
}

// Governor decides when a ladder that was reduced may grow again: once there has been room for it for a while, by the CPU time that
// ffmpeg takes for what it encodes now and by what nobody uses of the machine's. That cannot tell everything (a quota of a container,
// pictures that begin to move), so that the time until the next try doubles with each that fails: in an hour there are eight at most.
//
// It is a state machine of what it is told; it measures nothing and knows no clock. The zero value is that of a whole ladder.
type Governor struct {
	unit      float64 // cores that a unit of work takes, as measured while something was encoded; 0 while it was not
	cpu, idle float64 // smoothed
	sampled   bool    // since the last change
	wait      time.Duration
	notBefore time.Time
	grown     time.Time   // the newest return
	tried     bool        // it has not failed yet
	room      []time.Time // since when there has been room for each candidate; zero where there is none
}

// Reduced notes that the ladder was reduced.
func (g *Governor) Reduced(now time.Time) {
	switch lasted := now.Sub(g.grown); {
	case g.tried && lasted < settled:
		g.wait = min(2*g.wait, maxReturn)
	case lasted >= 2*settled:
		g.wait = returnAfter
	}
	g.tried, g.notBefore = false, now.Add(g.wait)
	g.Changed()
}

// Grew notes that the ladder has grown.
func (g *Governor) Grew(now time.Time) {
	g.grown, g.tried = now, true
	g.Changed()
}

// Changed notes that what was measured does not hold any more: another ffmpeg runs, or it is fed with something else.
func (g *Governor) Changed() { g.sampled, g.room = false, nil }

// Observe takes a sample of an ffmpeg that encodes encoded, and returns which of the candidates, the best first, the ladder is to
// become; ok is false when it is to stay as it is.
func (g *Governor) Observe(now time.Time, s Sample, encoded Ladder, candidates []Ladder) (which int, ok bool) {
	g.take(s, encoded)
	if len(g.room) != len(candidates) {
		g.room = make([]time.Time, len(candidates))
	}
	for i, c := range candidates {
		switch {
		case s.Late || !g.fits(encoded, c):
			g.room[i] = time.Time{}
		case g.room[i].IsZero():
			g.room[i] = now
		}
	}
	which = slices.IndexFunc(g.room, func(since time.Time) bool { return !since.IsZero() && now.Sub(since) >= roomFor })
	return which, which >= 0 && !now.Before(g.notBefore)
}

// take smooths the sample with those before.
func (g *Governor) take(s Sample, encoded Ladder) {
	weight := smoothing
	if !g.sampled {
		g.sampled, weight = true, 1
	}
	g.cpu += weight * (s.CPU - g.cpu)
	g.idle += weight * (s.Idle - g.idle)
	if len(encoded) > 0 && !s.Late {
		g.unit = g.cpu / encoded.units()
	}
}

// fits reports whether there is room for the candidate in the place of what is encoded.
func (g *Governor) fits(encoded, candidate Ladder) bool {
	more := candidate.units()
	if len(encoded) > 0 {
		more -= encoded.units()
	}
	need := g.cpu + more*orDefault(g.unit, unitUnmeasured)
	return need*spare <= g.cpu+g.idle
}

// Regain returns what now, to which l was reduced, may become: with one rendition more, the best such ladder first, or with none more
// where all are there already. It is empty where now is all of l.
func (l Ladder) Regain(now Ladder) (candidates []Ladder) {
	for at := l; at != nil && !slices.Equal(at, now); at = at.step() {
		if len(at) == min(len(now)+1, len(l)) {
			candidates = append(candidates, at)
		}
	}
	return candidates
}
