package timeline

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/cmaf"
)

var ladder = []Rendition{
	{ID: "180p", Rep: "0", Video: true, Width: 320, Height: 180, FPS: 30, Bitrate: 600_000},
	{ID: "audio", Rep: "1", Bitrate: 140_000},
}

// everything is a disk on which all is there that a log tells of.
var everything = Files{
	Init: func(_, rendition string) (cmaf.Init, error) {
		return cmaf.Init{Timescale: 1000, Video: rendition != "audio"}, nil
	},
	Whole: func(string, string, int64, int64) bool { return true },
}

// stage is a Timeline with a clock that only the test moves, and all that was noted for its log.
type stage struct {
	*Timeline
	now time.Time
	log []Record
}

func newStage() *stage {
	s := &stage{now: time.Date(2026, 11, 20, 19, 45, 0, 0, time.UTC)}
	s.Timeline = New(Config{Timing: Timing{Segment: 2 * time.Second, Part: 200 * time.Millisecond, Window: 12 * time.Second}, Wall: func() time.Time { return s.now }})
	return s
}

// publish keeps the log and gives the snapshot, as the owner of a Timeline does.
func (s *stage) publish() *Snapshot {
	s.log = append(s.log, s.TakeRecords()...)
	return s.Snapshot()
}

func (s *stage) begin(t testing.TB) *Epoch {
	e, err := s.Prepare(EpochOptions{Renditions: ladder})
	require.NoError(t, err)
	s.Enter(e)
	e.SetZero(s.now)
	for _, k := range e.tracks {
		k.SetInit(cmaf.Init{Timescale: 1000, Video: k.Video})
	}
	return e
}

// parts are so many parts of the track's segment in progress, of 200 ms each.
func parts(k *Track, n int) (all []Part) {
	start := (k.Number() - 1) * 2000
	for i := range int64(n) {
		all = append(all, Part{Offset: i * 100, Size: 100, Start: start + i*200, Duration: 200, Independent: i == 0 || !k.Video})
	}
	return all
}

// run lists n whole segments of all renditions, while the clock goes along.
func (s *stage) run(e *Epoch, n int) {
	for range n {
		s.now = s.now.Add(2 * time.Second)
		for _, k := range e.tracks {
			all := parts(k, 10)
			s.Grow(k, all, 1000, 0)
			s.List(k, s.Whole(k, all, 1000))
		}
		s.publish()
	}
}

// replay makes a Timeline of what the records say.
func replay(t *testing.T, records []Record) *stage {
	s := newStage()
	for _, r := range records {
		require.NoError(t, s.Apply(r, everything))
	}
	return s
}

// numbers are the media sequence numbers of the rendition's listed segments.
func numbers(p *Playlist) (all []int64) {
	for _, s := range p.Segments {
		all = append(all, s.MSN)
	}
	return all
}

func TestNumbersGoOn(t *testing.T) {
	s := newStage()
	s.Open()
	e := s.begin(t)
	s.run(e, 2)
	e.Close()
	second := s.begin(t)
	s.run(second, 2)
	p := s.publish().Playlist("180p")
	require.Equal(t, []int64{1, 2, 3, 4}, numbers(p))
	require.False(t, p.Segments[0].Discontinuity(), "the broadcast begins here")
	require.True(t, p.Segments[2].Discontinuity())
	require.EqualValues(t, 1, p.Segments[2].DiscontinuitySequence())
	require.Equal(t, PartID{second.name, 5, 0}, p.Hint)
	require.Equal(t, e.zero.Add(4*time.Second), second.zero)
	require.Equal(t, 4*time.Second, second.Offset(), "decode times go on")

	second.Close()
	s.Finish(s.now)
	next := &stage{Timeline: s.Successor(), now: s.now}
	third := next.begin(t)
	require.EqualValues(t, 5, third.base)
	require.EqualValues(t, 2, third.disc)
	require.Zero(t, third.Offset())
}

// TestReplaySaysTheSame holds what was published through a log, whole or compacted, that is written and read again.
func TestReplaySaysTheSame(t *testing.T) {
	s := newStage()
	s.Open()
	e := s.begin(t)
	s.run(e, 9)
	e.Close()
	e = s.begin(t)
	s.run(e, 1)
	cut := parts(e.tracks[0], 3) // the encoder was killed
	s.Grow(e.tracks[0], cut, 300, 0)
	s.List(e.tracks[0], s.Whole(e.tracks[0], cut, 300))
	e.Close()
	want := s.publish()
	for name, records := range map[string][]Record{"as it was written": s.log, "compacted": s.Records()} {
		t.Run(name, func(t *testing.T) {
			var log []byte
			var err error
			for i := range records {
				log, err = AppendRecord(log, &records[i])
				require.NoError(t, err)
			}
			read, good, err := ReadRecords(bytes.NewReader(log))
			require.NoError(t, err)
			require.EqualValues(t, len(log), good)
			again := replay(t, read)
			require.Equal(t, 20625*time.Millisecond, again.nextOffset, "20 s, and the beginning of a segment")
			require.Equal(t, s.nextOffset, again.nextOffset)
			got := again.Snapshot()
			for _, r := range ladder {
				require.Equal(t, numbers(want.Playlist(r.ID)), numbers(got.Playlist(r.ID)))
				require.Equal(t, want.Playlist(r.ID).Hint, got.Playlist(r.ID).Hint, "what is announced comes")
				for i, s := range want.Playlist(r.ID).Segments {
					again := got.Playlist(r.ID).Segments[i]
					require.Equal(t, s.Wall(), again.Wall())
					require.Equal(t, s.Offset(), again.Offset())
					require.Equal(t, s.Gap, again.Gap)
					require.Equal(t, s.EpochName(), again.EpochName())
					require.Equal(t, s.Discontinuity(), again.Discontinuity())
				}
			}
		})
	}
}

// Decode times never go back within a broadcast: not where renditions end apart, after gaps, with a clock that is set back or by way of the log.
func TestDecodeTimesGoOn(t *testing.T) {
	s := newStage()
	s.Open()
	e := s.begin(t)
	s.run(e, 2)
	for i, n := range []int{3, 4} { // ffmpeg is killed
		cut := parts(e.tracks[i], n)
		s.Grow(e.tracks[i], cut, int64(100*n), 0)
		s.List(e.tracks[i], s.Whole(e.tracks[i], cut, int64(100*n)))
	}
	e.Close()
	s.publish()
	s.now = s.now.Add(Standstill + 25*time.Second) // more than an encoder should fill: the gaps are an epoch of their own
	require.True(t, s.Bridge(s.now))
	gaps := s.newest()
	require.Equal(t, 4875*time.Millisecond, gaps.Offset(), "the longest rendition ended at 4.8 s")
	s.publish()
	second := s.begin(t)
	require.NotSame(t, gaps, second)
	for _, p := range s.publish().Playlists {
		last := p.Segments[len(p.Segments)-1]
		require.Equal(t, gaps.name, last.EpochName())
		end := last.Offset() + FromTicks(last.End(), last.Timescale)
		require.LessOrEqual(t, end, second.Offset(), "gaps take their time")
		require.Less(t, second.Offset()-end, 300*time.Millisecond)
	}
	s.run(second, 1)
	second.Close()
	s.publish()
	s.now = s.now.Add(-time.Hour)
	third := s.begin(t)
	require.Equal(t, second.Offset()+2*time.Second, third.Offset())
	third.Close() // nothing of it was listed
	require.Equal(t, third.Offset(), s.begin(t).Offset())
	got := replay(t, append(s.log, s.TakeRecords()...))
	require.Equal(t, third.Offset(), got.newest().Offset())
}

// The log of an earlier version says nothing of offsets: its epochs begin at 0, and decode times go on from there.
func TestLogWithoutOffsets(t *testing.T) {
	s := newStage()
	s.Open()
	for range 2 {
		e := s.begin(t)
		s.run(e, 2)
		e.Close()
	}
	s.publish()
	for i := range s.log {
		s.log[i].Offset = 0
	}
	got := replay(t, s.log)
	require.Zero(t, got.newest().Offset())
	require.Equal(t, 4*time.Second, got.begin(t).Offset())
	bad := epochRecord(s.newest())
	bad.Offset = time.Millisecond
	require.Error(t, bad.validate(), "not ticks of every track")
}

// TestBridge gives up the parts that do not come, at their pace and with what they need to be found in the log again.
func TestBridge(t *testing.T) {
	s := newStage()
	s.Open()
	e := s.begin(t)
	s.run(e, 2)
	s.now = s.now.Add(Standstill)
	require.False(t, s.Bridge(s.now), "what comes so late is no gap")
	s.now = s.now.Add(450 * time.Millisecond)
	require.True(t, s.Bridge(s.now))
	require.False(t, s.Bridge(s.now), "not twice")
	for _, r := range ladder {
		growing := s.publish().Playlist(r.ID).Growing
		require.EqualValues(t, 3, growing.MSN)
		require.Len(t, growing.Parts, 2)
		for _, p := range growing.Parts {
			require.True(t, p.Gap)
		}
	}
	all := parts(e.tracks[0], 10)
	s.Grow(e.tracks[0], all, 1000, 0)
	growing := s.publish().Playlist("180p").Growing
	require.Len(t, growing.Parts, 10)
	require.True(t, growing.Parts[9].Gap, "nothing can be decoded before a key frame")
	s.List(e.tracks[0], s.Whole(e.tracks[0], all, 1000))
	require.Zero(t, s.Info().Gaps, "the segment is whole")
	got := replay(t, append(s.log, s.TakeRecords()...)).Snapshot()
	require.Equal(t, numbers(s.Snapshot().Playlist("180p")), numbers(got.Playlist("180p")))
}

// TestSnapshotsShareWhatHasNotChanged keeps a playlist, and what manifests say, until something in them changes.
func TestSnapshotsShareWhatHasNotChanged(t *testing.T) {
	s := newStage()
	e := s.begin(t)
	s.run(e, 2)
	before := s.publish()
	s.Grow(e.tracks[0], parts(e.tracks[0], 1), 100, 0)
	after := s.publish()
	require.NotSame(t, before.Playlist("180p"), after.Playlist("180p"))
	require.Same(t, before.Playlist("audio"), after.Playlist("audio"))
	require.Same(t, before.Presentation, after.Presentation, "a part more is no change of the MPD")
	require.Nil(t, before.Playlist("180p").Growing, "a snapshot stays as it was")
	require.EqualValues(t, 2, after.NewestOf(e.name, "180p"))
	e.Close()
	require.NotSame(t, after.Presentation, s.publish().Presentation)
}

// TestExpiry hands out each segment that has left the playlists once, with the time until which it may be asked for.
func TestExpiry(t *testing.T) {
	s := newStage()
	e := s.begin(t)
	s.run(e, 7)
	expired := s.TakeExpired()
	require.NotEmpty(t, expired)
	for _, x := range expired {
		require.Equal(t, e.name, x.Epoch)
		require.True(t, x.At.After(s.now.Add(s.cfg.Window)))
	}
	require.Empty(t, s.TakeExpired())
}

func FuzzReplay(f *testing.F) {
	s := newStage()
	s.Open()
	t := &testing.T{}
	e := s.begin(t)
	s.run(e, 2)
	s.now = s.now.Add(4 * time.Second)
	s.Bridge(s.now)
	e.Close()
	s.Finish(s.now)
	s.publish()
	var whole []byte
	for i := range s.log {
		whole, _ = AppendRecord(whole, &s.log[i])
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(append(bytes.Clone(whole), whole...))
	f.Add([]byte(`{"kind":"epoch","epoch":"E","base":9007199254740992,"renditions":[{"id":"180p","rep":"0","bitrate":1}]}` + "\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, good, _ := ReadRecords(bytes.NewReader(b))
		require.LessOrEqual(t, good, int64(len(b)))
		s := newStage()
		for _, r := range records {
			_ = s.Apply(r, everything) // an error leaves the record out
		}
		s.Resume(s.now)
		for _, p := range s.Snapshot().Playlists {
			for i := range p.Segments {
				require.Equal(t, p.Segments[0].MSN+int64(i), p.Segments[i].MSN, "numbers have no holes")
			}
		}
	})
}

// TestLeadIsLeftOut keeps what recordings leave out of an epoch, also when its beginning is read from the log.
func TestLeadIsLeftOut(t *testing.T) {
	s := newStage()
	s.Open()
	e, err := s.Prepare(EpochOptions{Renditions: ladder, Lead: 2200 * time.Millisecond})
	require.NoError(t, err)
	s.Enter(e)
	require.Equal(t, 2200*time.Millisecond, e.SetZero(s.now))
	for _, k := range e.tracks {
		k.SetInit(cmaf.Init{Timescale: 1000, Video: k.Video})
	}
	s.run(e, 2)
	for name, records := range map[string][]Record{"as it is": nil, "as it was written": s.log, "compacted": s.Records()} {
		state := s
		if records != nil {
			state = replay(t, records)
		}
		k := state.epochs[0].tracks[0]
		var kept []int64
		for _, segment := range state.Listed(k) {
			if k.Recorded(segment) {
				kept = append(kept, segment.MSN)
			}
		}
		require.Equal(t, []int64{2}, kept, name)
	}
}
