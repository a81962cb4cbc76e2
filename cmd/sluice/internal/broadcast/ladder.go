package broadcast

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

// maxLag is how far ffmpeg may fall behind before its ladder is reduced. It is less than half a second behind when all is well.
const maxLag = time.Second

// ladder is what a broadcast encodes: all rungs at first, less once the machine has turned out to be too slow for them. It
// does not go up again: that would cost viewers another discontinuity, and with the same load one more to come back.
//
// Beside H.264 that is copied only the smaller rungs are encoded, or none when the machine is too slow for that.
type ladder struct {
	whole, now transcode.Ladder
	alone      bool            // nothing is encoded beside copied pictures
	offered    map[string]bool // renditions of pictures that viewers have been offered
	reductions int
	reason     string // why less is encoded than the whole ladder; "" while it is not
}

// newLadder is the ladder of a broadcast that goes on with the renditions that were offered before.
func newLadder(whole transcode.Ladder, offered ...packager.RenditionInfo) ladder {
	l := ladder{whole: whole, now: whole, offered: make(map[string]bool)}
	for _, r := range offered {
		l.offered[r.ID] = true
	}
	return l
}

// beside returns the rungs beside copied pictures, at their rate: layers of them that fit, and what is to be encoded for the rest. They
// are all there are when none are copied, or one more is.
func (l *ladder) beside(video depay.Codec, source transcode.Rendition, layers ...transcode.Rendition) transcode.Ladder {
	if source.Name == "" || alternative(video) {
		return l.now
	}
	var smaller transcode.Ladder
	for _, r := range l.now {
		if r.Width*r.Height*5 < source.Width*source.Height*4 {
			r.FPS = source.FPS
			smaller = append(smaller, r)
		}
	}
	smaller = placed(smaller[max(0, len(smaller)+1-transcode.MaxRungs):], layers)
	return slices.DeleteFunc(smaller, func(r transcode.Rendition) bool { return l.alone && r.Layer == 0 })
}

// maxLag is none where there is nothing to take away of these rungs: then pictures are dropped.
func (l *ladder) maxLag(video depay.Codec, source transcode.Rendition, rungs transcode.Ladder) time.Duration {
	less := slices.ContainsFunc(rungs, func(r transcode.Rendition) bool { return r.Layer == 0 })
	if source.Name == "" || alternative(video) {
		_, less = l.now.Reduce(1)
	}
	if !less || video == 0 {
		return 0
	}
	return maxLag
}

// reduce makes the ladder what this machine encodes in real time.
func (l *ladder) reduce(slow *transcode.SlowError) {
	l.now, _ = l.now.Reduce(slow.Speed)
	top := l.now[0]
	l.explain(slow, fmt.Sprintf("its best picture is %s, %dx%d with the preset %s", top.Name, top.Width, top.Height, top.X264Preset()), l.gone())
}

// copyAlone leaves nothing to encode beside copied pictures.
func (l *ladder) copyAlone(slow *transcode.SlowError) {
	var gone transcode.Ladder
	for _, r := range l.now {
		if l.offered[r.Name] {
			gone = append(gone, r)
		}
	}
	l.alone = true
	l.explain(slow, "there are the publisher's own pictures only", gone)
}

func (l *ladder) explain(slow *transcode.SlowError, left string, gone transcode.Ladder) {
	l.reductions++
	l.reason = fmt.Sprintf("This server was too slow for its ladder (it encoded at %.2f of real time): until the next broadcast %s", slow.Speed, left)
	if len(gone) > 0 {
		l.reason += fmt.Sprintf("; %s shows the same", gone)
	}
	l.reason += "."
}

// gone are the rungs that are not encoded any more.
func (l *ladder) gone() transcode.Ladder { return l.whole[:len(l.whole)-len(l.now)] }

// standIns adds a rendition for each that viewers have been offered and that is not made any more, with the files of the best
// that is. So every URL goes on: HLS players read the multivariant playlist once, and one that plays a rung has to find it for ever.
func (l *ladder) standIns(made []packager.Rendition) []packager.Rendition {
	if !made[0].Video {
		return made
	}
	var all []packager.Rendition
	names := append([]string{SourceName}, l.names()...)
	if slices.IndexFunc(made, func(r packager.Rendition) bool { return r.ID == SourceName }) > 0 {
		names = append(names[1:], SourceName)
	}
	for _, name := range names {
		i := slices.IndexFunc(made, func(r packager.Rendition) bool { return r.ID == name })
		switch {
		case i >= 0:
			all = append(all, made[i])
		case l.offered[name]:
			standIn := made[0]
			standIn.ID = name
			all = append(all, standIn)
		default:
			continue
		}
		l.offered[name] = true
	}
	if sound := made[len(made)-1]; !sound.Video {
		all = append(all, sound)
	}
	return all
}

func (l *ladder) names() (names []string) {
	for _, r := range l.whole {
		names = append(names, r.Name)
	}
	return names
}

// reduce takes away from the ladder when ffmpeg ended because it was too slow, unless there is less to do without that.
func (b *Broadcast) reduce(cause error) bool {
	var slow *transcode.SlowError
	if !errors.As(cause, &slow) {
		return false
	}
	if b.copyRather() {
		return true
	}
	if b.run != nil && b.run.copies && !alternative(b.run.video) {
		b.ladder.copyAlone(slow)
	} else {
		b.ladder.reduce(slow)
	}
	b.log.Warn("ladder is reduced", "reason", b.ladder.reason, "lag", slow.Lag, "speed", slow.Speed)
	return true
}
