package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// While the publisher is away viewers see the slate, and then its pictures again, in one ffmpeg run and without a discontinuity.
func TestSlate(t *testing.T) {
	alongside(t, atLength(light))
	slate := filepath.Join(t.TempDir(), "slate.png")
	ffmpeg(t, "-f", "lavfi", "-i", "color=red:s=1600x900", "-frames:v", "1", slate)
	inTime(t, func() (restarts int) {
		s := startService(t, "--ladder", smallRung, "--linger", "20s", "--window", "5m", "--slate", slate)
		away := publishTwice(t, s, "desk")
		if restarts = s.stream("desk").Encoder.Restarts; restarts > 0 {
			return restarts
		}
		status, _, playlist := s.get("/live/desk/240p.m3u8")
		require.Equal(t, 200, status)
		require.NotContains(t, string(playlist), "#EXT-X-DISCONTINUITY\n")
		shown := redPictures(t, s.base+"/live/desk/index.m3u8")
		require.Len(t, shown, 4, "the publisher, the slate, the publisher, the slate: %v", shown)
		require.InDelta(t, away.Seconds(), (shown[2] - shown[1]).Seconds(), 3, "%v", shown)
		return 0
	})
}

// publishTwice has a publisher go away for a while, come back, and leave without a word; it returns how long it was away.
func publishTwice(t *testing.T, s *service, name string) (away time.Duration) {
	t.Helper()
	p := newPublisher(t, s, name)
	p.send()
	s.waitState(name, "live")
	s.waitMoreListed("/live/"+name+"/240p.m3u8", 2)
	p.stop()
	left := time.Now()
	lapse(5 * time.Second)
	p = newPublisher(t, s, name)
	p.send()
	away = time.Since(left)
	s.waitMoreListed("/live/"+name+"/240p.m3u8", 2)
	p.vanish()
	s.waitState(name, "ended")
	return away
}

// redPictures returns when the picture begins to be red, or begins not to be, in turn; not to be is first.
func redPictures(t *testing.T, input string) (since []time.Duration) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "chroma")
	ffmpeg(t, "-i", input, "-map", "0:v:0", "-vf", "signalstats,metadata=mode=print:key=lavfi.signalstats.VAVG:file="+file, "-f", "null", "-")
	printed, err := os.ReadFile(file)
	require.NoError(t, err)
	var at time.Duration
	for line := range strings.Lines(string(printed)) {
		if _, pts, ok := strings.Cut(line, "pts_time:"); ok {
			at = seconds(t, pts)
		}
		if _, chroma, ok := strings.Cut(line, "VAVG="); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(chroma), 64)
			require.NoError(t, err)
			if red := value > 200; red == (len(since)%2 == 1) {
				since = append(since, at)
			}
		}
	}
	return since
}
