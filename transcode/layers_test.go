package transcode

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

// simulcast is the same pictures in two sizes, see layersOf.
func simulcast(t testing.TB, seconds int, at string) []depay.Frame {
	t.Helper()
	return layersOf(t, seconds, at, "640x360", "320x180")
}

// layersOf is the same pictures in several sizes, the best first, in the order in which browsers send them: the smallest first. Time stamps
// of layers are a millisecond apart.
func layersOf(t testing.TB, seconds int, at string, sizes ...string) (all []depay.Frame) {
	t.Helper()
	var layers [][]depay.Frame
	for _, size := range sizes {
		layers = append(layers, keyed(t, depay.H264, size, seconds, at))
	}
	for i := range layers[0] {
		for n, layer := range slices.Backward(layers) {
			f := layer[i]
			f.Layer, f.PTS, f.RTPTime = n, f.PTS+int64(90*n), uint32(f.PTS)-5000+uint32(90*n)
			all = append(all, f)
		}
	}
	return all
}

// layeredOptions are those of a run that passes two layers through.
func layeredOptions() Options {
	return Options{Dir: "d", Video: depay.H264, Passthrough: passedThrough(), Ladder: Ladder{half(1)}, Thumbnail: -1}
}

// half is the smaller layer of simulcast.
func half(layer int) Rendition {
	return Rendition{Name: "180p", Width: 320, Height: 180, FPS: 30, Bitrate: 500_000, Layer: layer}
}

// layered is what layeredFrames writes.
type layered struct {
	*layeredFrames
	queues []*layerQueue
	got    [2][]depay.Frame
}

func newLayered(t testing.TB) *layered {
	t.Helper()
	j, err := NewJob(layeredOptions())
	require.NoError(t, err)
	l := newLayering(j)
	return &layered{layeredFrames: l.frames, queues: l.queues}
}

// write writes all frames, up to the first error.
func (l *layered) write(frames []depay.Frame) error {
	for _, f := range frames {
		if err := l.WriteFrame(f); err != nil {
			return err
		}
		for i, queue := range l.queues {
			for len(queue.frames) > 0 {
				f, _ := queue.pop()
				l.got[i] = append(l.got[i], f)
			}
		}
	}
	return nil
}

// timesOf lists when frames are shown.
func timesOf(frames []depay.Frame) (pts []int64) {
	for _, f := range frames {
		pts = append(pts, f.PTS)
	}
	return pts
}

func without(frames []depay.Frame, layer int, from, to int64) []depay.Frame {
	return slices.DeleteFunc(slices.Clone(frames), func(f depay.Frame) bool {
		at := int64(f.RTPTime + 5000)
		return f.Layer == layer && at >= from && at < to
	})
}

// TestLayersKeepTogether has pictures of two layers come as networks and encoders let them: both are shown at the same times, without a
// hole.
func TestLayersKeepTogether(t *testing.T) {
	clip := simulcast(t, 4, "0,2")
	moved := slices.Clone(clip)
	for i, f := range clip {
		moved[i].PTS += int64(i/2*7919%2800) - 1400
		if f.PTS == 0 && f.Layer == 0 {
			moved[i].PTS = 0
		}
	}
	late := slices.Clone(clip)
	for i := 40; i < 80; i += 2 {
		late[i], late[i+1] = late[i+1], late[i]
	}
	for name, frames := range map[string][]depay.Frame{
		"as they should":                           clip,
		"with jitter":                              moved,
		"the smaller one last":                     late,
		"a picture is missing in the layer":        without(clip, 1, second, second+9000),
		"a picture is missing in the best":         without(clip, 0, second, second+9000),
		"pictures of a layer that is no rendition": append(slices.Clone(clip), depay.Frame{Codec: depay.H264, Layer: 2}),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLayered(t)
			require.NoError(t, l.write(frames))
			best, layer := timesOf(l.got[0]), timesOf(l.got[1])
			require.GreaterOrEqual(t, len(best), 117)
			require.GreaterOrEqual(t, len(layer), len(best)-int(l.behind/l.place))
			require.Equal(t, best[:len(layer)], layer)
			require.Equal(t, int64(2*second), l.best.cutAt)
			require.Equal(t, int64(2*second), l.others[0].cutAt)
		})
	}
}

// What cannot be cut at the same pictures ends the run.
func TestLayersApart(t *testing.T) {
	clip := simulcast(t, 4, "0,2")
	other := simulcast(t, 4, "0,1.9,2.1")
	mixed := slices.Clone(clip)
	for i, f := range other {
		if f.Layer == 1 {
			mixed[i] = f
		}
	}
	for name, frames := range map[string][]depay.Frame{
		"a layer has stopped":                         without(clip, 1, second, 4*second),
		"a layer has not begun":                       without(clip, 1, 0, 4*second),
		"a layer begins with another picture":         without(clip, 1, 0, 9000),
		"a layer has its key frames somewhere else":   mixed,
		"the best layer has stopped without a filler": without(clip, 0, second, 4*second),
	} {
		t.Run(name, func(t *testing.T) {
			var ended *PassthroughError
			err := newLayered(t).write(frames)
			require.True(t, errors.As(err, &ended), "%v", err)
			require.Equal(t, LayersApart, ended.Cause)
			require.True(t, ended.Again())
		})
	}
}

// A pipe that nobody reads any more holds nobody up.
func TestLaneThatIsLeft(t *testing.T) {
	l := newLayerQueue()
	for range queuedFrames {
		require.NoError(t, l.WriteFrame(depay.Frame{}))
	}
	l.leave()
	require.ErrorIs(t, l.WriteFrame(depay.Frame{}), syscall.EPIPE)
}

// TestLayersBecomeRenditions has ffmpeg pass two layers through, with a third rendition that is encoded, and audio: all segments begin at the same instant,
// what is passed through is what came, and nothing plays with a fault.
func TestLayersBecomeRenditions(t *testing.T) {
	o := layeredOptions()
	o.Dir, o.Audio = t.TempDir(), depay.Opus
	o.Ladder = Ladder{half(1), {Name: "90p", Width: 160, Height: 90, FPS: 30, Bitrate: 100_000}}
	clip := simulcast(t, 8, "0,1.2,2.3,3.1,4.4,6.5")
	play(t, o, interleave(clip, opusClip(t, "sine", 8)))
	reps := o.Representations()
	require.Equal(t, []bool{true, true, false, false}, []bool{reps[0].PassedThrough, reps[1].PassedThrough, reps[2].PassedThrough, reps[3].PassedThrough})
	begins := segmentBegins(t, o.Dir, reps[0])
	require.Equal(t, []float64{0, 2.3 * second, 4.4 * second, 6.5 * second}, floats(begins))
	for _, r := range reps[:3] {
		checkAligned(t, o.Dir, r, begins)
	}
	for layer, r := range reps[:2] {
		source := coding(t, slices.DeleteFunc(slices.Clone(clip), func(f depay.Frame) bool { return f.Layer != layer }))
		want, got := pictureHashes(t, source), pictureHashes(t, joined(t, o.Dir, r))
		require.GreaterOrEqual(t, len(got), len(want)-1)
		require.Equal(t, want[:len(got)], got, "representation %s", r.ID)
	}
}

// BenchmarkLayeredFrames is what a picture costs that is put where the best layer's is.
func BenchmarkLayeredFrames(b *testing.B) {
	clip := simulcast(b, 2, "0,1")
	l := newLayered(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f := clip[i%len(clip)]
		f.PTS, f.RTPTime = int64(i/2)*3000, uint32(i/2)*3000
		if err := l.WriteFrame(f); err != nil {
			b.Fatal(err)
		}
		for _, queue := range l.queues {
			for len(queue.frames) > 0 {
				<-queue.frames
			}
		}
	}
}
