package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

// maxLag is how far ffmpeg may fall behind before its ladder is reduced. It is less than half a second behind when all is well.
const maxLag = time.Second

// maxLogs bounds the logs that the ffmpegs of one broadcast leave.
const maxLogs = 999

// ladder is what a broadcast encodes: all rungs at first, less once the machine has turned out to be too slow for them. It
// does not go up again: that would cost viewers another discontinuity, and with the same load one more to come back.
type ladder struct {
	whole, now transcode.Ladder
	reductions int
	reason     string // why less is encoded than the whole ladder; "" while it is not
}

func newLadder(whole transcode.Ladder) ladder { return ladder{whole: whole, now: whole} }

// maxLag is none where there is nothing to take away: then pictures are dropped.
func (l *ladder) maxLag(video depay.Codec) time.Duration {
	if _, ok := l.now.Reduce(1); !ok || video == 0 {
		return 0
	}
	return maxLag
}

// reduce makes the ladder what this machine encodes in real time.
func (l *ladder) reduce(slow *transcode.SlowError) {
	l.now, _ = l.now.Reduce(slow.Speed)
	l.reductions++
	top := l.now[0]
	l.reason = fmt.Sprintf("This server was too slow for its ladder (it encoded at %.2f of real time): until the next broadcast its best picture is %s, %dx%d with the preset %s",
		slow.Speed, top.Name, top.Width, top.Height, top.X264Preset())
	if gone := l.gone(); len(gone) > 0 {
		l.reason += fmt.Sprintf("; %s shows the same", gone)
	}
	l.reason += "."
}

// gone are the rungs that are not encoded any more.
func (l *ladder) gone() transcode.Ladder { return l.whole[:len(l.whole)-len(l.now)] }

// standIns adds a rendition for each rung that is not encoded any more, with the files of the best that still is. So every URL
// goes on: HLS players read the multivariant playlist once, and one that plays a rung has to find it for ever.
func (l *ladder) standIns(encoded []packager.Rendition) []packager.Rendition {
	if !encoded[0].Video {
		return encoded
	}
	var all []packager.Rendition
	for _, rung := range l.gone() {
		standIn := encoded[0]
		standIn.ID = rung.Name
		all = append(all, standIn)
	}
	return append(all, encoded...)
}

// reduce takes away from the ladder when ffmpeg ended because it was too slow.
func (b *broadcast) reduce(cause error) bool {
	var slow *transcode.SlowError
	if !errors.As(cause, &slow) {
		return false
	}
	b.ladder.reduce(slow)
	b.log.Warn("ladder is reduced", "reason", b.ladder.reason, "lag", slow.Lag, "speed", slow.Speed)
	return true
}

// logFile is where the words of the next ffmpeg are kept: with the recording, or without one as long as the epoch's media; ""
// for nowhere.
func (b *broadcast) logFile(e *packager.Epoch) string {
	if b.runs++; b.runs > maxLogs {
		return ""
	}
	if r := b.timeline.Recording(); r != nil {
		return filepath.Join(r.Dir(), fmt.Sprintf("ffmpeg-%d.log", b.runs))
	}
	return filepath.Join(e.Dir(), "ffmpeg.log")
}
