package broadcast

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

// passable reports whether pictures of the codec can be passed on as they are.
func passable(video depay.Codec) bool { return video == depay.H264 || alternative(video) }

// alternative reports whether pictures of the codec, passed on, are one more rendition beside the whole ladder: not every player decodes it, so
// that none begins with it, and nothing is left out or encoded otherwise for its sake.
func alternative(video depay.Codec) bool { return video == depay.VP9 || video == depay.AV1 }

// errSmall is why pictures are not passed on for now, as one more rendition.
var errSmall = errors.New("they are smaller than the smallest rung")

// alternativeOf describes the rendition that passing pictures on adds to the ladder. They are put on its rate.
func (l *ladder) alternativeOf(key depay.Frame) (transcode.Rendition, error) {
	rungs := l.now
	switch {
	case len(rungs) >= transcode.MaxRungs:
		return transcode.Rendition{}, fmt.Errorf("the ladder has %d rungs already", len(rungs))
	case slices.ContainsFunc(rungs, func(r transcode.Rendition) bool { return r.FPS != rungs[0].FPS }):
		return transcode.Rendition{}, errors.New("the rungs of the ladder are of several rates")
	}
	source, err := transcode.CopyOf(key, SourceName, rungs[0].FPS)
	if err == nil && !l.below(source.Height) {
		err = errSmall
	}
	return source, err
}

// below tells whether there is a rung of at most so many lines. hls.js begins with the codec of the smallest picture, whatever is
// preferred.
func (l *ladder) below(height int) bool {
	return slices.ContainsFunc(l.now, func(r transcode.Rendition) bool { return r.Height <= height })
}

// copied describes the rendition that passing the publisher's pictures on makes, or says in words why they are to be encoded.
func (b *Broadcast) copied(key depay.Frame) (transcode.Rendition, error) {
	if alternative(key.Codec) {
		return b.ladder.alternativeOf(key)
	}
	return transcode.CopyOf(key, SourceName, b.copying.fps)
}

// inOrder puts copied pictures that are one more rendition behind the rungs: what comes first is what players begin with, and what
// is recorded.
func inOrder(video depay.Codec, made []packager.Rendition) []packager.Rendition {
	if !alternative(video) || !made[0].Copied {
		return made
	}
	source, rungs := made[0], made[1:]
	behind := len(rungs)
	if behind > 0 && !rungs[behind-1].Video {
		behind--
	}
	return slices.Insert(slices.Clone(rungs), behind, source)
}
