package transcode

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const progressBlocks = `frame=61
fps=30.12
stream_0_0_q=28.0
bitrate=N/A
total_size=N/A
out_time_us=2042667
out_time_ms=2042667
out_time=00:00:02.042667
dup_frames=3
drop_frames=1
speed=1.01x
progress=continue
frame=91
fps=29.9
out_time_us=N/A
speed=N/A
progress=end
`

func parseProgress(text string, chunk int) []Progress {
	var reports []Progress
	parser := progressParser{report: func(p Progress) { reports = append(reports, p) }}
	w := lineWriter{line: parser.line}
	for len(text) > 0 {
		n := min(chunk, len(text))
		_, _ = w.Write([]byte(text[:n]))
		text = text[n:]
	}
	w.flush()
	return reports
}

func TestProgress(t *testing.T) {
	first := Progress{Frame: 61, FPS: 30.12, Speed: 1.01, Drop: 1, Dup: 3, OutTime: 2042667 * time.Microsecond}
	second := first
	second.Frame, second.FPS = 91, 29.9
	for _, chunk := range []int{1, 7, 4096} {
		require.Equal(t, []Progress{first, second}, parseProgress(progressBlocks, chunk))
	}
}

func TestLinesAreBounded(t *testing.T) {
	var lines []string
	w := lineWriter{line: func(l []byte) { lines = append(lines, string(l)) }}
	_, _ = w.Write([]byte("a\r\n\nb" + strings.Repeat("x", 10*maxLine)))
	_, _ = w.Write([]byte("y\nc"))
	w.flush()
	require.Len(t, lines, 3)
	require.Equal(t, "a", lines[0])
	require.Len(t, lines[1], maxLine)
	require.Equal(t, "c", lines[2])
}

func FuzzProgress(f *testing.F) {
	f.Add(progressBlocks, 5)
	f.Add("speed=-1x\nspeed=NaN\nfps=1e999\nout_time_us=9223372036854775807\nprogress=\n", 1)
	f.Fuzz(func(t *testing.T, text string, chunk int) {
		for _, p := range parseProgress(text, max(chunk, 1)) {
			if p.Frame < 0 || p.Drop < 0 || p.Dup < 0 || p.OutTime < 0 || !(p.Speed >= 0) || !(p.FPS >= 0) {
				t.Errorf("report %+v", p)
			}
		}
	})
}
