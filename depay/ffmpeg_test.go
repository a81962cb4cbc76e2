package depay

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
)

// pictures decodes IVF, strictly, and returns a hash of each picture.
func pictures(t *testing.T, file []byte) (hashes []string) {
	return codectest.Pictures(t, file, "-f", "ivf")
}

// camera encodes 5 s of moving picture with a key frame each second.
func camera(t *testing.T) (file []byte, frames [][]byte) {
	file = codectest.FFmpeg(t, nil, "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30:duration=5", "-c:v", "libvpx", "-g", "30",
		"-deadline", "realtime", "-cpu-used", "8", "-error-resilient", "1", "-b:v", "1M", "-auto-alt-ref", "0", "-f", "ivf", "-")
	return file, codectest.Frames(t, file)
}

// TestDecodedPictures publishes a real stream that comes late, stalls, loses packets and ends. What ffmpeg decodes is black
// first, then every picture that came through exactly as without all that, and between them the last one again.
func TestDecodedPictures(t *testing.T) {
	file, frames := camera(t)
	want := pictures(t, file)
	require.Len(t, want, len(frames))
	r := newRig(t, VP8, 0)
	var s videoSource
	for n, data := range frames {
		at := 2*time.Second + time.Duration(n)*time.Second/30
		packets := s.packetize(videoTime(at), false, data)
		switch {
		case n == 50 || n == 100: // its end is lost
			packets = packets[:len(packets)-1]
		case n >= 70 && n < 85: // stalled
			at = 2*time.Second + 85*time.Second/30
		}
		r.arrive(at, Video, packets...)
	}
	r.on(7*time.Second, r.Detach)
	r.run(8 * time.Second)
	r.addsUp()
	var out bytes.Buffer
	w := ivf.NewWriter(&out, ivf.Header{FourCC: ivf.VP8, Width: 640, Height: 360})
	for _, f := range r.frames[Video] {
		require.NoError(t, w.WriteFrame(f.PTS, f.Data))
	}
	got := pictures(t, out.Bytes())
	require.Len(t, got, len(r.frames[Video]))
	numbers := numbering(s.sent)
	shown := got[0]
	for i, f := range r.frames[Video] {
		if !f.Filler {
			shown = want[numbers[string(f.Data)]]
		}
		require.Equal(t, shown, got[i], "picture %d, filler %v", i, f.Filler)
	}
	require.EqualValues(t, 120, r.Stats().Video.FramesOut, "two losses cost the rest of their seconds")
	require.Greater(t, r.Stats().Video.Fillers, uint64(60))
}

// numbering finds frames by their bytes.
func numbering(frames [][]byte) map[string]int {
	numbers := map[string]int{}
	for n, f := range frames {
		numbers[string(f)] = n
	}
	return numbers
}
