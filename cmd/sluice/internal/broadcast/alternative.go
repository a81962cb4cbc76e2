package broadcast

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode"
)

// isAlternative reports whether video of the codec, passed on, is an alternative rendition beside the whole ladder: not every player
// decodes it, so that none begins with it, and nothing is left out or encoded otherwise for its sake.
func isAlternative(video depay.Codec) bool { return video == depay.VP9 || video == depay.AV1 }

// errSmall is why video is not passed on for now as an alternative rendition.
var errSmall = errors.New("they are smaller than the smallest rendition")

// alternativeOf describes the rendition that passing video on adds to the ladder. It is put on the ladder's rate.
func (l *ladder) alternativeOf(key depay.Frame) (transcode.Rendition, error) {
	encoded := l.now
	switch {
	case len(encoded) >= transcode.MaxRenditions:
		return transcode.Rendition{}, fmt.Errorf("the ladder has %d renditions already", len(encoded))
	case slices.ContainsFunc(l.whole, func(r transcode.Rendition) bool { return !r.Codec.Beside() }):
		return transcode.Rendition{}, errors.New("the ladder has renditions of AV1, whose encoder sets its own key frames")
	case slices.ContainsFunc(encoded, func(r transcode.Rendition) bool { return r.FPS != encoded[0].FPS }):
		return transcode.Rendition{}, errors.New("the renditions of the ladder are of several rates")
	}
	source, err := transcode.PassthroughOf(key, SourceName, encoded[0].FPS)
	if err == nil && !l.reachesDownTo(source.Height) {
		err = errSmall
	}
	return source, err
}

// reachesDownTo reports whether there is a rendition of at most so many lines. hls.js begins with the codec of the smallest one,
// whatever is preferred.
func (l *ladder) reachesDownTo(height int) bool {
	return slices.ContainsFunc(l.now, func(r transcode.Rendition) bool { return r.Height <= height })
}
