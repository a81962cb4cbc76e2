package origin

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/timeline"
)

// window is a minute of one rendition, published.
func window(t testing.TB) *Stream {
	return broadcast(t, timeline.Timing{Segment: 2 * time.Second, Part: 200 * time.Millisecond, Window: time.Minute}, 40).Stream
}

// published is a stream of one rendition that goes on.
type published struct {
	*Stream
	timeline *timeline.Timeline
	track    *timeline.Track
	count    int64 // of segments
}

// add lists so many segments more, and publishes them.
func (p *published) add(segments int) {
	part, each := int64(timeline.ToTicks(p.origin.timing.Part, 15360)), int64(p.origin.timing.Segment/p.origin.timing.Part)
	keys := int64(keyFrames(p.origin.timing) / p.origin.timing.Part)
	for range segments {
		var parts []timeline.Part
		for i := range each {
			parts = append(parts, timeline.Part{Offset: i, Size: 1, Start: (p.count*each + i) * part, Duration: part, Independent: i%keys == 0})
		}
		p.timeline.Grow(p.track, parts, each, 0)
		p.timeline.List(p.track, p.timeline.Whole(p.track, parts, each))
		p.timeline.TakeRecords()
		p.count++
	}
	p.Publish(p.timeline.Snapshot())
}

// keyFrames is the time between two: no more than the latency that is aimed at, and twice in a segment at least.
func keyFrames(t timeline.Timing) time.Duration {
	return min(t.Segment/2, time.Duration(t.Distance.WithDefaults().Target)*t.Part)
}

// broadcast has so many segments.
func broadcast(t testing.TB, timing timeline.Timing, segments int) *published {
	now := time.Date(2026, 11, 20, 19, 45, 0, 0, time.UTC)
	tl := timeline.New(timeline.Config{Timing: timing, Wall: func() time.Time { return now }})
	e, err := tl.Prepare(timeline.EpochOptions{KeyFrames: keyFrames(timing), Renditions: []timeline.Rendition{
		{ID: "180p", Rep: "0", Video: true, Width: 320, Height: 180, FPS: 30, Bitrate: 600_000},
	}})
	require.NoError(t, err)
	tl.Enter(e)
	k := e.Tracks()[0]
	k.SetInit(cmaf.Init{Timescale: 15360, Video: true, Codec: "avc1.42C01E", Width: 320, Height: 180})
	p := &published{Stream: New(timing, t.TempDir(), func(string) *Stream { return nil }).Stream("cam"), timeline: tl, track: k}
	p.add(segments)
	return p
}

// TestDocumentsAreRenderedOnce counts what is made, however many ask for it, and keeps what has not changed.
func TestDocumentsAreRenderedOnce(t *testing.T) {
	s := window(t)
	p := s.snapshot.Load().playlist("180p")
	for range 3 {
		require.NotEmpty(t, p.full.identity().body)
		require.NotEmpty(t, p.full.gzip().body)
	}
	require.EqualValues(t, 1, s.Renders())
	s.Publish(s.Snapshot())
	require.Same(t, p, s.snapshot.Load().playlist("180p"))
	again := *p.Playlist
	s.Publish(&timeline.Snapshot{Playlists: []*timeline.Playlist{&again}})
	<-p.changed
	require.NotSame(t, p, s.snapshot.Load().playlist("180p"))
}

// BenchmarkRender is a media playlist of 60 s, rendered and compressed: once per segment.
func BenchmarkRender(b *testing.B) {
	s := window(b)
	of := s.Snapshot().Playlists[0]
	for _, packed := range []string{"plain", "gzip"} {
		b.Run(packed, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d := s.newPlaylist(of).full
				d.identity()
				if packed == "gzip" {
					d.gzip()
				}
			}
		})
	}
}
