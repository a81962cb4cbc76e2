package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Sound and picture that were sent at the same instant come out at the same instant, in what was recorded and in what is
// served, whatever happened on the way.
func TestLipSync(t *testing.T) {
	cases := []struct {
		name   string
		script func(p *publisher)
	}{
		{"as it comes", func(*publisher) {}},
		{"video delayed by 300 ms on the way", func(p *publisher) { p.video.delay = 300 * time.Millisecond }},
		{"audio delayed by 300 ms on the way", func(p *publisher) { p.audio.delay = 300 * time.Millisecond }},
		{"audio silent for 5 s", func(p *publisher) {
			p.audio.quiet = within(8*time.Second+500*time.Millisecond, 13*time.Second+500*time.Millisecond)
		}},
		{"video silent for 5 s", func(p *publisher) {
			p.video.quiet = within(8*time.Second+500*time.Millisecond, 13*time.Second+500*time.Millisecond)
		}},
		{"burst of loss", func(p *publisher) {
			p.video.lose = within(8500*time.Millisecond, 8800*time.Millisecond)
			p.audio.lose = within(8500*time.Millisecond, 8800*time.Millisecond)
		}},
	}
	s := startService(t, "--ladder", smallRung, "--linger", "1s")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			name := sanitize(filepath.Base(t.Name()))
			p := newPublisher(t, s, name)
			c.script(p)
			p.sendAll()
			requireAccounted(t, s, name)
			p.stop()
			recording := s.recording(name)
			const settled = 6 * time.Second // five after the reports
			for what, input := range map[string]string{
				"recorded MP4":    filepath.Join(recording, "video.mp4"),
				"recorded source": filepath.Join(recording, "source-1.webm"),
				"HLS":             s.base + "/live/" + name + "/index.m3u8",
				"DASH":            s.base + "/live/" + name + "/manifest.mpd",
			} {
				flashes, beeps := flashesAndBeeps(t, input)
				requireSync(t, what, settled, flashes, beeps)
			}
		})
	}
}

// requireAccounted asserts that every frame that came in went out or was dropped for a reason.
func requireAccounted(t *testing.T, s *service, name string) {
	t.Helper()
	for _, kind := range []string{"video", "audio"} {
		in, out, dropped := s.frames(name, kind)
		t.Logf("%s: %.0f frames in, %.0f out, %.0f dropped", kind, in, out, dropped)
		require.Positive(t, out)
		require.Equal(t, in, out+dropped, "%s frames", kind)
	}
}

// sanitize makes a stream's name of any text.
func sanitize(text string) string {
	name := []byte(text)
	for i, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			name[i] = '-'
		}
	}
	return string(name[:min(len(name), 60)])
}
