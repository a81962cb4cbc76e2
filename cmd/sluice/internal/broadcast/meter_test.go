package broadcast

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

func TestMeter(t *testing.T) {
	key := func(width, height uint16) depay.Frame {
		return depay.Frame{Codec: depay.VP8, Key: true, Width: width, Height: height}
	}
	delta, sound := depay.Frame{Codec: depay.VP8}, depay.Frame{Codec: depay.Opus}
	for name, tc := range map[string]struct {
		frames []depay.Frame
		want   Video
	}{
		"nothing":            {nil, Video{640, 480, 0}},
		"between key frames": {[]depay.Frame{delta, delta, delta, delta}, Video{640, 480, 2}},
		"sound":              {[]depay.Frame{sound, delta, sound, delta}, Video{640, 480, 1}},
		"turned":             {[]depay.Frame{delta, key(480, 640)}, Video{480, 640, 1}},
		"twice":              {[]depay.Frame{key(320, 180), key(1280, 720)}, Video{1280, 720, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var m meter
			now := time.Now()
			m.count(key(640, 480))
			m.measure(now)
			for _, f := range tc.frames {
				m.count(f)
			}
			require.Equal(t, tc.want, m.measure(now.Add(2*time.Second)))
			require.Equal(t, tc.want, m.measure(now.Add(2*time.Second)), "no time has passed: the rate stays")
		})
	}
}

// Each 30 frames are told of, at debug.
func TestMeterTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		m := meter{log: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		for n := range 2*loggedFrames + 1 {
			m.count(depay.Frame{Codec: depay.VP8, Key: n == 0, Width: 640, Height: 480, Data: make([]byte, 100+n)})
			m.count(depay.Frame{Codec: depay.Opus, Data: make([]byte, 1)})
			time.Sleep(time.Second / 25)
		}
		require.Equal(t, 2, strings.Count(said.String(), "\n"))
		require.Contains(t, said.String(), "msg=frames fps=25 width=640 height=480 bytes=114 smallest=100 largest=129\n")
		require.Contains(t, said.String(), "smallest=130 largest=159\n")
	})
}
