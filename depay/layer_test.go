package depay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// layerRig is a Depacketizer of VP8 with a layer beside, whose frames it keeps.
type layerRig struct {
	*Depacketizer
	epoch       time.Time
	best, layer videoSource
	frames      [2][]Frame
	requests    int
}

func newLayerRig(t *testing.T) *layerRig {
	l := &layerRig{epoch: time.Now(), best: videoSource{ssrc: 1}, layer: videoSource{ssrc: 2}}
	d, err := New(Options{Video: VP8, Layers: 1, Emit: func(f Frame) { l.frames[f.Layer] = append(l.frames[f.Layer], f) }, RequestKeyFrame: func() { l.requests++ }})
	require.NoError(t, err)
	l.Depacketizer = d
	return l
}

// send sends a picture of the layer and then of the best one; what is lost of the layer is its first packet.
func (l *layerRig) send(number int, key, lost bool) {
	at := time.Duration(number) * time.Second / 30
	now := l.epoch.Add(at)
	for i, p := range l.layer.frame(videoTime(at)+7, key, false, 2500) {
		if i > 0 || !lost {
			l.PushLayer(1, p, now.Add(-time.Millisecond))
		}
	}
	for _, p := range l.best.frame(videoTime(at), key, false, 2500) {
		l.Push(Video, p, now)
	}
	l.Tick(now)
}

// TestLayer has a layer's pictures come as they are, at the time of the best one's by their time stamps, and goes on with a key frame
// after a loss, which is asked for.
func TestLayer(t *testing.T) {
	l := newLayerRig(t)
	for n := range 60 {
		l.send(n, n%30 == 0, n == 40)
	}
	l.Tick(l.epoch.Add(3 * time.Second))
	best, layer := l.frames[0], l.frames[1]
	require.Equal(t, 10, len(layer), "from the first key frame on that came when time had begun, up to the loss")
	for i, f := range layer {
		require.Equal(t, 1, f.Layer)
		require.Equal(t, f.RTPTime, best[i+30].RTPTime+7)
		require.InDelta(t, best[i+30].PTS, f.PTS, 10)
		require.False(t, f.Filler)
	}
	require.Positive(t, l.requests)
	l.send(120, true, false)
	require.Len(t, l.frames[1], 11)
	require.EqualValues(t, 1, l.Stats().Layers.Sources)
	counted := l.Stats().Layers
	require.Equal(t, counted.FramesIn, counted.FramesOut+counted.FramesDropped())
	l.Detach(l.epoch.Add(5 * time.Second))
	l.layer.ssrc = 3
	l.send(160, true, false)
	l.send(161, false, false)
	require.Len(t, l.frames[1], 11, "the clock of the publisher before has gone with it")
	require.EqualValues(t, 2, l.Stats().Layers.Sources)
}

func TestLayerOptions(t *testing.T) {
	emit := func(Frame) {}
	require.NoError(t, Options{Video: VP8, Layers: 3, Emit: emit}.Validate())
	require.ErrorContains(t, Options{Video: VP8, Layers: 4, Emit: emit}.Validate(), "layers")
	require.ErrorContains(t, Options{Audio: Opus, Layers: 1, Emit: emit}.Validate(), "layers")
}

// The smaller picture that comes before the first of the video track belongs to it.
func TestLayerComesFirst(t *testing.T) {
	l := newLayerRig(t)
	for n := range 3 {
		l.send(n, false, false)
	}
	require.Empty(t, l.frames[0])
	for n := 3; n < 6; n++ {
		l.send(n, n == 3, false)
	}
	require.Len(t, l.frames[0], 3)
	require.Len(t, l.frames[1], 3)
	for i, f := range l.frames[1] {
		require.Equal(t, i == 0, f.Key)
		require.Equal(t, l.frames[0][i].RTPTime+7, f.RTPTime)
	}
}
