package broadcast

import (
	"testing"
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
