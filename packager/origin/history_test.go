package origin

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/timeline"
)

func eventTiming() timeline.Timing {
	return timeline.Timing{Segment: 2 * time.Second, Part: 200 * time.Millisecond, Window: time.Minute, Event: true}
}

func (d *document) text() []byte { return append(bytes.Clone(d.identity().head), d.identity().body...) }

func (d *document) unpacked(t *testing.T) []byte {
	v := d.gzip()
	r, err := gzip.NewReader(io.MultiReader(bytes.NewReader(v.head), bytes.NewReader(v.body)))
	require.NoError(t, err)
	r.Multistream(false) // browsers read no second member
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return text
}

// TestEventPlaylist holds each version against what would be rendered as a whole.
func TestEventPlaylist(t *testing.T) {
	p := broadcast(t, eventTiming(), 60)
	tags := map[string]bool{}
	for range 100 {
		p.add(3)
		now := p.snapshot.Load().playlist("180p")
		want := string(now.render(0))
		require.Equal(t, want, string(now.full.text()))
		require.Equal(t, want, string(now.full.unpacked(t)))
		require.Contains(t, want, "#EXT-X-PLAYLIST-TYPE:EVENT\n")
		tags[now.full.identity().etag[0]] = true
	}
	require.Len(t, tags, 100)

	old := p.snapshot.Load().playlist("180p")
	p.add(2 * chunkSegments)
	newest := p.snapshot.Load().playlist("180p")
	require.Equal(t, string(newest.render(0)), string(newest.full.text()))
	require.Equal(t, string(old.render(0)), string(old.full.text()), "what was asked for before the history grew")

	require.True(t, p.timeline.Shorten())
	p.add(1)
	shorter := p.snapshot.Load().playlist("180p")
	require.Equal(t, string(shorter.render(0)), string(shorter.full.text()))
	require.NotContains(t, string(shorter.full.text()), "EVENT")
	require.Contains(t, string(newest.full.text()), "EVENT", "what somebody has stays as it is")
	require.Contains(t, string(shorter.delta.text()), "#EXT-X-SKIP:SKIPPED-SEGMENTS=")
}

// BenchmarkEventPlaylist is a whole playlist and a delta update of a broadcast of an hour and of a day, rendered and compressed for one
// more segment.
func BenchmarkEventPlaylist(b *testing.B) {
	for _, hours := range []int{1, 24} {
		p := broadcast(b, eventTiming(), hours*1800)
		of := p.Snapshot().Playlists[0]
		full := p.newPlaylist(of).full
		full.gzip()
		b.Run((time.Duration(hours) * time.Hour).String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				now := p.newPlaylist(of)
				now.full.gzip()
				now.delta.gzip()
			}
			b.ReportMetric(float64(len(full.text())), "bytes")
			b.ReportMetric(float64(len(full.gzip().head)+len(full.gzip().body)), "packed-bytes")
		})
	}
}
