package broadcast

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode"
	"github.com/sluice-live/sluice/transcode/faces"
)

func TestFacesAreNotDrawnForWebRTC(t *testing.T) {
	for made, live := range map[transcode.Transform]transcode.Transform{transcode.TransformFaces: transcode.TransformNone, transcode.TransformBlur: transcode.TransformBlur} {
		require.Equal(t, live, (&Status{Transform: made}).liveTransform())
	}
}

// TestFacesAreToldOnce tells of every picture with faces, and once that they have gone.
func TestFacesAreToldOnce(t *testing.T) {
	var told []int
	b := &Broadcast{options: Options{
		Wall:    func(at time.Time) time.Time { return at.Add(time.Hour) },
		OnFaces: func(f Faces) { told = append(told, len(f.Faces)) },
	}}
	b.faces.Store(&Faces{newer: make(chan struct{})})
	at := time.Unix(1000, 0)
	none := transcode.FacesFound{At: at, Width: 640, Height: 360}
	one := none
	one.Faces = []faces.Box{{X: 1, Y: 2, Width: 3, Height: 4, Score: 5}}
	first := b.Faces().Newer()
	for _, found := range []transcode.FacesFound{none, none, one, one, none, none, one} {
		b.foundFaces(found)
	}
	<-first
	require.Equal(t, []int{0, 1, 1, 0, 1}, told)
	require.Equal(t, []Face{{1, 2, 3, 4, 5}}, b.Faces().Faces)
	require.Equal(t, at.Add(time.Hour), b.Faces().At)
	b.loseFaces()
	b.loseFaces()
	require.Equal(t, []int{0, 1, 1, 0, 1, 0}, told)
}

// TestFacesInMedia has the media told of the first search, and then only of what has moved, with the time of the picture.
func TestFacesInMedia(t *testing.T) {
	var media []string
	told := 0
	tell := alsoInMedia(func(transcode.FacesFound) { told++ }, func(at time.Time) time.Time { return at.UTC() },
		func(at time.Duration, text string) { media = append(media, at.String()+" "+text) })
	at := time.Unix(1000, 0)
	none := transcode.FacesFound{At: at, Width: 640, Height: 360}
	one := none
	one.Faces = []faces.Box{{X: 1, Y: 2, Width: 3, Height: 4, Score: 5}}
	for i, found := range []transcode.FacesFound{none, none, one, one, none} {
		found.PTS = time.Duration(i) * time.Second
		tell(found)
	}
	require.Equal(t, 5, told)
	require.Equal(t, []string{
		`0s {"at":"1970-01-01T00:16:40Z","width":640,"height":360,"faces":[]}`,
		`2s {"at":"1970-01-01T00:16:40Z","width":640,"height":360,"faces":[{"x":1,"y":2,"width":3,"height":4,"score":5}]}`,
		`4s {"at":"1970-01-01T00:16:40Z","width":640,"height":360,"faces":[]}`,
	}, media)
}

func TestRenditionsThatTellFaces(t *testing.T) {
	o := transcode.Options{Video: depay.VP8, Audio: depay.Opus, Ladder: transcode.DefaultLadder()}
	for _, r := range renditions(o) {
		require.False(t, r.Events)
	}
	o.Transform = transcode.TransformFaces
	for _, r := range renditions(o) {
		require.Equal(t, r.Video, r.Events)
	}
}
