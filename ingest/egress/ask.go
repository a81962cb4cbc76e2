package egress

import (
	"math"
	"slices"

	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/media"
)

// Ask is what a viewer asks for of its pictures. Of what is left by that the best one is chosen that the connection carries. The zero Ask bounds
// nothing.
type Ask struct {
	Encoding      string // this one alone, as long as it flows; "": any
	Width, Height int    // of the largest to be sent, in pixels, where sizes are known; 0: any
	Spatial       int    // spatial layers at most, where the encodings are these; 0: all
	Temporal      int    // layers at most; 0: all
	Fills         bool   // Width and Height are what the picture is shown in: one that fills it is enough
	None          bool   // no pictures
}

// Shown asks for what is enough for a picture that is shown in that size, in pixels of a screen; none where it is not shown.
func Shown(width, height int) Ask {
	return Ask{Width: width, Height: height, Fills: true, None: width == 0 || height == 0}
}

// pixels is how large the picture is to be.
func (a Ask) pixels() int {
	if a.Width == 0 || a.Height == 0 {
		return math.MaxInt
	}
	return a.Width * a.Height
}

// fills reports whether a picture in the size that is asked for needs no larger one: it fills one side of that, or is enlarged a little.
func (a Ask) fills(e media.Encoding) bool {
	const little = 0.8
	return float64(e.Width) >= little*float64(a.Width) || float64(e.Height) >= little*float64(a.Height)
}

// Ask has the viewer choose within what is asked for from now on, whoever publishes. It does not block.
func (v *Viewer) Ask(a Ask) {
	v.locked(func() {
		if v.asked != a {
			v.asked, v.chooser = a, bandwidth.Chooser{}
		}
	})
	v.estimated()
}

// Asked is what has been asked for last.
func (v *Viewer) Asked() (a Ask) {
	v.locked(func() { a = v.asked })
	return a
}

// within returns the encodings that are asked for, which are in the order of their rates: the least one when there are none.
func (a Ask) within(encodings []media.Encoding) []media.Encoding {
	if i := slices.IndexFunc(encodings, func(e media.Encoding) bool { return e.Name == a.Encoding }); i >= 0 && a.Encoding != "" {
		return encodings[i : i+1]
	}
	if a.Spatial > 0 {
		encodings = encodings[:countFunc(encodings, func(e media.Encoding) bool { return e.Spatial <= a.Spatial })]
	}
	if a.Width == 0 && a.Height == 0 {
		return encodings
	}
	if a.Fills {
		i := slices.IndexFunc(encodings, a.fills)
		if i < 0 {
			return encodings
		}
		return encodings[:i+1]
	}
	var fitting []media.Encoding
	for _, e := range encodings {
		if (a.Width == 0 || e.Width <= a.Width) && (a.Height == 0 || e.Height <= a.Height) {
			fitting = append(fitting, e)
		}
	}
	if len(fitting) == 0 {
		return encodings[:min(len(encodings), 1)]
	}
	return fitting
}

// leavesOut reports whether the best encoding of the picture is more than what is asked for: then its newest key frame and all that came after it are
// not worth sending.
func (v *Viewer) leavesOut() bool {
	if v.asked == (Ask{}) || v.asked.None {
		return v.asked.None
	}
	encodings := v.asked.within(v.encodings())
	return len(encodings) > 0 && encodings[len(encodings)-1].Track != v.picture
}

// countFunc is how many encodings come before the first of which that is not so.
func countFunc(encodings []media.Encoding, is func(media.Encoding) bool) int {
	if i := slices.IndexFunc(encodings, func(e media.Encoding) bool { return !is(e) }); i >= 0 {
		return i
	}
	return len(encodings)
}

// askedOf is what is asked for of a track that is the best encoding that is.
func (v *Viewer) askedOf(t *media.Track) extent {
	encodings := v.encodings()
	within := v.asked.within(encodings)
	for _, e := range slices.Backward(within) {
		if e.Track == t {
			return extentOf(e, highestOf(v.asked.Temporal), len(within) < len(encodings))
		}
	}
	return extent{allSpatial, highestOf(v.asked.Temporal)}
}

// Picture is what there is to ask for.
type Picture struct {
	Published bool             // somebody publishes
	Encodings []media.Encoding // that flow, the lowest bit rate first
	Layers    []string         // of a simulcast, or spatial layers, whether they flow or not
	Sent      media.Encoding   // the one that is sent
	Temporal  uint8            // highest layer of it that is sent
	Sending   bool             // any is sent
}

// Picture tells what there is to ask for now, and what of it is sent.
func (v *Viewer) Picture() (p Picture) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, o := range v.downTracks() {
		p.Published = p.Published || o.tap != nil
	}
	o := v.video
	if o == nil || o.tap == nil || v.picture == nil {
		return p
	}
	if p.Encodings = v.encodings(); len(p.Encodings) > 1 || v.picture.IsSimulcast() {
		p.Layers = v.picture.LayerNames()
	}
	if e, sends := o.sends(p.Encodings); sends {
		p.Sent, p.Sending = e, true
		p.Temporal = min(o.thinner.limit.temporal, uint8(len(e.Temporal())-1))
	}
	return p
}
