package packager

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/timeline"
)

// lateEpoch begins an epoch in which key frames may be late.
func (b *bench) lateEpoch(t *Stream, late time.Duration) (*live.Epoch, *encoder) {
	b.t.Helper()
	renditions := append([]timeline.Rendition(nil), ladder...)
	renditions[0].Copied = true
	e, err := t.BeginEpoch(timeline.EpochOptions{Renditions: renditions, LateKeyFrames: late})
	require.NoError(b.t, err)
	e.SetZero(b.clock.Now())
	return e, newEncoder(b.t, e)
}

// TestRoomForLateKeyFrames holds the room that the first epoch asked for through later ones and a restart.
func TestRoomForLateKeyFrames(t *testing.T) {
	b := newBench(t, nil)
	tl, err := b.Open("cam")
	require.NoError(t, err)
	_, fixed := tl.LateKeyFrames()
	require.False(t, fixed)
	e, enc := b.lateEpoch(tl, time.Second)
	b.run(e, enc, 2)
	tags := []string{"#EXT-X-TARGETDURATION:3\n", "HOLD-BACK=9.0", "CAN-SKIP-UNTIL=18.0"}
	room := func() {
		t.Helper()
		for _, r := range ladder {
			for _, tag := range tags {
				require.Contains(t, b.body("/live/cam/"+r.ID+".m3u8"), tag)
			}
		}
		require.Contains(t, b.body("/live/cam/manifest.mpd"), `maxSegmentDuration="PT3.2S"`)
		late, fixed := b.Stream("cam").LateKeyFrames()
		require.True(t, fixed)
		require.Equal(t, time.Second, late)
	}
	room()
	require.NoError(t, e.End())
	e, enc = b.next(tl) // all encoded
	b.run(e, enc, 1)
	room()
	b.restart()
	room()
	tl, err = b.Open("cam")
	require.NoError(t, err)
	_, err = tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder, LateKeyFrames: 1100 * time.Millisecond})
	require.ErrorIs(t, err, timeline.ErrNoRoom)
	e, enc = b.lateEpoch(tl, time.Second)
	b.run(e, enc, 1)
	room()
}

func TestNoRoomForLateKeyFrames(t *testing.T) {
	b := newBench(t, nil)
	tl, e, _ := b.epoch("cam")
	require.NoError(t, e.End())
	_, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder, LateKeyFrames: time.Second})
	require.ErrorIs(t, err, timeline.ErrNoRoom)
	_, err = tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder, LateKeyFrames: 5*time.Second + 1})
	require.Error(t, err)
	require.False(t, errors.Is(err, timeline.ErrNoRoom))
}

// TestHintStaysInALateSegment: the segment has all its nominal time, and may have more.
func TestHintStaysInALateSegment(t *testing.T) {
	b := newBench(t, nil)
	tl, err := b.Open("cam")
	require.NoError(t, err)
	e, enc := b.lateEpoch(tl, time.Second)
	for _, r := range ladder {
		enc.fragments(r.Rep, len(clip.reps[r.Rep][0].fragments))
	}
	b.take(e, "")
	base := tl.playlist("180p").Growing.MSN
	number := strconv.FormatInt(base, 10)
	for _, r := range ladder {
		parts := strconv.Itoa(len(tl.playlist(r.ID).Growing.Parts))
		require.Contains(t, b.body("/live/cam/"+r.ID+".m3u8?_HLS_msn=1&_HLS_part=0"), `URI="`+e.Name()+"/"+r.ID+"-"+number+"."+parts+`.m4s"`)
	}
	withdrawn := "/live/cam/" + e.Name() + "/180p-" + number + ".10.m4s"
	answer := make(chan int, 1)
	go func() { answer <- b.get(withdrawn).Code }()
	enc.segments(1)
	b.take(e, "")
	require.Equal(t, http.StatusNotFound, <-answer)
	require.Contains(t, b.body("/live/cam/180p.m3u8?_HLS_msn="+number), `-`+strconv.FormatInt(base+1, 10)+`.0.m4s"`)
}

// TestLateSegmentIsGivenUp: nothing comes any more when a segment has all its nominal time. What the encoder adds to it later must
// not be in what is listed.
func TestLateSegmentIsGivenUp(t *testing.T) {
	b := newBench(t, nil)
	tl, err := b.Open("cam")
	require.NoError(t, err)
	e, enc := b.lateEpoch(tl, time.Second)
	b.run(e, enc, 1)
	for _, r := range ladder {
		enc.fragments(r.Rep, len(clip.reps[r.Rep][1].fragments))
	}
	b.take(e, "")
	b.clock.Advance(4 * time.Second)
	tl.live.Bridge(b.clock.Now())
	second := tl.period(e).First + 1
	for _, r := range ladder {
		s, found := timeline.FindSegment(tl.playlist(r.ID).Segments, second)
		require.True(t, found, r.ID)
		require.True(t, s.Gap, r.ID)
	}
	enc.segments(2)
	b.take(e, "")
	s, _ := timeline.FindSegment(tl.playlist("180p").Segments, second)
	require.True(t, s.Gap, "it stays a gap")
	b.restart()
	again, _ := timeline.FindSegment(b.Stream("cam").playlist("180p").Segments, second)
	require.True(t, again.Gap, "after a restart, too")
}

func TestAverageOfCopiedPictures(t *testing.T) {
	b := newBench(t, nil)
	tl, err := b.Open("cam")
	require.NoError(t, err)
	e, enc := b.lateEpoch(tl, time.Second)
	b.run(e, enc, 3)
	require.NoError(t, e.End()) // the MPD is renewed
	declared, measured := tl.period(e).Renditions, tl.Info().Renditions
	require.Equal(t, measured[0].Average, declared[0].Average)
	require.EqualValues(t, ladder[1].Bitrate, declared[1].Average)
}

// TestEndNumber: by its duration a Period would have one segment more than an epoch that ended while a key frame was late.
func TestEndNumber(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Window = time.Minute })
	tl, err := b.Open("cam")
	require.NoError(t, err)
	e, enc := b.lateEpoch(tl, time.Second)
	b.run(e, enc, 2)
	require.NoError(t, e.End())
	ends := func(period int) uint64 {
		m, err := dash.Parse([]byte(b.body("/live/cam/manifest.mpd")))
		require.NoError(t, err)
		for _, set := range m.Periods[period].AdaptationSets {
			for _, r := range set.Representations {
				require.Equal(t, m.Periods[period].AdaptationSets[0].Representations[0].Template.EndNumber, r.Template.EndNumber)
			}
		}
		return m.Periods[period].AdaptationSets[0].Representations[0].Template.EndNumber
	}
	require.Zero(t, ends(0), "players would take it for the end of everything")
	next, enc := b.lateEpoch(tl, time.Second)
	b.run(next, enc, 1)
	require.EqualValues(t, tl.period(e).First+1, ends(0))
	require.Zero(t, ends(1))
	require.NoError(t, next.End())
	last, enc := b.next(tl)
	b.run(last, enc, 1)
	require.EqualValues(t, tl.period(next).First, ends(1))
	require.NoError(t, tl.End())
	require.Zero(t, ends(2), "all encoded")
}
