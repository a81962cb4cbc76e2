package timeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What goes on elsewhere comes behind all that was listed, or may be, under the same start and with the same PART-TARGET; and so it does after a crash
// of the service that it has come to, whatever the log has been made of by then.
func TestNumbersOfAnother(t *testing.T) {
	first := newStage()
	first.Open()
	first.run(first.begin(t), 3)
	n := first.Numbers(16)
	require.Equal(t, []int64{4, 20, 1 + spareEpochs}, []int64{n.Used, n.Next, n.Disc})
	require.NoError(t, n.Validate())
	require.Equal(t, []string{"180p", "audio"}, n.Renditions)

	s := newStage()
	s.now = first.now.Add(3 * time.Second)
	n.End = s.now.Add(-time.Second)
	s.Timeline = Continue(s.cfg, n)
	s.OpenTaken()
	e := s.begin(t)
	s.run(e, 2)
	check := func(s *stage) {
		t.Helper()
		now := s.publish()
		p := now.Playlist("180p")
		require.Equal(t, []int64{20, 21}, numbers(p))
		require.True(t, p.Segments[0].Discontinuity())
		require.EqualValues(t, 1+spareEpochs, p.Segments[0].DiscontinuitySequence())
		require.Equal(t, first.partTarget, p.PartTarget)
		require.True(t, now.Presentation.Start.Equal(first.start), "availabilityStartTime does not move")
		newest := now.Presentation.Periods[len(now.Presentation.Periods)-1]
		require.EqualValues(t, 1+spareEpochs, newest.ID)
		require.False(t, p.Segments[0].Wall().Before(n.End), "program date times do not go back")
		require.GreaterOrEqual(t, p.Segments[0].Offset(), 6*time.Second)
		require.Equal(t, n.Broadcast, s.Broadcast())
		require.True(t, s.Info().Started.Equal(first.Info().Started), "pages take it for the same broadcast")
		require.EqualValues(t, 22, s.Numbers(0).Used)
	}
	check(s)
	former := s.publish().Presentation.Periods
	require.Len(t, former, 2, "dash.js has to know that what it plays has ended")
	require.Equal(t, []any{first.epochs[0].name, int64(0), int64(1), time.Duration(0), former[1].Start},
		[]any{former[0].Epoch, former[0].ID, former[0].First, former[0].Start, former[0].Duration})
	check(replay(t, s.log))
	check(replay(t, s.Records()))

	// Of a broadcast that has ended only the numbers go on.
	e.Close()
	s.Finish(s.now)
	n = s.Numbers(0)
	require.True(t, n.Closed && n.Ended)
	next := newStage()
	next.Timeline = Continue(next.cfg, n)
	next.OpenTaken()
	next.run(next.begin(t), 1)
	p := next.publish().Playlist("180p")
	require.Equal(t, []int64{22}, numbers(p))
	require.False(t, p.Segments[0].Discontinuity())
	require.NotEqual(t, n.Broadcast, next.Broadcast())
}

// A timeline that needs leave lists nothing, gaps neither, under numbers that it has not been given.
func TestLimit(t *testing.T) {
	s := newStage()
	s.Timeline = New(Config{Timing: s.cfg.Timing, Wall: s.cfg.Wall, Fenced: true})
	s.Open()
	require.False(t, s.Allows(1))
	s.SetLimit(4)
	e := s.begin(t)
	s.run(e, 2)
	require.Equal(t, PartID{e.name, 3, 0}, s.publish().Playlist("180p").Hint)
	s.now = s.now.Add(time.Minute)
	require.True(t, s.Bridge(s.now))
	p := s.publish().Playlist("180p")
	require.Equal(t, []int64{1, 2, 3}, numbers(p))
	require.Zero(t, p.Hint)
	require.Nil(t, p.Growing)
	s.SetLimit(6)
	require.True(t, s.Bridge(s.now))
	require.EqualValues(t, 5, s.publish().Playlist("180p").Last())

	again := newStage()
	again.Timeline = New(Config{Timing: s.cfg.Timing, Wall: s.cfg.Wall, Fenced: true})
	for _, r := range s.log {
		require.NoError(t, again.Apply(r, everything))
	}
	require.True(t, again.Allows(5))
	require.False(t, again.Allows(6), "what was listed stays, and nothing comes")
}

// Where nobody could say so, somebody may have gone on for as long as there was time.
func TestNumbersAfterAWhile(t *testing.T) {
	at := time.Unix(1e9, 0)
	n := Numbers{Next: 20, Used: 4, Offset: time.Minute, Segment: 2 * time.Second, At: at}
	require.EqualValues(t, 20, n.After(at.Add(10*time.Second)).Next)
	require.EqualValues(t, 20, n.After(at.Add(-time.Hour)).Next, "a clock that is behind")
	late := n.After(at.Add(time.Minute))
	require.EqualValues(t, 51, late.Next)
	require.Equal(t, time.Minute+31*2*time.Second, late.Offset)
	n.Closed = true
	require.EqualValues(t, 20, n.After(at.Add(time.Hour)).Next)
	for _, wrong := range []Numbers{{}, {Next: -1, Segment: 1}, {Segment: time.Hour}, {Segment: 1, Used: 2}, {Segment: 1, Broadcast: "../x"}, {Segment: 1, Renditions: []string{"a b"}}} {
		require.Error(t, wrong.Validate(), "%+v", wrong)
	}
}
