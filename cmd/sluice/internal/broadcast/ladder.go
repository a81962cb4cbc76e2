package broadcast

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

// maxLag is how far ffmpeg may fall behind before its ladder is reduced. It is less than half a second behind when all is well.
const maxLag = time.Second

// layerFits is how many times the pixels of a rendition, or what part of them, a layer may have that takes its place.
const layerFits = 2.0

// ladder is what a broadcast encodes: all renditions at first, less while the machine is too slow for them.
//
// Beside H.264 that is passed on only smaller renditions are encoded, or none when the machine is too slow for that.
type ladder struct {
	whole, now transcode.Ladder
	alone      bool            // nothing is encoded beside what is passed on
	offered    map[string]bool // renditions of video that viewers have been offered
	elsewhere  []string        // of those, what the whole ladder has not, but that of another service
	reductions int
	returns    int
	speed      float64 // of real time, at the newest reduction
	reason     string  // why less is encoded than the whole ladder; "" while it is not
}

// newLadder is the ladder of a broadcast that goes on with the renditions that were offered before.
func newLadder(whole transcode.Ladder, offered ...timeline.RenditionInfo) ladder {
	l := ladder{whole: whole, now: whole, offered: make(map[string]bool)}
	for _, r := range offered {
		l.offered[r.ID] = true
	}
	return l
}

// after is the ladder of a broadcast that has come here from another service, where viewers were offered these.
func (l ladder) after(before []string) ladder {
	for _, name := range before {
		l.offered[name] = true
		if name != SourceName && name != audioName && !slices.Contains(l.names(), name) {
			l.elsewhere = append(l.elsewhere, name)
		}
	}
	return l
}

// beside returns the renditions beside a source that is passed on, at its rate: its layers that fit, and what is to be encoded for the
// rest. They are the whole ladder where nothing is passed on, or where that is an alternative rendition. Renditions of other codecs than
// H.264 stay if they are not larger and can have their key frames where the source has them.
func (l *ladder) beside(video depay.Codec, source transcode.Rendition, layers ...transcode.Rendition) transcode.Ladder {
	if source.Name == "" || isAlternative(video) {
		return l.now
	}
	var smaller transcode.Ladder
	for _, r := range l.now {
		if r.Codec.Beside() && r.Width*r.Height*5 < source.Width*source.Height*shareBeside(r.Codec) {
			r.FPS = source.FPS
			smaller = append(smaller, r)
		}
	}
	smaller = withLayers(smaller[max(0, len(smaller)+1-transcode.MaxRenditions):], layers)
	return slices.DeleteFunc(smaller, func(r transcode.Rendition) bool { return l.alone && r.Layer == 0 })
}

// shareBeside is how many fifths of a source's pixels a rendition beside it has less than: one of H.264 is clearly smaller, one of
// another codec, which takes fewer bits for the same, is not larger.
func shareBeside(c transcode.Codec) int {
	if c == transcode.H264 {
		return 4
	}
	return 6
}

// maxLag is none where the ladder stays as it is, and where there is nothing to take away of these renditions: then frames are dropped.
func (b *Broadcast) maxLag(source transcode.Rendition, beside transcode.Ladder) time.Duration {
	if b.options.FixedLadder || !b.ladder.hasLess(b.video, source, beside) {
		return 0
	}
	return maxLag
}

// hasLess reports whether there is something to take away of what is encoded.
func (l *ladder) hasLess(video depay.Codec, source transcode.Rendition, beside transcode.Ladder) bool {
	less := slices.ContainsFunc(beside, func(r transcode.Rendition) bool { return r.Layer == 0 })
	if source.Name == "" || isAlternative(video) {
		_, less = l.now.Reduce(1)
	}
	return less && video != 0
}

// reduce makes the ladder what this machine encodes in real time.
func (l *ladder) reduce(slow *transcode.SlowError) {
	l.now, _ = l.now.Reduce(slow.Speed)
	l.reduced(slow)
}

// encodeNone leaves nothing to encode beside what is passed on.
func (l *ladder) encodeNone(slow *transcode.SlowError) {
	l.alone = true
	l.reduced(slow)
}

func (l *ladder) reduced(slow *transcode.SlowError) {
	l.reductions++
	l.speed = slow.Speed
	l.explain()
}

// explain says why less is encoded, and what.
func (l *ladder) explain() {
	top, gone := l.now[0], l.gone()
	left := fmt.Sprintf("its best picture is %s, %dx%d with the preset %s", top.Name, top.Width, top.Height, top.X264Preset())
	if l.alone {
		left, gone = "there are the publisher's own pictures only", nil
		for _, r := range l.now {
			if l.offered[r.Name] {
				gone = append(gone, r)
			}
		}
	}
	l.reason = fmt.Sprintf("This server was too slow for its ladder (it encoded at %.2f of real time): for now %s", l.speed, left)
	if len(gone) > 0 {
		l.reason += fmt.Sprintf("; %s shows the same", gone)
	}
	l.reason += ". What is missing comes back once there has been room for it for a while."
}

// gone are the renditions that are not encoded any more.
func (l *ladder) gone() (gone transcode.Ladder) {
	for _, r := range l.whole {
		if !slices.ContainsFunc(l.now, func(made transcode.Rendition) bool { return made.Name == r.Name }) {
			gone = append(gone, r)
		}
	}
	return gone
}

// standIns adds a rendition for each that viewers have been offered and that is not made any more, with the files of the best
// that is. So every URL goes on: HLS players read the multivariant playlist once, and one that plays a rendition has to find it for ever.
func (l *ladder) standIns(made []timeline.Rendition) []timeline.Rendition {
	if !made[0].Video {
		return made
	}
	var all []timeline.Rendition
	names := append(append([]string{SourceName}, l.names()...), l.elsewhere...)
	if slices.IndexFunc(made, func(r timeline.Rendition) bool { return r.ID == SourceName }) > 0 {
		names = append(names[1:], SourceName)
	}
	for _, name := range names {
		i := slices.IndexFunc(made, func(r timeline.Rendition) bool { return r.ID == name })
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
	if audio := made[len(made)-1]; !audio.Video {
		all = append(all, audio)
	}
	return all
}

func (l *ladder) names() (names []string) {
	for _, r := range l.whole {
		names = append(names, r.Name)
	}
	return names
}

// withLayers puts layers in the places of the renditions that they are nearest to in size, where they fit: by the names of those. The nearest
// pair comes first; the others stay as they are.
func withLayers(ladder transcode.Ladder, layers []transcode.Rendition) transcode.Ladder {
	all, left := slices.Clone(ladder), slices.Clone(layers)
	for {
		taken, layer, off := -1, -1, math.Log(layerFits)
		for i, r := range all {
			for j, l := range left {
				if between := sizesApart(l, r); r.Layer == 0 && r.Codec == transcode.H264 && between <= off {
					taken, layer, off = i, j, between
				}
			}
		}
		if taken < 0 {
			return all
		}
		left[layer].Name = all[taken].Name
		all[taken] = left[layer]
		left = slices.Delete(left, layer, layer+1)
	}
}

// sizesApart is the logarithm of how many times the pixels of the smaller one the larger has.
func sizesApart(a, b transcode.Rendition) float64 {
	return math.Abs(math.Log(float64(a.Width*a.Height) / float64(b.Width*b.Height)))
}
