package transcode

import "slices"

// Headroom is the part of what the machine has shown to encode in real time that a reduced ladder may take: enough is left to
// catch up what was missed, and not to be too slow again at once.
const Headroom = 0.9

// minHalved is the least height in lines that a picture is halved to.
const minHalved = 180

// Reduce returns a ladder that a machine encodes in real time on which ffmpeg did speed seconds of l per second, as far as
// there is one; ok is false when nothing is left to take away. In steps: renditions of other codecs than H.264 go, those that take most
// first, for whoever plays them plays H.264 too. Then the best rendition gets the fastest preset, then
// it goes, and the next one is the best. The last rendition stays, and has its sides halved as long as a picture is left of it.
//
// From the top, because that is where the work is, and because a ladder without its best rendition serves some viewers a
// little worse, while one without its worst fails those on slow networks.
func (l Ladder) Reduce(speed float64) (cheaper Ladder, ok bool) {
	target := l.units() * Headroom * min(speed, 1)
	cheaper = l
	for next := l.step(); next != nil; next = next.step() {
		cheaper, ok = next, true
		if cheaper.units() <= target {
			break
		}
	}
	return cheaper, ok
}

// step returns the next cheaper ladder, nil when there is none.
func (l Ladder) step() Ladder {
	top := l[0]
	switch dearest := l.dearestAlternate(); {
	case dearest >= 0:
		return slices.Delete(slices.Clone(l), dearest, dearest+1)
	case top.X264Preset() != presets[0]:
		top.Preset = presets[0]
	case len(l) > 1:
		return l[1:]
	case top.Height/2 >= minHalved:
		top.Width, top.Height, top.Bitrate = even(top.Width/2), even(top.Height/2), max(top.Bitrate/2, MinBitrate)
	default:
		return nil
	}
	return append(Ladder{top}, l[1:]...)
}

// dearestAlternate is the place of what takes most of all that is not of H.264, -1 if all is.
func (l Ladder) dearestAlternate() int {
	dearest := -1
	for i, r := range l {
		if r.Codec != H264 && (dearest < 0 || r.units() > l[dearest].units()) {
			dearest = i
		}
	}
	return dearest
}

func even(n int) int { return n - n%2 }

// units is the cost of the ladder with what all renditions share.
func (l Ladder) units() float64 {
	units := sourceUnits
	for _, r := range l {
		units += r.units()
	}
	return units
}
