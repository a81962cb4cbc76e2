package broadcast

import (
	"slices"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

// audioName is the rendition of sound.
const audioName = "audio"

// renditions describes to the packager what ffmpeg is going to write, in the order in which viewers are offered it.
func renditions(o transcode.Options) []timeline.Rendition {
	var renditions []timeline.Rendition
	for _, r := range o.Representations() {
		if r.Audio {
			renditions = append(renditions, timeline.Rendition{ID: audioName, Rep: r.ID, Bitrate: r.Bitrate})
			continue
		}
		renditions = append(renditions, timeline.Rendition{
			ID: r.Rendition.Name, Rep: r.ID, Video: true, Bitrate: r.Bitrate,
			Width: r.Rendition.Width, Height: r.Rendition.Height, FPS: float64(r.Rendition.FPS), Copied: r.PassedThrough,
			Events: o.Transform == transcode.TransformFaces,
		})
	}
	return inOrder(o.Video, renditions)
}

// inOrder puts an alternative rendition behind the ladder: what comes first is what players begin with, and what is recorded.
func inOrder(video depay.Codec, made []timeline.Rendition) []timeline.Rendition {
	if !isAlternative(video) || !made[0].Copied {
		return made
	}
	source, encoded := made[0], made[1:]
	behind := len(encoded)
	if behind > 0 && !encoded[behind-1].Video {
		behind--
	}
	return slices.Insert(slices.Clone(encoded), behind, source)
}
