package webm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/webm"
)

const codecFPS = 25

// encode is 2 s of a moving picture as packets of one codec, in whatever way ffmpeg has for a pipe.
func encode(t *testing.T, format string, args ...string) []byte {
	t.Helper()
	args = append([]string{"-f", "lavfi", "-i", "testsrc2=size=178x98:rate=25:duration=2"}, args...)
	return run(t, nil, "ffmpeg", append(args, "-g", "25", "-f", format, "-")...)
}

// packets is an IVF file's frames, with a key frame every second.
func packets(t *testing.T, file []byte) (frames []frame) {
	t.Helper()
	r, err := ivf.NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	for i := 0; ; i++ {
		_, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		require.NoError(t, err)
		frames = append(frames, frame{webm.Video, time.Duration(i) * time.Second / codecFPS, i%codecFPS == 0, bytes.Clone(data)})
	}
}

// accessUnits is an Annex B stream's pictures, each of which begins with an access unit delimiter.
func accessUnits(t *testing.T, stream []byte) (frames []frame) {
	t.Helper()
	for i, unit := range bytes.Split(stream, []byte("\x00\x00\x00\x01\x09"))[1:] {
		data := append([]byte("\x00\x00\x00\x01\x09"), unit...)
		frames = append(frames, frame{webm.Video, time.Duration(i) * time.Second / codecFPS, i%codecFPS == 0, data})
	}
	return frames
}

// fixture is a video, and what ffmpeg, reading its file, must find in a sample.
type fixture struct {
	name, codec, extension string
	frames                 func(t *testing.T) []frame
	stored                 func(f []byte) []byte
	private                bool // the file has CodecPrivate
}

func fixtures() []fixture {
	asIs := func(f []byte) []byte { return f }
	h264 := func(profile string) func(t *testing.T) []frame {
		return func(t *testing.T) []frame {
			return accessUnits(t, encode(t, "h264", "-c:v", "libx264", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-profile:v", profile,
				"-x264-params", "aud=1"))
		}
	}
	av1 := func(args ...string) func(t *testing.T) []frame {
		return func(t *testing.T) []frame {
			return packets(t, encode(t, "ivf", append([]string{"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0"},
				args...)...))
		}
	}
	vp9 := func(t *testing.T) []frame {
		return packets(t, encode(t, "ivf", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0"))
	}
	return []fixture{
		{"VP9", webm.VP9, "webm", vp9, asIs, false},
		{"AV1", webm.AV1, "webm", av1("-pix_fmt", "yuv420p"), withoutDelimiter, true},
		{"AV1 of 10 bits, in BT.709 colours", webm.AV1, "webm", av1("-pix_fmt", "yuv420p10le", "-color_primaries", "bt709", "-color_trc", "bt709",
			"-colorspace", "bt709"), withoutDelimiter, true},
		{"AV1 of 4:4:4", webm.AV1, "webm", av1("-pix_fmt", "yuv444p"), withoutDelimiter, true},
		{"H.264 of Baseline profile", webm.H264, "mkv", h264("baseline"), lengthPrefixed, true},
		{"H.264 of High profile", webm.H264, "mkv", h264("high"), lengthPrefixed, true},
	}
}

// withoutDelimiter takes off the temporal delimiter that begins every temporal unit of an encoder.
func withoutDelimiter(f []byte) []byte { return bytes.TrimPrefix(f, []byte{0x12, 0}) }

// lengthPrefixed is an independent way to what appendH264 does, for streams whose start codes all have a zero more or less.
func lengthPrefixed(f []byte) (sample []byte) {
	f = bytes.ReplaceAll(f, []byte{0, 0, 0, 1}, []byte{0, 0, 1})
	for _, unit := range bytes.Split(f, []byte{0, 0, 1})[1:] {
		sample = append(binary.BigEndian.AppendUint32(sample, uint32(len(unit))), unit...)
	}
	return sample
}

func writeVideo(t *testing.T, w io.Writer, codec string, frames []frame) webm.Options {
	t.Helper()
	o := webm.Options{Video: &webm.VideoTrack{Codec: codec, Width: 178, Height: 98, KeyFrame: frames[0].data}}
	file, err := webm.NewWriter(w, o)
	require.NoError(t, err)
	write(t, file, frames)
	require.NoError(t, file.Close())
	return o
}

// Every codec is decoded by ffmpeg, and comes out of the file bit by bit but for the mapping that the package names.
func TestEveryCodecIsStoredBitByBit(t *testing.T) {
	for _, c := range fixtures() {
		t.Run(c.name, func(t *testing.T) {
			frames := c.frames(t)
			require.Len(t, frames, 2*codecFPS)
			var file bytes.Buffer
			o := writeVideo(t, &file, c.codec, frames)
			require.Equal(t, c.extension, o.Extension())
			decoded := run(t, file.Bytes(), "ffmpeg", "-xerror", "-err_detect", "explode", "-f", "matroska", "-i", "-", "-f", "framemd5", "-")
			require.Equal(t, len(frames), bytes.Count(decoded, []byte("\n0,")))

			d := parse(t, file.Bytes())
			require.Equal(t, map[string]string{"webm": "webm", "mkv": "matroska"}[c.extension], d.Header.DocType)
			var stored, want [][]byte
			for _, cluster := range d.Segment.Cluster {
				for _, block := range cluster.SimpleBlock {
					stored = append(stored, slices.Concat(block.Data...))
				}
			}
			for _, f := range frames {
				want = append(want, c.stored(f.data))
			}
			require.Equal(t, want, stored)
			var setUp []byte
			if c.private {
				setUp = privateOfFFmpeg(t, c.codec, frames)
			}
			require.Equal(t, setUp, private(t, file.Bytes()))
			// Sizes, times and key frames are understood: ffmpeg has them the same after copying.
			copied := run(t, file.Bytes(), "ffmpeg", "-f", "matroska", "-i", "-", "-c", "copy", "-f", "matroska", "-")
			require.Equal(t, probe(t, copied), probe(t, file.Bytes()))
		})
	}
}

// privateOfFFmpeg is what ffmpeg makes of the raw stream itself: another's opinion of what belongs there.
func privateOfFFmpeg(t *testing.T, codec string, frames []frame) []byte {
	t.Helper()
	format := map[string]string{webm.H264: "h264", webm.AV1: "obu"}[codec]
	file := run(t, slices.Concat(payloads(frames)...), "ffmpeg", "-f", format, "-i", "-", "-c", "copy", "-f", "matroska", "-")
	return private(t, file)
}

func private(t *testing.T, file []byte) []byte {
	t.Helper()
	return parse(t, file).Segment.Tracks.TrackEntry[0].CodecPrivate
}

func TestKeyFramesThatSetUpNoDecoder(t *testing.T) {
	for _, c := range []struct {
		name, codec, key, want string
	}{
		{"H.264: none", webm.H264, "", "without SPS and PPS"},
		{"H.264: no parameter sets", webm.H264, "\x00\x00\x01\x65\x88", "without SPS and PPS"},
		{"H.264: no PPS", webm.H264, "\x00\x00\x01\x67\x42\xc0\x1f\x8c", "without SPS and PPS"},
		{"H.264: SPS too short", webm.H264, "\x00\x00\x01\x67\x42\x00\x00\x01\x68\xce", "without SPS and PPS"},
		{"AV1: none", webm.AV1, "", "without sequence header"},
		{"AV1: only a temporal delimiter", webm.AV1, "\x12\x00", "without sequence header"},
		{"AV1: longer than it is", webm.AV1, "\x0a\x7f\x00", "without sequence header"},
		{"AV1: cut short", webm.AV1, "\x0a\x02\x00\x00", "truncated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := webm.NewWriter(io.Discard, webm.Options{Video: &webm.VideoTrack{Codec: c.codec, Width: 16, Height: 16, KeyFrame: []byte(c.key)}})
			require.ErrorContains(t, err, c.want)
		})
	}
}
