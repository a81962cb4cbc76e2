package depay

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/h264"
	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
)

// slates returns when the slate was emitted.
func (r *rig) slates() (at []time.Duration) {
	for i, f := range r.frames[Video] {
		if f.Filler && bytes.Equal(f.Data, r.opts.Slate) {
			require.True(r.t, f.Key)
			require.EqualValues(r.t, 640, f.Width)
			require.EqualValues(r.t, 480, f.Height)
			at = append(at, r.at[Video][i])
		}
	}
	return at
}

func TestSlate(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(r *rig, first, second *publisher)
		want []time.Duration
	}{
		{"publisher stays", func(r *rig, first, _ *publisher) { first.send(r, 0, 8*time.Second, 0, 0) }, nil},
		{"no picture, but nobody has gone", func(r *rig, first, _ *publisher) {
			first.mute = silent(Video, 3*time.Second, 6*time.Second)
			first.send(r, 0, 8*time.Second, 0, 0)
		}, nil},
		{"gone and back", func(r *rig, first, second *publisher) {
			first.send(r, 0, 3*time.Second, 0, 0)
			r.on(3*time.Second, r.Detach)
			second.send(r, 6*time.Second, 8*time.Second, 0, 0)
		}, []time.Duration{3500 * ms}},
		{"gone twice", func(r *rig, first, second *publisher) {
			first.send(r, 0, 2*time.Second, 0, 0)
			r.on(2*time.Second, r.Detach)
			second.send(r, 4*time.Second, 6*time.Second, 0, 0)
			r.on(6*time.Second, r.Detach)
			r.on(6100*ms, r.Detach)
		}, []time.Duration{2500 * ms, 6500 * ms}},
		{"taken over", func(r *rig, first, second *publisher) {
			first.send(r, 0, 3*time.Second, 0, 0)
			r.on(3*time.Second, r.Detach)
			second.send(r, 3300*ms, 8*time.Second, 0, 0)
		}, nil},
		{"followed by one without a picture", func(r *rig, first, second *publisher) {
			first.send(r, 0, 3*time.Second, 0, 0)
			r.on(3*time.Second, r.Detach)
			second.mute = silent(Video, 0, time.Hour)
			second.send(r, 3300*ms, 8*time.Second, 0, 0)
		}, []time.Duration{3500 * ms}},
		{"nobody from the start", func(*rig, *publisher, *publisher) {}, []time.Duration{1023 * ms}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, VP8, Opus)
			r.opts.Slate = testFrame(0, true, 900)
			var first, second publisher
			first.video.ssrc, first.audio.ssrc, second.video.ssrc, second.audio.ssrc = 1, 2, 3, 4
			c.play(r, &first, &second)
			r.run(8 * time.Second)
			r.addsUp()
			r.covered(Video, 170*ms)
			r.covered(Audio, 20*ms)
			shown := r.slates()
			require.Len(t, shown, len(c.want))
			for i, at := range shown {
				require.InDelta(t, c.want[i].Milliseconds(), at.Milliseconds(), 34)
			}
		})
	}
}

// The opening stands from the first moment on where no pictures come, until they do; what is no picture is left out.
func TestOpening(t *testing.T) {
	opening := testFrame(0, true, 900)
	r := newRig(t, VP8, Opus)
	r.opts.Opening = opening
	var camera publisher
	camera.mute = silent(Video, 0, 3*time.Second)
	camera.send(r, time.Second, 5*time.Second, 0, 0)
	r.run(5 * time.Second)
	r.covered(Video, 170*ms)
	shown := r.frames[Video][0]
	require.True(t, shown.Key && shown.Filler)
	require.Equal(t, opening, shown.Data)
	require.EqualValues(t, 640, shown.Width)
	require.Less(t, r.at[Video][0], 100*ms)
	i := slices.IndexFunc(r.frames[Video], func(f Frame) bool { return !f.Filler })
	require.InDelta(t, 4000, r.at[Video][i].Milliseconds(), 200)

	r = newRig(t, VP8, Opus)
	r.opts.Opening = []byte("opening")
	r.run(2 * time.Second)
	require.True(t, r.frames[Video][0].Key && r.frames[Video][0].Filler, "black")
}

func TestSlateOptions(t *testing.T) {
	key := testFrame(0, true, 900)
	for _, c := range []struct {
		name    string
		options Options
		says    string
	}{
		{"good", Options{Video: VP8, Slate: key}, ""},
		{"no video", Options{Audio: Opus, Slate: key}, "no video is declared"},
		{"no key frame", Options{Video: VP8, Slate: testFrame(0, false, 900)}, "no key frame"},
		{"no picture", Options{Video: VP8, Slate: []byte("slate")}, "slate: "},
		{"too many bytes", Options{Video: VP8, Slate: append(slices.Clone(key), make([]byte, maxFrameSize)...)}, "too much"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Emit = func(Frame) {}
			_, err := New(c.options)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
		})
	}
}

// What ffmpeg decodes is the publisher's pictures, the slate while it is away, and then its pictures again.
func TestSlateIsDecoded(t *testing.T) {
	t.Run("VP8", func(t *testing.T) {
		file, frames := camera(t)
		first, second := videoSource{}, videoSource{ssrc: 9}
		r := slateRig(t, VP8, frames)
		playTwice(r, frames,
			func(timestamp uint32, data []byte) []*rtp.Packet { return first.packetize(timestamp, false, data) },
			func(timestamp uint32, data []byte) []*rtp.Packet { return second.packetize(timestamp, false, data) })
		want := pictures(t, file)
		r.requireShown(want, want[0], ivf.VP8)
	})
	for codec, code := range map[Codec]string{VP9: ivf.VP9, AV1: ivf.AV1} {
		t.Run(codec.String(), func(t *testing.T) {
			file, frames := encoded(t, codec)
			first, second := newCodecSource(codec, false), newCodecSource(codec, false)
			second.ssrc = first.ssrc + 1
			r := slateRig(t, codec, frames)
			playTwice(r, frames, first.packetize, second.packetize)
			want := pictures(t, file)
			r.requireShown(want, want[0], code)
		})
	}
}

// An H.264 slate brings parameter sets of its own, and the publisher's come back with its key frame.
func TestSlateOfH264IsDecoded(t *testing.T) {
	frames := accessUnits(t, "testsrc2=size=320x180:rate=30:duration=5")
	slate := accessUnits(t, "color=red:size=640x360:rate=30:duration=0.03")[0]
	r := newRig(t, H264, 0)
	r.opts.Slate = slate
	playTwice(r, frames, slateSourceH264(1), slateSourceH264(2))
	all := append(slices.Clone(frames), slate)
	want := pictures(t, slateClipH264(t, all))
	require.Len(t, want, len(all))
	r.requireShown(want[:len(frames)], want[len(frames)], ivf.H264)
}

// accessUnits returns a source of ffmpeg's in H.264, with a key frame each second.
func accessUnits(t *testing.T, source string) (units [][]byte) {
	stream := codectest.FFmpeg(t, nil, "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-tune", "zerolatency",
		"-x264-params", "sliced-threads=0", "-g", "30", "-f", "h264", "-")
	var unit []byte
	for nal := range h264.Units(stream) {
		unit = append(h264.AppendStartCode(unit), nal...)
		if h264.Type(nal[0]).IsSlice() {
			units, unit = append(units, unit), nil
		}
	}
	return units
}

func slateClipH264(t *testing.T, units [][]byte) []byte {
	var out bytes.Buffer
	w := ivf.NewWriter(&out, ivf.Header{FourCC: ivf.H264, Width: 640, Height: 360})
	for i, unit := range units {
		require.NoError(t, w.WriteFrame(int64(i)*3000, unit))
	}
	return out.Bytes()
}

func slateSourceH264(ssrc uint32) func(timestamp uint32, data []byte) []*rtp.Packet {
	var sequence uint16
	payloader := &codecs.H264Payloader{}
	return func(timestamp uint32, data []byte) (packets []*rtp.Packet) {
		payloads := payloader.Payload(mtu, data)
		for i, payload := range payloads {
			sequence++
			packets = append(packets, &rtp.Packet{Header: rtp.Header{
				Version: 2, SSRC: ssrc, SequenceNumber: sequence, Timestamp: timestamp, Marker: i == len(payloads)-1,
			}, Payload: payload})
		}
		return packets
	}
}

// slateRig takes the first of the frames for a slate.
func slateRig(t *testing.T, codec Codec, frames [][]byte) *rig {
	r := newRig(t, codec, 0)
	r.opts.Slate = bytes.Clone(frames[0])
	return r
}

// playTwice sends all frames, is away for three seconds, and sends them again.
func playTwice(r *rig, frames [][]byte, packetize ...func(timestamp uint32, data []byte) []*rtp.Packet) {
	for n, data := range frames {
		for round, packets := range packetize {
			at := time.Duration(round)*8*time.Second + time.Duration(n)*time.Second/30
			r.arrive(at, Video, packets(videoTime(at), data)...)
		}
	}
	r.on(5*time.Second, r.Detach)
	r.run(9 * time.Second)
	r.addsUp()
}

// requireShown decodes what was emitted, where nothing was lost: want are the pictures of the frames, in turn.
func (r *rig) requireShown(want []string, slate, code string) {
	var out bytes.Buffer
	w := ivf.NewWriter(&out, ivf.Header{FourCC: code, Width: 640, Height: 360})
	for _, f := range r.frames[Video] {
		require.NoError(r.t, w.WriteFrame(f.PTS, f.Data))
	}
	got := pictures(r.t, out.Bytes())
	require.Len(r.t, got, len(r.frames[Video]))
	real, slates, shown := 0, 0, ""
	for i, f := range r.frames[Video] {
		switch {
		case !f.Filler:
			shown = want[real%len(want)]
			real++
		case f.Key:
			shown = slate
			slates++
		}
		require.Equal(r.t, shown, got[i], "picture %d, filler %v", i, f.Filler)
	}
	require.Equal(r.t, 1, slates)
	require.Greater(r.t, real, len(want))
}
