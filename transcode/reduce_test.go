package transcode

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReduceSteps goes down one step at a time: preset, rendition, preset … and at last the size.
func TestReduceSteps(t *testing.T) {
	for _, c := range []struct {
		name  string
		whole Ladder
		want  []string
	}{
		{"default", DefaultLadder(), []string{
			"720p 480p 240p, best 1280x720 ultrafast",
			"480p 240p, best 854x480 veryfast", "480p 240p, best 854x480 ultrafast",
			"240p, best 426x240 veryfast", "240p, best 426x240 ultrafast",
		}},
		{"one rendition", DefaultLadder()[:1], []string{
			"720p, best 1280x720 ultrafast", "720p, best 640x360 ultrafast", "720p, best 320x180 ultrafast",
		}},
		{"fastest already", Ladder{{Name: "240p", Width: 426, Height: 240, FPS: 30, Bitrate: 400_000, Preset: "ultrafast"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			whole := append(Ladder(nil), c.whole...)
			for l := c.whole.step(); l != nil; l = l.step() {
				require.NoError(t, l.Validate())
				got = append(got, fmt.Sprintf("%s, best %dx%d %s", l, l[0].Width, l[0].Height, l[0].X264Preset()))
			}
			require.Equal(t, c.want, got)
			require.Equal(t, whole, c.whole, "the ladder itself stays as it is")
		})
	}
}

func TestReduce(t *testing.T) {
	for _, c := range []struct {
		speed float64
		want  string
	}{{2, "720p 480p 240p"}, {0.99, "720p 480p 240p"}, {0.7, "480p 240p"}, {0.5, "240p"}, {0.01, "240p"}, {0, "240p"}} {
		got, ok := DefaultLadder().Reduce(c.speed)
		require.True(t, ok)
		require.Equal(t, c.want, got.String(), "at %v: %.2f of %.2f units", c.speed, got.units(), DefaultLadder().units())
		require.Less(t, got.units(), DefaultLadder().units())
	}
	least, _ := DefaultLadder().Reduce(0)
	same, ok := least.Reduce(0)
	require.False(t, ok)
	require.Equal(t, least, same)
}
