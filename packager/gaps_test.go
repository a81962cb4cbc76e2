package packager

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/timeline"
)

// standstill is how long nothing may come before there are gaps.
const standstill = 3500 * time.Millisecond

// wait lets time go by in which nothing comes.
func (b *bench) wait(tl *Stream, d time.Duration) {
	for end := b.clock.Now().Add(d); b.clock.Now().Before(end); {
		b.clock.Advance(100 * time.Millisecond)
		tl.live.Bridge(b.clock.Now())
	}
}

// gaps are the names of the given-up parts in the playlist's text, without the epoch's and without those before a broadcast.
func gaps(playlist string) (names []string) {
	for _, m := range regexp.MustCompile(`#EXT-X-PART:DURATION=[\d.]+,URI="[^/]*/([^"]*)\.m4s",GAP=YES`).FindAllStringSubmatch(playlist, -1) {
		if !strings.Contains(m[1], "-0.") {
			names = append(names, m[1])
		}
	}
	return names
}

func TestGapsBetweenEpochs(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, e.End())
	b.wait(tl, standstill)
	body := b.body("/live/cam/180p.m3u8")
	require.Empty(t, gaps(body), "what comes so late is no gap")
	b.wait(tl, 500*time.Millisecond)
	for _, r := range ladder {
		body = b.body("/live/cam/" + r.ID + ".m3u8?_HLS_msn=3&_HLS_part=1")
		require.Equal(t, []string{r.ID + "-3.0", r.ID + "-3.1"}, gaps(body), "at the pace of parts")
		require.Contains(t, body, "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:")
	}
	hint := regexp.MustCompile(`PRELOAD-HINT:TYPE=PART,URI="([^/]*)/180p-3.2.m4s"`).FindStringSubmatch(b.body("/live/cam/180p.m3u8"))
	require.Len(t, hint, 2)
	gap := "/live/cam/" + hint[1] + "/180p-3.1.m4s"
	given := b.body(gap)
	start, nothing := tl.isEmpty(t, "180p", []byte(given))
	require.True(t, nothing, "players ask for gaps that know of none")

	next, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder})
	require.NoError(t, err)
	require.Equal(t, hint[1], next.Name(), "as it was hinted at")
	require.Equal(t, next.Offset()+200*time.Millisecond, start)
	require.InDelta(t, (standstill + 500*time.Millisecond).Seconds(), next.SetZero(b.clock.Now()).Seconds(), 0.02)
	enc = newEncoder(t, next)
	for _, r := range ladder {
		enc.fragments(r.Rep, 4)
	}
	b.take(next, "")
	body = b.body("/live/cam/180p.m3u8")
	require.Equal(t, []string{"180p-3.0", "180p-3.1", "180p-3.2", "180p-3.3"}, gaps(body), "nothing can be decoded before a key frame")
	require.Equal(t, []string{"audio-3.0", "audio-3.1"}, gaps(b.body("/live/cam/audio.m3u8")))
	for _, r := range ladder {
		enc.segment(r.Rep)
	}
	b.take(next, "")
	body = b.body("/live/cam/180p.m3u8")
	require.Equal(t, []string{"180p-3.0", "180p-3.1", "180p-3.2", "180p-3.3", "180p-3.4"}, gaps(body))
	require.NotContains(t, body, "#EXT-X-GAP\n", "the segment is whole")
	require.Equal(t, 1, strings.Count(body, "#EXT-X-DISCONTINUITY\n"))
	require.Equal(t, string(enc.media("0", 0).bytes), b.body("/live/cam/"+next.Name()+"/180p-3.m4s"))
	require.Equal(t, given, b.body(gap), "and it stays one")
	m, _ := b.manifest("/live/cam/manifest.mpd")
	require.Len(t, m.Periods, 2)
	require.Nil(t, m.Periods[0].Duration, "DASH has no hole")
}

// An encoder that stands still and then goes on is listed again from the next key frame on; its segments are whole all the same.
func TestGapsWithinAnEpoch(t *testing.T) {
	b, tl, e, enc := growing(t, 3)
	b.wait(tl, standstill+3*time.Second)
	body := b.body("/live/cam/180p.m3u8")
	require.Contains(t, body, "#EXT-X-GAP\n#EXTINF:2.000000,\n"+e.Name()+"/180p-3.m4s\n")
	require.Equal(t, 7+8, len(gaps(body)), body)
	require.Equal(t, body, b.body("/live/cam/180p.m3u8?_HLS_msn=4&_HLS_part=7"))
	for range 2 {
		for _, r := range ladder {
			enc.segment(r.Rep)
		}
		b.take(e, "")
		require.Equal(t, gaps(body), gaps(b.body("/live/cam/180p.m3u8"))[:15])
	}
	body = b.body("/live/cam/180p.m3u8")
	require.Equal(t, 1, strings.Count(body, "#EXT-X-GAP\n"))
	require.Equal(t, 7+10, len(gaps(body)), "no key frame after the eighth part of the segment")
	for n := range 2 {
		require.Equal(t, string(clip.reps["0"][2+n].bytes), b.body("/live/cam/"+e.Name()+"/"+timeline.SegmentName("180p", int64(3+n))))
	}
	for _, r := range ladder {
		enc.fragments(r.Rep, 1)
	}
	b.take(e, "")
	require.Equal(t, 17, len(gaps(b.body("/live/cam/180p.m3u8"))))

	require.NoError(t, e.End())
	next, enc := b.next(tl)
	b.run(next, enc, 1)
	require.Equal(t, string(clip.reps["0"][2].bytes), b.body("/live/cam/"+e.Name()+"/180p-3.m4s"), "what was given up, and came")
}

// What was given up before a crash stays given up.
func TestGapsOutliveRestart(t *testing.T) {
	for _, compacted := range []bool{false, true} {
		b, tl, e, enc := growing(t, 3)
		b.wait(tl, 4*time.Second)
		for _, r := range ladder {
			enc.segment(r.Rep)
			enc.fragments(r.Rep, 9)
		}
		b.take(e, "")
		require.NoError(t, e.End())
		b.wait(tl, 1300*time.Millisecond)
		before := b.body("/live/cam/180p.m3u8")
		if compacted {
			b.compact(tl)
		}
		b.restart()
		after := b.body("/live/cam/180p.m3u8")
		sealed := regexp.MustCompile(`(?m)^#EXT-X-(PRELOAD-HINT|RENDITION-REPORT|GAP|MAP).*\n`)
		lines := sealed.ReplaceAllString(before, "")
		require.Equal(t, lines, sealed.ReplaceAllString(after, "")[:len(lines)], "compacted %v", compacted)
		_, next, enc := b.epoch("cam")
		b.run(next, enc, 1)
		_, body := b.playlist("/live/cam/180p.m3u8")
		require.Equal(t, gaps(before), gaps(body)[:len(gaps(before))])
	}
}

func TestAnnouncedEpochThatIsNotTaken(t *testing.T) {
	for name, test := range map[string]struct {
		wait       time.Duration
		renditions []timeline.Rendition
	}{
		"other renditions": {standstill + time.Second, ladder[1:]},
		"too long ago":     {22 * time.Second, ladder},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(o *Options) { o.Window = time.Minute })
			tl, e, enc := b.epoch("cam")
			b.run(e, enc, 2)
			require.NoError(t, e.End())
			b.wait(tl, test.wait)
			next, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: test.renditions})
			require.NoError(t, err)
			next.SetZero(b.clock.Now())
			enc = newEncoder(t, next)
			for _, r := range test.renditions {
				enc.segment(r.Rep)
			}
			b.take(next, "")
			body := b.body("/live/cam/90p.m3u8")
			require.Contains(t, body, "#EXT-X-GAP\n")
			require.Equal(t, 2, strings.Count(body, "#EXT-X-DISCONTINUITY\n"), body)
			segments := tl.playlist("90p").Segments
			for i := range segments[1:] {
				require.False(t, segments[i+1].Wall().Before(segments[i].Wall()), "time does not go back")
			}
		})
	}
}

// What was given up at the end of an epoch is no time that its Period has media for: the next one begins where the media ended.
func TestGapsAtTheEndOfAnEpoch(t *testing.T) {
	b, tl, e, _ := growing(t, 3)
	b.wait(tl, standstill+time.Second)
	require.NotEmpty(t, gaps(b.body("/live/cam/180p.m3u8")))
	require.NoError(t, e.End())
	before := len(gaps(b.body("/live/cam/180p.m3u8")))
	b.wait(tl, standstill)
	require.Len(t, gaps(b.body("/live/cam/180p.m3u8")), before, "the next epoch has as long")
	next, enc := b.next(tl)
	b.run(next, enc, 1)
	require.Equal(t, tl.period(e).Duration, tl.period(next).Zero.Sub(tl.period(e).Zero))
	require.InDelta(t, 4.33, tl.period(e).Duration.Seconds(), 0.05, "where the audio ended")
	m, _ := b.manifest("/live/cam/manifest.mpd")
	require.Len(t, m.Periods, 2)
	require.Nil(t, m.Periods[0].Duration)
	require.InDelta(t, 4.33, time.Duration(*m.Periods[1].Start).Seconds(), 0.05)
	require.Len(t, gaps(b.body("/live/cam/180p.m3u8")), before)
}
