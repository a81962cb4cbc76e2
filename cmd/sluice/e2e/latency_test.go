package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/conformance"
)

// With each value of the key latency that is not the default, playlists and MPD tell players how far to stay behind, and a player that takes
// everything at the live edge finds every rule kept: parts of the length that is announced, pictures and sound alike.
func TestLatencies(t *testing.T) {
	t.Parallel() // and its parts in turn
	for _, latency := range []struct {
		name          string
		segments      int
		playlist, mpd []string
	}{
		{
			"ultra", 7,
			[]string{"#EXT-X-TARGETDURATION:2\n", "PART-HOLD-BACK=0.321,HOLD-BACK=6.000", "PART-TARGET=0.107\n"},
			[]string{`target="400" max="2000" min="300"`, `availabilityTimeOffset="1.9"`, `availabilityTimeOffset="1.893"`, `suggestedPresentationDelay="PT5S"`},
		},
		{
			"normal", 7,
			[]string{"#EXT-X-TARGETDURATION:4\n", "PART-HOLD-BACK=2.135,HOLD-BACK=12.000", "PART-TARGET=0.427\n"},
			[]string{`target="2400" max="6000" min="1600"`, `availabilityTimeOffset="3.6"`, `availabilityTimeOffset="3.573"`, `suggestedPresentationDelay="PT10S"`},
		},
	} {
		t.Run(latency.name, func(t *testing.T) {
			alongside(t, atLength(light))
			s := startService(t, "--ladder", smallRung, "--linger", "1s", "--latency", latency.name)
			p := newPublisher(t, s, "cam")
			visits := collect(t, &conformance.Collector{Base: s.base + "/live/cam/", LowLatency: true})
			p.send()
			s.waitState("cam", "live")
			for _, media := range []string{"240p", "audio"} {
				playlist := s.waitMoreListed("/live/cam/"+media+".m3u8", latency.segments)
				for _, want := range latency.playlist {
					require.Contains(t, playlist, want, media)
				}
			}
			_, _, mpd := s.get("/live/cam/manifest.mpd")
			for _, want := range latency.mpd {
				require.Contains(t, string(mpd), want)
			}
			p.stop()
			s.waitState("cam", "ended")
			requireConforms(t, visits())
		})
	}
}
