package broadcast

import (
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode"
)

const (
	// maxGOPBytes bounds a group of pictures: 30 s of 4 Mbit/s.
	maxGOPBytes = 16 << 20
	// freshWithin is how long after a key frame passing video on may begin with it, since what has been shown after it is shown again.
	freshWithin = 250 * time.Millisecond
	// unseenWithin is the same for one that has not been shown.
	unseenWithin = 2 * time.Second
	// often is how far apart key frames may be of a publisher whose next one is waited for, whether it answers requests or not.
	often = 2500 * time.Millisecond
)

// gop holds the pictures from the newest key frame on, which a decoder that comes later needs. A group that grows beyond its bounds is given
// up, and the next key frame begins another. The pictures are those that others have, not copies.
type gop struct {
	frames  []depay.Frame
	bytes   int
	length  time.Duration // of the group before, 0 where there was none
	givenUp uint64        // groups
}

// add takes the next picture. Key frames that were made here count, since they are what is shown; repeat frames change nothing.
func (g *gop) add(f depay.Frame) {
	switch {
	case f.Key:
		if g.length = 0; len(g.frames) > 0 && !g.frames[0].Filler && !f.Filler {
			g.length = f.Time() - g.frames[0].Time()
		}
		g.clear()
	case f.Filler || len(g.frames) == 0:
		return
	case len(g.frames) == transcode.MaxEarlier, g.bytes+len(f.Data) > maxGOPBytes:
		g.givenUp++
		g.clear()
		return
	}
	g.frames = append(g.frames, f)
	g.bytes += len(f.Data)
}

func (g *gop) clear() {
	clear(g.frames)
	g.frames, g.bytes = g.frames[:0], 0
}

// nextWithin is how long the next key frame, once asked for, is worth waiting for.
func (g *gop) nextWithin() time.Duration {
	if 0 < g.length && g.length <= often {
		return keyFrameWithin
	}
	return answerWithin
}

// begunWithin reports whether the group has begun so lately, with a key frame that was received.
func (g *gop) begunWithin(within time.Duration) bool {
	n := len(g.frames)
	return n > 0 && !g.frames[0].Filler && g.frames[n-1].Time()-g.frames[0].Time() < within
}
