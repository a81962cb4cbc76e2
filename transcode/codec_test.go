package transcode

import (
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

// codecLadder is cheap to encode, and has each codec.
func codecLadder() Ladder {
	return Ladder{
		{Name: "90p", Width: 160, Height: 90, FPS: 30, Bitrate: 150_000},
		{Name: "90p-h265", Width: 160, Height: 90, FPS: 30, Bitrate: 150_000, Codec: H265},
		{Name: "90p-av1", Width: 160, Height: 90, FPS: 30, Bitrate: 150_000, Codec: AV1},
	}
}

// probed is what ffprobe says of a file's video.
type probed struct {
	Codec  string `json:"codec_name"`
	Tag    string `json:"codec_tag_string"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Format string `json:"pix_fmt"`
	Late   int    `json:"has_b_frames"`
	Rate   string `json:"r_frame_rate"`
}

func probeVideo(t *testing.T, name string) probed {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-show_streams", "-of", "json", name).Output()
	require.NoError(t, err)
	var found struct{ Streams []probed }
	require.NoError(t, json.Unmarshal(out, &found))
	require.Len(t, found.Streams, 1)
	return found.Streams[0]
}

// TestCodecs encodes each codec into the same parts, key frames at the same places, which ffprobe and the decoders take.
func TestCodecs(t *testing.T) {
	o := Options{Dir: t.TempDir(), Video: depay.VP8, Ladder: codecLadder(), Thumbnail: -1, Stall: patience, Grace: patience}
	require.EqualValues(t, 60, play(t, o, vp8Clip(t, "testsrc2=s=160x90:r=30", 2)).Stats().Progress.Frame)
	for i, want := range []probed{{Codec: "h264", Tag: "avc1"}, {Codec: "hevc", Tag: "hvc1"}, {Codec: "av1", Tag: "av01"}} {
		r := o.Representations()[i]
		require.Len(t, segments(t, o.Dir, r), 1, r.Rendition.Name)
		name := joined(t, o.Dir, r)
		want.Width, want.Height, want.Format, want.Rate = 160, 90, "yuv420p", "30/1"
		require.Equal(t, want, probeVideo(t, name))
		ffmpegOutput(t, "-xerror", "-err_detect", "explode", "-i", name, "-f", "null", "-")
		requireSteadyParts(t, name, 10)
	}
}

// requireSteadyParts requires so many parts of 0.2 s from 0 on, with a key frame each second and nowhere else.
func requireSteadyParts(t *testing.T, name string, count int) {
	t.Helper()
	timescale, parts := fragments(t, name)
	require.Len(t, parts, count)
	for i, p := range parts {
		require.EqualValues(t, uint64(i)*uint64(timescale)/5, p.decodeTime, "part %d", i)
		require.EqualValues(t, timescale/5, p.duration, "part %d", i)
		require.Equal(t, i%5 == 0, p.key, "part %d", i)
	}
}

// TestH265BesidePassthrough has H.265 begin its groups of pictures where a publisher of H.264 does.
func TestH265BesidePassthrough(t *testing.T) {
	o := Options{Dir: t.TempDir(), Video: depay.H264, Passthrough: passedThrough(), Ladder: codecLadder()[1:2], Thumbnail: -1, Stall: patience, Grace: patience}
	play(t, o, videoClip(t, depay.H264, "testsrc2=s=640x360:r=30", 4, "-g", "30"))
	keys := make([][]uint64, 2)
	for i, r := range o.Representations() {
		timescale, parts := fragments(t, joined(t, o.Dir, r))
		require.Len(t, segments(t, o.Dir, r), 2)
		for _, p := range parts {
			if p.key {
				keys[i] = append(keys[i], p.decodeTime*1000/uint64(timescale))
			}
		}
	}
	require.Equal(t, []uint64{0, 1000, 2000, 3000}, keys[0])
	require.Equal(t, keys[0], keys[1])
}

func TestMissingEncoders(t *testing.T) {
	b := Build{Version: "5.1", Features: []Feature{{Name: "libx264", Kind: "encoder", Present: true}, {Name: "libx265", Kind: "encoder"}, {Name: "libsvtav1", Kind: "encoder", Present: true}}}
	require.ErrorContains(t, b.Missing(codecLadder()), `rendition "90p-h265": ffmpeg 5.1 was built without the encoder libx265: apt-get install ffmpeg`)
	b.Features[1].Present = true
	require.NoError(t, b.Missing(codecLadder()))
}

// TestJudge says when a machine cannot encode what is configured, and what to do.
func TestJudge(t *testing.T) {
	l := Ladder{
		{Name: "720p", Width: 1280, Height: 720, FPS: 30, Bitrate: 2_800_000},
		{Name: "720p-h265", Width: 1280, Height: 720, FPS: 30, Bitrate: 2_000_000, Codec: H265},
	}
	reason, slow := l.judge(8, 0.3)
	require.False(t, slow)
	require.Contains(t, reason, "as configured; estimated at 1.38 of 8 cores")
	reason, slow = l.judge(1, 0.3)
	require.True(t, slow)
	require.Contains(t, reason, "too much to encode in real time: 720p-h265 will be the first to go")
	reason, slow = l[:1].judge(1, 2)
	require.True(t, slow)
	require.Contains(t, reason, "make them smaller")
}

// TestReduceCodecs takes the expensive codecs away before anything of H.264.
func TestReduceCodecs(t *testing.T) {
	l := append(smallLadder(), Rendition{Name: "180p-av1", Width: 320, Height: 180, FPS: 30, Bitrate: 300_000, Codec: AV1},
		Rendition{Name: "180p-h265", Width: 320, Height: 180, FPS: 30, Bitrate: 300_000, Codec: H265})
	var steps []string
	for at := l.step(); at != nil; at = at.step() {
		steps = append(steps, at.String())
	}
	require.Equal(t, []string{"180p 90p 180p-av1", "180p 90p", "180p 90p", "90p", "90p"}, steps)
	require.Equal(t, "180p 90p 180p-av1", l.Regain(l.step().step())[0].String(), "and the last comes back first")
}
