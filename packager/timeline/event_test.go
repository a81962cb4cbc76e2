package timeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newEventStage(segment time.Duration) *stage {
	s := newStage()
	s.Timeline = New(Config{
		Timing: Timing{Segment: segment, Part: 200 * time.Millisecond, Window: 12 * time.Second, Event: true}, Wall: func() time.Time { return s.now },
	})
	return s
}

// TestEvent lists everything; what nobody asks for any more takes no memory.
func TestEvent(t *testing.T) {
	s := newEventStage(2 * time.Second)
	s.Open()
	s.run(s.begin(t), 200)
	s.Newest().Close()
	s.run(s.begin(t), 400)
	now := s.publish()
	require.Zero(t, now.Presentation.Depth)
	require.Len(t, now.Presentation.Periods, 2)
	for _, r := range ladder {
		p := now.Playlist(r.ID)
		require.True(t, p.Event)
		require.Len(t, p.Segments, 600)
		require.EqualValues(t, 1, p.Segments[0].MSN)
		require.Empty(t, p.Segments[200].Parts)
		require.Len(t, p.Segments[600-keptParts].Parts, 10)
		require.Equal(t, p.Segments[300].EpochName(), p.Segments[300].InitEpoch())
	}
	require.Less(t, s.LeastRecords(), 2+len(ladder)*(600+10*(keptParts+600/4+keptParts)))
	require.Empty(t, s.TakeExpired())

	got := newEventStage(2 * time.Second)
	for _, r := range s.Records() {
		require.NoError(t, got.Apply(r, everything))
	}
	again := got.Snapshot().Playlist("180p")
	require.Equal(t, numbers(now.Playlist("180p")), numbers(again))
	require.True(t, again.Event)

	s.Newest().Close()
	s.Finish(s.now)
	require.InDelta(t, 1200, s.Gone().Sub(s.now).Seconds(), 30, "as long as it was")
}

// TestEventOfMoreThanADay loses its oldest segments, an hour of them at once, and says so.
func TestEventOfMoreThanADay(t *testing.T) {
	s := newEventStage(time.Minute)
	s.Open()
	e := s.begin(t)
	list := func(minutes int) {
		for range minutes {
			s.now = s.now.Add(time.Minute)
			for _, k := range e.tracks {
				part := []Part{{Size: 100, Start: (k.Number() - 1) * 60000, Duration: 60000, Independent: true}}
				s.Grow(k, part, 100, 0)
				s.List(k, s.Whole(k, part, 100))
			}
			s.TakeRecords()
		}
	}
	list(25 * 60)
	require.True(t, s.Snapshot().Playlist("180p").Event)
	require.Empty(t, s.TakeExpired())
	list(1)
	now := s.Snapshot()
	require.False(t, now.Playlist("180p").Event)
	require.EqualValues(t, 61, now.Playlist("180p").Segments[0].MSN)
	require.Equal(t, maxEvent+time.Minute, now.Presentation.Depth, "one rendition was a segment behind")
	require.Len(t, s.TakeExpired(), 2*60, "of both renditions")
	list(59)
	require.Empty(t, s.TakeExpired(), "not before another hour")
}

// TestShorten gives up the older half where the disk is full, and a restart knows.
func TestShorten(t *testing.T) {
	s := newEventStage(2 * time.Second)
	s.Open()
	s.run(s.begin(t), 40)
	require.True(t, s.Shorten())
	now := s.publish()
	p := now.Playlist("180p")
	require.False(t, p.Event)
	require.EqualValues(t, 21, p.Segments[0].MSN)
	require.Equal(t, 40*time.Second, now.Presentation.Depth)
	require.NotEmpty(t, s.TakeExpired())
	again := newEventStage(2 * time.Second)
	for _, r := range s.log {
		require.NoError(t, again.Apply(r, everything))
	}
	require.Equal(t, numbers(p), numbers(again.Snapshot().Playlist("180p")))
	for s.Shorten() {
		require.NotEmpty(t, s.TakeExpired())
	}
	p = s.publish().Playlist("180p")
	require.Len(t, p.Segments, 6, "the window stays")
	require.False(t, newStage().Shorten(), "where nothing is listed, or the window alone")
}

// BenchmarkEventPart is a part more in a broadcast of an hour and of a day, until its snapshot is there.
func BenchmarkEventPart(b *testing.B) {
	for name, hours := range map[string]int{"1h": 1, "24h": 24} {
		b.Run(name, func(b *testing.B) {
			s := newEventStage(2 * time.Second)
			s.Open()
			e := s.begin(b)
			s.run(e, hours*1800)
			k := e.tracks[0]
			all := parts(k, 10)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				s.Grow(k, all[:1+n%9], 100, n%9)
				s.TakeRecords()
				s.Snapshot()
				s.LeastRecords()
			}
		})
	}
}
