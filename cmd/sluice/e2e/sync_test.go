package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// syncCase is a publisher whose sound and picture were sent at the same instant.
type syncCase struct {
	name   string
	codec  coding
	from   time.Duration // when it has to be in sync
	script func(p *publisher)
	long   bool // only the benchmark has it: another one resembles it
}

func syncCases() []syncCase {
	const settled = 6 * time.Second // five after the reports
	quiet := within(8*time.Second+500*time.Millisecond, 13*time.Second+500*time.Millisecond)
	burst := within(8500*time.Millisecond, 8800*time.Millisecond)
	late := within(0, 10*time.Second)
	return []syncCase{
		{"as it comes", vp8, settled, nil, false},
		{"as it comes in VP9", vp9, settled, nil, true},
		{"as it comes in H.264", h264, settled, nil, false},
		{"as it comes in AV1", av1, settled, nil, true},
		{"video delayed by 300 ms on the way", vp8, settled, func(p *publisher) { p.video.delay = 300 * time.Millisecond }, false},
		{"audio delayed by 300 ms on the way", vp8, settled, func(p *publisher) { p.audio.delay = 300 * time.Millisecond }, true},
		{"audio silent for 5 s", vp8, settled, func(p *publisher) { p.audio.quiet = quiet }, false},
		{"video silent for 5 s", vp8, settled, func(p *publisher) { p.video.quiet = quiet }, true},
		{"audio 10 s late", vp8, 10 * time.Second, func(p *publisher) { p.audio.quiet = late }, true},
		{"video 10 s late", vp8, 10 * time.Second, func(p *publisher) { p.video.quiet = late }, false},
		{"burst of loss", vp8, settled, func(p *publisher) { p.video.lose, p.audio.lose = burst, burst }, false},
	}
}

// startSyncService is one for all cases: what has ended stays for as long as it takes to look at it.
func startSyncService(t testing.TB) *service {
	return startService(t, "--ladder", smallRung, "--linger", "0s", "--window", "120s")
}

// Sound and picture that were sent at the same instant come out at the same instant, in what was recorded and in what is
// served, whatever happened on the way.
func TestLipSync(t *testing.T) {
	t.Parallel() // and its parts in turn
	s := startSyncService(t)
	for _, c := range syncCases() {
		if c.long {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			alongside(t, light)
			c.check(t, s)
		})
	}
}

// BenchmarkLipSync is TestLipSync with every case.
func BenchmarkLipSync(b *testing.B) {
	s := startSyncService(b)
	for _, c := range syncCases() {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(c.check(b, s).Milliseconds()), "ms-apart")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// check returns by how much sound and picture were apart at most.
func (c syncCase) check(t testing.TB, s *service) (apart time.Duration) {
	t.Helper()
	name := sanitize(filepath.Base(t.Name()))
	clip, err := makeClip(c.codec)
	require.NoError(t, err)
	p := publishClip(t, s, name, clip)
	if c.script != nil {
		c.script(p)
	}
	p.sendAll()
	requireAccounted(t, s, name)
	p.stop()
	recording := s.recording(name)
	sources, err := filepath.Glob(filepath.Join(recording, "source-1.*"))
	require.NoError(t, err)
	require.Len(t, sources, 1)
	if c.script == nil {
		requireSourceKept(t, clip, sources[0])
	}
	inputs := map[string]string{
		"recorded source": sources[0],
		"HLS":             s.base + "/live/" + name + "/index.m3u8",
	}
	if c.script == nil { // the same segments
		inputs["DASH"] = s.base + "/live/" + name + "/manifest.mpd"
		inputs["recorded MP4"] = filepath.Join(recording, "video.mp4")
	}
	for what, input := range inputs {
		flashes, beeps := flashesAndBeeps(t, input)
		apart = max(apart, requireSync(t, what, c.from, flashes, beeps))
	}
	return apart
}

// requireAccounted asserts that every frame that came in went out or was dropped for a reason.
func requireAccounted(t testing.TB, s *service, name string) {
	t.Helper()
	for _, kind := range []string{"video", "audio"} {
		var in, out, dropped float64
		eventually(t, func() bool {
			before := in
			in, out, dropped = s.frames(name, kind)
			return in == before && out > 0 && in == out+dropped
		}, "%s frames: %s", kind, func() string { return fmt.Sprintf("in %v, out %v, dropped %v", in, out, dropped) })
		t.Logf("%s: %.0f frames in, %.0f out, %.0f dropped", kind, in, out, dropped)
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
