package packager

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/hls-m3u8/m3u8"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/timeline"
)

func TestPlaylistsListWholeSegments(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 3)
	enc.fragments("0", 4) // in progress: not listed
	b.take(e, "0")
	for _, r := range ladder {
		p, body := b.playlist("/live/cam/" + r.ID + ".m3u8")
		segments := p.GetAllSegments()
		require.Len(t, segments, 3)
		require.EqualValues(t, 2, p.TargetDuration)
		require.EqualValues(t, 1, p.SeqNo)
		require.False(t, p.Closed)
		require.NotContains(t, body, "PLAYLIST-TYPE")
		require.NotContains(t, body, "#EXT-X-DISCONTINUITY\n")
		require.Contains(t, body, "#EXT-X-DISCONTINUITY-SEQUENCE:0\n")
		for i, s := range segments {
			require.InDelta(t, 2, s.Duration, 0.022)
			require.InDelta(t, float64(2*i), s.ProgramDateTime.Sub(tl.period(e).Zero).Seconds(), 0.022)
			got := b.body("/live/cam/" + s.URI)
			require.Equal(t, string(clip.reps[r.Rep][i].bytes), got)
		}
		require.Contains(t, body, `#EXT-X-MAP:URI="`+e.Name()+"/"+r.ID+`-init.mp4"`)
		b.body("/live/cam/" + e.Name() + "/" + r.ID + "-init.mp4")
	}
	parts := tl.playlist("180p").Growing.Parts
	require.Len(t, parts, 4)
	require.Equal(t, int64(6*15360), parts[0].Start)
	require.True(t, parts[0].Independent)
}

func TestMultivariantPlaylist(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	p, kind, err := m3u8.DecodeFrom(strings.NewReader(b.body("/live/cam/index.m3u8")), true)
	require.NoError(t, err)
	require.Equal(t, m3u8.MASTER, kind)
	master := p.(*m3u8.MasterPlaylist)
	require.Len(t, master.Variants, 2)
	for i, v := range master.Variants {
		require.Equal(t, ladder[i].ID+".m3u8", v.URI)
		require.Equal(t, "audio", v.Audio)
		require.Regexp(t, `^avc1\.[0-9A-Fa-f]{6},mp4a\.40\.2$`, v.Codecs)
		require.GreaterOrEqual(t, int(v.Bandwidth), ladder[i].Bitrate+ladder[2].Bitrate)
		require.LessOrEqual(t, v.AverageBandwidth, v.Bandwidth)
		require.EqualValues(t, 30, v.FrameRate)
	}
	require.Equal(t, "320x180", master.Variants[0].Resolution)
}

func TestMPD(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	zero := b.clock.Now()
	b.run(e, enc, 2)
	m, first := b.manifest("/live/cam/manifest.mpd")
	require.Equal(t, "dynamic", *m.Type)
	require.Contains(t, first, `availabilityStartTime="`+zero.Format("2006-01-02T15:04:05"))
	require.Len(t, m.UTCTimings, 2)
	require.Equal(t, "../../time", m.UTCTimings[0].Value, "/time, from the MPD, below whatever path a proxy shows both")
	period := m.Periods[0]
	require.Len(t, period.AdaptationSets, 2)
	for _, set := range period.AdaptationSets {
		for _, rep := range set.Representations {
			tmpl := rep.SegmentTemplate
			require.EqualValues(t, 2*int(*tmpl.Timescale), *tmpl.Duration)
			uri := strings.NewReplacer("$RepresentationID$", rep.Id, "$Number$", "1").Replace(tmpl.Media)
			require.EqualValues(t, 1, *tmpl.StartNumber)
			b.body("/live/cam/" + uri)
			b.body("/live/cam/" + strings.ReplaceAll(tmpl.Initialization, "$RepresentationID$", rep.Id))
		}
	}
	b.run(e, enc, 1)
	require.Equal(t, withoutEdition(first), withoutEdition(b.body("/live/cam/manifest.mpd")), "a segment more is no change of the MPD")
}

func TestWindowAndDeletion(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	first := path.Join("/live/cam", e.Name(), "180p-1.m4s")
	for n := 2; n <= 12; n++ {
		b.run(e, enc, 1)
		p, _ := b.playlist("/live/cam/audio.m3u8")
		segments := p.GetAllSegments()
		require.EqualValues(t, max(1, n-5), segments[0].SeqId)
		require.Len(t, segments, min(n, 6))
		require.Equal(t, path.Join(e.Name(), timeline.SegmentName("audio", int64(max(1, n-5)))), segments[0].URI)
	}
	left := b.clock.Now().Add(-10 * time.Second) // listed until the seventh segment came
	for b.clock.Now().Before(left.Add(b.Packager.opts.timing().Grace() + 2*time.Second)) {
		require.NoError(t, tl.live.Reap(b.clock.Now(), false))
		require.Equal(t, http.StatusOK, b.get(first).Code)
		b.clock.Advance(time.Second)
	}
	require.NoError(t, tl.live.Reap(b.clock.Now(), false))
	require.Equal(t, http.StatusNotFound, b.get(first).Code)
}

func TestKilledEncoderAndNextEpoch(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	enc.fragments("0", 5)
	torn, err := os.OpenFile(enc.path("0")+".tmp", os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = torn.Write(clip.reps["0"][2].bytes[:100])
	require.NoError(t, err)
	require.NoError(t, torn.Close())
	enc.fragments("1", 5)
	require.NoError(t, e.End()) // the audio has nothing of the third segment
	require.NoError(t, e.End())
	m, _ := b.manifest("/live/cam/manifest.mpd")
	require.Len(t, m.Periods, 1)
	require.Nil(t, m.Periods[0].Duration, "players take it for the end of the stream while no other follows")

	b.clock.Advance(10 * time.Second)
	second, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder})
	require.NoError(t, err)
	require.Equal(t, 9*time.Second, second.SetZero(b.clock.Now()), "4 s were written and 1 s of the next segment, 14 s have gone")
	enc = newEncoder(t, second)
	b.run(second, enc, 1)
	for _, r := range ladder {
		p, body := b.playlist("/live/cam/" + r.ID + ".m3u8")
		segments := p.GetAllSegments()
		require.Len(t, segments, 4, body)
		require.True(t, segments[3].Discontinuity)
		require.Equal(t, path.Join(second.Name(), timeline.SegmentName(r.ID, 4)), segments[3].URI)
		require.Equal(t, r.ID == "audio", segments[2].Gap)
		require.InDelta(t, 1, segments[2].Duration, 0.011, "the sound's gap follows on whole frames")
		require.Equal(t, tl.period(second).Zero, segments[3].ProgramDateTime.UTC())
		if r.Video {
			last := clip.reps[r.Rep][2]
			end := last.fragments[4].Offset + last.fragments[4].Size
			require.Equal(t, string(last.bytes[:end]), b.body("/live/cam/"+segments[2].URI))
		}
	}
	m, mpd := b.manifest("/live/cam/manifest.mpd")
	require.Len(t, m.Periods, 2)
	require.Nil(t, m.Periods[0].Duration, "until the next one starts; libavformat plays the Period with the longest alone, and is to play the newest")
	require.Equal(t, 5*time.Second, time.Duration(*m.Periods[1].Start))
	require.EqualValues(t, 4, *m.Periods[1].AdaptationSets[0].Representations[0].SegmentTemplate.StartNumber)
	require.Equal(t, 5*time.Second, second.Offset())
	for i, timescale := range []uint64{15360, 48000} {
		require.Nil(t, m.Periods[0].AdaptationSets[i].Representations[0].SegmentTemplate.PresentationTimeOffset)
		require.Equal(t, 5*timescale, *m.Periods[1].AdaptationSets[i].Representations[0].SegmentTemplate.PresentationTimeOffset)
		require.Contains(t, mpd, fmt.Sprintf(`wallClockTime="2026-11-20T19:45:05Z" presentationTime="%d"`, 5*timescale))
	}
	require.EqualValues(t, 1, tl.Info().Gaps)
	b.run(second, enc, 5)
	_, body := b.playlist("/live/cam/audio.m3u8")
	require.Contains(t, body, "#EXT-X-DISCONTINUITY-SEQUENCE:0\n", "the discontinuity is at the first segment now")
	b.run(second, enc, 1)
	_, body = b.playlist("/live/cam/audio.m3u8")
	require.Contains(t, body, "#EXT-X-DISCONTINUITY-SEQUENCE:1\n")
}

// After a hole that no encoder should fill the MPD begins anew, while HLS can tell it by its dates.
func TestHoleBetweenEpochs(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, e.End())
	b.clock.Advance(21 * time.Second)
	second, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder})
	require.NoError(t, err)
	require.Zero(t, second.SetZero(b.clock.Now()))
	m, _ := b.manifest("/live/cam/manifest.mpd")
	require.Len(t, m.Periods, 1)
	require.Equal(t, "0", m.Periods[0].Id)
	b.run(second, newEncoder(t, second), 1)
	m, _ = b.manifest("/live/cam/manifest.mpd")
	require.Len(t, m.Periods, 1)
	require.Equal(t, "1", m.Periods[0].Id)
	require.Equal(t, 25*time.Second, time.Duration(*m.Periods[0].Start))
	p, _ := b.playlist("/live/cam/180p.m3u8")
	require.Len(t, p.GetAllSegments(), 3)
	require.Equal(t, tl.period(second).Zero, p.GetAllSegments()[2].ProgramDateTime.UTC())
}

func TestRenditionsThatComeAndGo(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, e.End())
	only, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder[:1]})
	require.NoError(t, err)
	only.SetZero(b.clock.Now())
	enc = newEncoder(t, only)
	for range 3 {
		enc.segment("0")
		b.clock.Advance(2 * time.Second)
		b.take(only, "")
	}
	p, _ := b.playlist("/live/cam/audio.m3u8")
	segments := p.GetAllSegments()
	require.Len(t, segments, 5)
	require.False(t, segments[1].Gap)
	require.True(t, segments[2].Gap && segments[3].Gap && segments[4].Gap)
	require.NotContains(t, b.body("/live/cam/index.m3u8"), "audio")
	for range 4 {
		enc.segment("0")
		b.clock.Advance(2 * time.Second)
		b.take(only, "")
	}
	require.Equal(t, http.StatusNotFound, b.get("/live/cam/audio.m3u8").Code, "nothing of it is left")
}

func TestEndOfStream(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 8)
	require.NoError(t, tl.End())
	require.NoError(t, tl.End())
	p, _ := b.playlist("/live/cam/180p.m3u8")
	require.True(t, p.Closed)
	require.EqualValues(t, 3, p.SeqNo)
	m, body := b.manifest("/live/cam/manifest.mpd")
	require.Equal(t, "static", *m.Type, body)
	require.Equal(t, 16*time.Second, time.Duration(*m.MediaPresentationDuration).Round(100*time.Millisecond))
	require.Equal(t, 4*time.Second, time.Duration(*m.Periods[0].Start))
	tmpl := m.Periods[0].AdaptationSets[0].Representations[0].SegmentTemplate
	require.EqualValues(t, 3, *tmpl.StartNumber)
	require.EqualValues(t, 4*15360, *tmpl.PresentationTimeOffset)
	require.NotContains(t, body, "minimumUpdatePeriod")
	_, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder})
	require.ErrorIs(t, err, timeline.ErrEnded)

	b.clock.Advance(b.Packager.opts.timing().Window)
	b.keep()
	b.body("/live/cam/index.m3u8")
	b.clock.Advance(b.Packager.opts.timing().Grace())
	b.keep()
	require.Equal(t, http.StatusNotFound, b.get("/live/cam/index.m3u8").Code)
	require.NoDirExists(t, filepath.Join(b.opts.LiveDir, "cam"))
}

func TestNextBroadcastGoesOnCounting(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	_, err := b.Open("cam")
	require.ErrorIs(t, err, ErrLive)
	require.NoError(t, tl.End())
	old := "/live/cam/" + e.Name() + "/180p-2.m4s"

	_, second, enc := b.epoch("cam")
	b.run(second, enc, 1)
	p, body := b.playlist("/live/cam/180p.m3u8")
	require.EqualValues(t, 3, p.SeqNo)
	require.Len(t, p.GetAllSegments(), 1)
	require.Contains(t, body, "#EXT-X-DISCONTINUITY-SEQUENCE:1\n")
	require.NotContains(t, body, "#EXT-X-DISCONTINUITY\n")
	b.body(old)
	b.clock.Advance(b.Packager.opts.timing().Window + b.Packager.opts.timing().Grace())
	b.keep()
	require.Equal(t, http.StatusNotFound, b.get(old).Code)
	b.body("/live/cam/" + second.Name() + "/180p-3.m4s")
}

func TestZeroNeverGoesBack(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, e.End())
	b.clock.Advance(-30 * time.Second)
	second, enc := b.next(tl)
	b.run(second, enc, 1)
	require.Equal(t, tl.period(e).Zero.Add(tl.period(e).Duration), tl.period(second).Zero)
}

// An epoch that follows on no other begins before its first sample, as it was asked to; a later one where the one before ended. Of the
// lead recordings keep no whole segment, not after a crash either.
func TestLead(t *testing.T) {
	b := recordBench(t, nil)
	tl, err := b.Open("cam")
	require.NoError(t, err)
	begin := func() (*live.Epoch, time.Duration) {
		e, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder, Lead: 2200 * time.Millisecond})
		require.NoError(t, err)
		return e, e.SetZero(b.clock.Now())
	}
	e, lead := begin()
	require.Equal(t, 2200*time.Millisecond, lead)
	zero := b.clock.Now().Add(-lead)
	b.run(e, newEncoder(t, e), 2)
	require.Equal(t, zero, tl.period(e).Zero)
	p, _ := b.playlist("/live/cam/180p.m3u8")
	require.Len(t, p.GetAllSegments(), 2)
	require.InDelta(t, 2, tl.Recording().Info().Duration, 0.03)
	require.NoError(t, e.End())
	second, lead := begin()
	zero = b.clock.Now().Add(-lead)
	b.run(second, newEncoder(t, second), 1)
	require.Equal(t, tl.period(e).Zero.Add(tl.period(e).Duration), tl.period(second).Zero)
	require.Equal(t, zero, tl.period(second).Zero)
}

func TestBrokenSegmentIsCut(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	enc.fragments("0", 3)
	f, err := os.OpenFile(enc.path("0")+".tmp", os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("\x00\x00\x00\x04junkjunkjunk")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	b.take(e, "0")
	require.NoError(t, os.Rename(enc.path("0")+".tmp", enc.path("0")))
	b.take(e, "0")
	p, _ := b.playlist("/live/cam/180p.m3u8")
	require.Len(t, p.GetAllSegments(), 2)
	require.InDelta(t, 0.6, p.GetAllSegments()[1].Duration, 0.001)
}

// What is found broken only once ffmpeg has gone is cut as well, and what follows on the hole is left out.
func TestBrokenSegmentAtTheEnd(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	enc.fragments("0", 3)
	f, err := os.OpenFile(enc.path("0")+".tmp", os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("\x00\x00\x00\x04junkjunkjunk")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, os.Rename(enc.path("0")+".tmp", enc.path("0")))
	require.NoError(t, os.WriteFile(filepath.Join(e.Dir(), encoderSegment("0", 3)), clip.reps["0"][2].bytes, 0o644))
	require.Error(t, e.End())
	p, _ := b.playlist("/live/cam/180p.m3u8")
	require.Len(t, p.GetAllSegments(), 2)
	require.InDelta(t, 0.6, p.GetAllSegments()[1].Duration, 0.001)
	require.Empty(t, openIn(t, e.Dir()), "nothing stays open")
}

// Where fragments were lost on their way to the disk, or one is longer than PART-TARGET, nothing more of the rendition is taken in, and
// the epoch says so.
func TestHoleTearsEpoch(t *testing.T) {
	for name, lose := range map[string]func(enc *encoder){
		"in a segment": func(enc *encoder) {
			s := clip.reps["0"][1]
			kept := slices.Concat(s.bytes[:s.fragments[2].Offset+s.fragments[2].Size], s.bytes[s.fragments[4].Offset:])
			require.NoError(enc.t, os.WriteFile(enc.path("0"), kept, 0o644))
		},
		"a fragment above PART-TARGET": func(enc *encoder) {
			s := clip.reps["0"][1]
			long := bytes.Clone(s.bytes)
			duration := long[int(s.fragments[3].Offset)+bytes.Index(long[s.fragments[3].Offset:], []byte("tfhd"))+16:] // default_sample_duration
			binary.BigEndian.PutUint32(duration, binary.BigEndian.Uint32(duration)*11/10)                              // 0.22 s of six pictures
			require.NoError(enc.t, os.WriteFile(enc.path("0"), long, 0o644))
		},
		"at the end of a segment": func(enc *encoder) {
			s := clip.reps["0"][1]
			require.NoError(enc.t, os.WriteFile(enc.path("0"), s.bytes[:s.fragments[3].Offset], 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			tl, e, enc := b.epoch("cam")
			b.run(e, enc, 1)
			require.False(t, e.Lossy())
			lose(enc)
			enc.next["0"]++
			enc.segment("0")
			enc.segment("1")
			enc.segment("2")
			b.clock.Advance(4 * time.Second)
			b.take(e, "")
			require.True(t, e.Lossy())
			require.NoError(t, e.End())
			require.Empty(t, openIn(t, e.Dir()), "nothing stays open")
			second, enc := b.next(tl)
			b.run(second, enc, 1)
			p, _ := b.playlist("/live/cam/180p.m3u8")
			require.Len(t, p.GetAllSegments(), 3)
			require.InDelta(t, 0.6, p.GetAllSegments()[1].Duration, 0.001)
			require.True(t, p.GetAllSegments()[2].Discontinuity)
		})
	}
}

// A rendition whose last segment ended early has the gap that levels it right after that: its dates agree with its durations.
func TestGapFollowsOnWhatEndedEarly(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	enc.fragments("0", 9)
	require.NoError(t, os.Rename(enc.path("0")+".tmp", enc.path("0")))
	for _, r := range ladder[1:] {
		enc.segment(r.Rep)
		enc.fragments(r.Rep, 2)
	}
	b.clock.Advance(2 * time.Second)
	b.take(e, "")
	require.NoError(t, e.End())
	second, enc := b.next(tl)
	b.run(second, enc, 1)
	p, body := b.playlist("/live/cam/180p.m3u8")
	segments := p.GetAllSegments()
	require.Len(t, segments, 4, body)
	require.InDelta(t, 1.8, segments[1].Duration, 0.001)
	require.True(t, segments[2].Gap)
	require.Equal(t, segments[1].ProgramDateTime.Add(1800*time.Millisecond), segments[2].ProgramDateTime)
	require.InDelta(t, 0.6, segments[2].Duration, 0.001, "it ends with those of the other renditions")
}

func TestEncoderThatWroteNothing(t *testing.T) {
	b := newBench(t, nil)
	tl, e, _ := b.epoch("cam")
	require.NoError(t, e.End())
	b.clock.Advance(3 * time.Second)
	second, enc := b.next(tl)
	b.run(second, enc, 1)
	_, body := b.playlist("/live/cam/180p.m3u8")
	require.Contains(t, body, "#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n")
	require.NotContains(t, body, "#EXT-X-DISCONTINUITY\n")
	b.keep()
	require.NoDirExists(t, e.Dir())
	b.restart()
	require.Equal(t, withoutParts(body), withoutParts(b.body("/live/cam/180p.m3u8")))
}
