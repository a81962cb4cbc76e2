package transcode

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode/faces"
)

// playSearched runs a job that looks for faces. The second half of its frames comes once searched is closed.
func playSearched(t *testing.T, f *FaceFinder, searched <-chan struct{}, tell func(FacesFound)) (Options, *Job) {
	t.Helper()
	o := Options{
		Dir: t.TempDir(), Video: depay.VP8, Audio: depay.Opus, Ladder: Ladder{{Name: "360p", Width: 640, Height: 360, FPS: 30, Bitrate: 500_000}, smallLadder()[1]},
		Thumbnail: -1, Transform: TransformFaces, Faces: f, OnFaces: tell, Grace: time.Minute, Stall: time.Minute,
	}
	job, err := NewJob(o)
	require.NoError(t, err)
	frames := interleave(vp8Clip(t, "color=0x404040:s=320x180:r=30", 2), opusClip(t, "sine=f=440", 2))
	go func() {
		for i, frame := range frames {
			if i == len(frames)/2 {
				<-searched
			}
			job.writeWhenRoom(frame)
		}
		job.CloseInput()
	}()
	require.NoError(t, job.Run(t.Context()))
	require.Zero(t, job.Stats().Video.Dropped)
	require.EqualValues(t, 60, job.Stats().Progress.Frame, "every picture is encoded")
	return o, job
}

// boxed returns how bright the edge of the box that the tests find is in the newest picture, and the middle of it.
func boxed(t *testing.T, o Options, rendition int) (edge, middle int) {
	t.Helper()
	rgb := ffmpegOutput(t, "-i", joined(t, o.Dir, o.Representations()[rendition]), "-vf", "scale=320:180:flags=area", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
	newest := rgb[len(rgb)-320*180*3:]
	bright := func(x, y int) int {
		p := newest[3*(y*320+x):]
		return (int(p[0]) + int(p[1]) + int(p[2])) / 3
	}
	for y := 60; y < 120; y++ {
		edge += max(bright(79, y), bright(80, y), bright(81, y))
		middle += bright(120, y)
	}
	return edge / 60, middle / 60
}

func TestFacesAreDrawnAndTold(t *testing.T) {
	found := make(chan struct{})
	var once sync.Once
	var told FacesFound
	finder := &FaceFinder{last: time.Hour, find: func(luma []byte, width, height int) []faces.Box {
		require.Equal(t, [2]int{320, 180}, [2]int{width, height})
		require.Len(t, luma, width*height)
		require.InDelta(t, 0x40, luma[len(luma)/2], 3)
		return []faces.Box{{X: 80, Y: 40, Width: 80, Height: 100, Score: 30}}
	}}
	o, _ := playSearched(t, finder, found, func(f FacesFound) { told = f; once.Do(func() { close(found) }) })
	require.Equal(t, []faces.Box{{X: 160, Y: 80, Width: 160, Height: 200, Score: 30}}, told.Faces, "in pixels of the best rendition")
	require.Equal(t, [2]int{640, 360}, [2]int{told.Width, told.Height})
	require.True(t, told.PTS >= 0 && told.PTS < 2*time.Second, "%v", told.PTS)
	searched, dropped := finder.Counts()
	require.Positive(t, searched)
	require.LessOrEqual(t, searched+dropped, uint64(60))
	for rendition := range 2 {
		edge, middle := boxed(t, o, rendition)
		require.Greater(t, edge, middle+20, "rendition %d", rendition)
		require.InDelta(t, 0x40, middle, 5, "rendition %d", rendition)
	}
}

// A search that does not end, or panics, holds nothing up: pictures go on without boxes, and only the newest waits to be searched.
func TestVideoGoesOnWithoutSearch(t *testing.T) {
	for name, find := range map[string]func(begun, end chan struct{}){
		"stalled":   func(begun, end chan struct{}) { close(begun); <-end },
		"panicking": func(begun, _ chan struct{}) { close(begun); panic("no face") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun, end := make(chan struct{}), make(chan struct{})
			finder := &FaceFinder{last: time.Hour}
			first := true
			finder.find = func([]byte, int, int) []faces.Box {
				if first {
					first = false
					find(begun, end)
				}
				return nil
			}
			go func() { // more waits than is searched
				defer close(end)
				require.Eventually(t, func() bool { _, dropped := finder.Counts(); return dropped > 5 }, 2*time.Minute, 10*time.Millisecond)
			}()
			o, _ := playSearched(t, finder, begun, nil)
			<-end
			edge, _ := boxed(t, o, 0)
			require.InDelta(t, 0x40, edge, 5)
		})
	}
}
