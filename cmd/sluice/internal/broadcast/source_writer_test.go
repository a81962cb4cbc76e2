package broadcast

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/recording"
)

// Key frames that a file can begin with, as short as that goes.
const (
	h264Key = "\x00\x00\x00\x01\x67\x42\xc0\x1f\x8c\x00\x00\x00\x01\x68\xce\x3c\x80\x00\x00\x01\x65\x88"
	av1Key  = "\x12\x00\x0a\x0b\x00\x00\x00\x04\x3c\xff\xbc\xff\xf9\x88\x40\x32\x01\xaa"
)

// sourceStep is a frame at a time in milliseconds.
type sourceStep struct {
	ms   int64
	f    depay.Frame
	with depay.Codec // the video of the run
}

func TestSourceFilesByCodec(t *testing.T) {
	sound := func(ms int64, with depay.Codec) sourceStep {
		return sourceStep{ms, depay.Frame{Codec: depay.Opus, Data: []byte("sound")}, with}
	}
	picture := func(ms int64, codec depay.Codec, key bool, data string) sourceStep {
		return sourceStep{ms, depay.Frame{Codec: codec, Key: key, Data: []byte(data)}, codec}
	}
	for _, c := range []struct {
		name  string
		steps []sourceStep
		want  []string // files
	}{
		{"H.264", []sourceStep{picture(0, depay.H264, true, h264Key)}, []string{"source-1.mkv"}},
		{"AV1", []sourceStep{picture(0, depay.AV1, true, av1Key)}, []string{"source-1.webm"}},
		{"VP9", []sourceStep{sound(0, depay.VP9), picture(20, depay.VP9, true, "key")}, []string{"source-1.webm"}},
		{"sound a little before H.264", []sourceStep{sound(0, depay.H264), sound(20, depay.H264), picture(30, depay.H264, true, h264Key)},
			[]string{"source-1.mkv"}},
		{"sound long before H.264", []sourceStep{sound(0, depay.H264), sound(2000, depay.H264), sound(4000, depay.H264),
			picture(4010, depay.H264, false, "\x00\x00\x01\x41"), sound(4020, depay.H264), picture(5000, depay.H264, true, h264Key),
			sound(5020, depay.H264)}, []string{"source-1.webm", "source-2.mkv"}},
		{"only sound, and not for long", []sourceStep{sound(0, depay.H264), sound(20, depay.H264)}, []string{"source-1.webm"}},
		{"a picture that needs another one", []sourceStep{picture(0, depay.H264, false, "\x00\x00\x01\x41")}, []string{}},
		{"a key frame without parameter sets", []sourceStep{picture(0, depay.H264, true, "\x00\x00\x01\x65\x88"), picture(30, depay.H264, true, h264Key)},
			[]string{"source-1.mkv"}},
		{"another codec", []sourceStep{picture(0, depay.VP8, true, "key"), sound(20, depay.H264), picture(30, depay.H264, true, h264Key),
			picture(60, depay.AV1, true, av1Key)}, []string{"source-1.webm", "source-2.mkv", "source-3.webm"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := packager.New(packager.Options{LiveDir: t.TempDir(), RecordingsDir: t.TempDir(), Record: true, Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			stream, err := p.Open("cam")
			require.NoError(t, err)
			kept, zero := stream.Recording(), time.Now()
			w := &sourceWriter{current: func() *recording.Recording { return kept }, log: slog.New(slog.DiscardHandler)}
			for _, step := range c.steps {
				step.f.PTS = step.ms * step.f.Codec.ClockRate() / 1000
				w.record(sourceFrame{step.f, zero, step.with, depay.Opus, false})
				require.False(t, w.failed)
			}
			w.finish()
			require.Equal(t, c.want, kept.Info().Sources)
			require.Empty(t, w.waiting)
		})
	}
}
