package packager

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/timeline"
)

// listOf are the segments that Shaka Player has of an epoch that began so long ago when the MPD tells the end of its Period: by the
// clock, one ahead.
func (b *bench) listOf(e *live.Epoch, ago time.Duration) (paths []string) {
	for _, r := range ladder {
		for n := range int64(ago/(2*time.Second)) + 2 {
			paths = append(paths, "/live/cam/"+e.Name()+"/"+timeline.SegmentName(r.ID, n+1))
		}
	}
	return paths
}

// isEmpty reports whether there is nothing in a segment or part of a rendition, and its decode time.
func (s *Stream) isEmpty(t testing.TB, rendition string, segment []byte) (start time.Duration, nothing bool) {
	file, err := mp4.DecodeFile(bytes.NewReader(segment))
	require.NoError(t, err)
	require.NotEmpty(t, file.Segments)
	require.NotEmpty(t, file.Segments[0].Fragments, "players take a segment without a fragment for one of another kind")
	traf := file.Segments[0].Fragments[0].Moof.Traf
	return timeline.FromTicks(int64(traf.Tfdt.BaseMediaDecodeTime()), s.playlist(rendition).Segments[0].Timescale), len(traf.Truns) == 0
}

// A player that has listed more segments of a Period than it came to have gets empty ones: refused, it would ask for the first of
// them again and again, and never for the next Period. What was published stays what it was.
func TestPeriodLacksNothingThatPlayersAskFor(t *testing.T) {
	for _, c := range []struct {
		name         string
		video, audio int // fragments of the third segment when ffmpeg is killed
		empty        int // of the segments listed
	}{
		{"killed within a segment", 3, 6, 3 * 2},
		{"killed at the end of one", 0, 0, 3 * 3},
		{"with a sliver of sound", 0, 1, 3*3 - 1},
		{"with a picture and no sound", 1, 0, 3*3 - 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			tl, e, enc := b.epoch("cam")
			b.run(e, enc, 2)
			enc.fragments("0", c.video)
			enc.fragments("1", c.video)
			enc.fragments("2", c.audio)
			b.take(e, "")
			published := map[string]string{}
			for _, id := range []string{"180p", "audio"} {
				for n := range 2 {
					path := "/live/cam/" + e.Name() + "/" + timeline.SegmentName(id, int64(n+1))
					published[path] = b.body(path)
				}
			}
			synctest.Test(t, func(t *testing.T) {
				require.NoError(t, e.End())
				b.clock.Advance(3 * time.Second)
				asked := b.listOf(e, 7*time.Second)
				require.Len(t, asked, 3*5)
				next, enc := b.next(tl)
				b.run(next, enc, 1)
				begin := time.Now()
				empty := 0
				for i, path := range asked {
					w := b.get(path)
					require.Equal(t, http.StatusOK, w.Code, path)
					require.Equal(t, "video/iso.segment", w.Header().Get("Content-Type"))
					start, nothing := tl.isEmpty(t, ladder[i/5].ID, w.Body.Bytes())
					if !nothing {
						continue
					}
					empty++
					require.Equal(t, time.Duration(i%5)*2*time.Second, start.Round(100*time.Millisecond), path)
					require.Equal(t, "public, max-age=1", w.Header().Get("Cache-Control"))
					require.Equal(t, edgeWait, time.Since(begin), "not before all have read that there is a next Period, and then at once")
				}
				require.Equal(t, c.empty, empty)
				for path, body := range published {
					require.Equal(t, body, b.body(path))
				}
				running := next.Name() + "/" + timeline.SegmentName("180p", tl.period(next).First+2)
				for _, path := range []string{
					e.Name() + "/180p-90.m4s", e.Name() + "/1080p-4.m4s", e.Name() + "/180p-4.0.m4s", e.Name() + "/180p-0.m4s",
					next.Name() + "/180p-2.m4s", running, "X/180p-4.m4s",
				} {
					require.Equal(t, http.StatusNotFound, b.get("/live/cam/"+path).Code, path)
				}
				require.Equal(t, edgeWait, time.Since(begin))
			})
		})
	}
}

// What has left the window is gone, and what belongs to another Period is not there; the last Period of an ended broadcast is one like others.
func TestEndedPeriodsLackNothing(t *testing.T) {
	b := newBench(t, nil)
	tl, err := b.Open("cam")
	require.NoError(t, err)
	e, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: []timeline.Rendition{ladder[0], ladder[2]}})
	require.NoError(t, err)
	e.SetZero(b.clock.Now())
	b.run(e, newEncoder(t, e), 10)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, e.End())
		next, enc := b.next(tl)
		b.run(next, enc, 1)
		b.clock.Advance(time.Minute)
		b.keep()
		start, nothing := tl.isEmpty(t, "180p", []byte(b.body("/live/cam/"+e.Name()+"/180p-11.m4s")))
		require.True(t, nothing)
		require.Equal(t, 20*time.Second, start)
		require.Equal(t, http.StatusNotFound, b.get("/live/cam/"+e.Name()+"/180p-1.m4s").Code, "it was there")
		require.Equal(t, http.StatusNotFound, b.get("/live/cam/"+e.Name()+"/90p-11.m4s").Code, "a rendition that the Period has not")

		require.NoError(t, next.End())
		require.NoError(t, tl.End())
		beyond := "/live/cam/" + next.Name() + "/180p-12.m4s"
		_, nothing = tl.isEmpty(t, "180p", []byte(b.body(beyond)))
		require.True(t, nothing)
		require.Equal(t, "100", b.request(http.MethodHead, beyond).Header().Get("Content-Length"))
	})
}

// Of an epoch that is known no more, who counts by the clock in an MPD of that time gets what has nothing in it; all else is refused as ever.
func TestForgottenPeriodsLackNothing(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Window = 6 * time.Second })
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, e.End())
		next, enc := b.next(tl)
		b.run(next, enc, 10)
		b.clock.Advance(5 * time.Minute)
		b.keep()
		first := tl.period(next).First
		_, nothing := tl.isEmpty(t, "180p", []byte(b.body("/live/cam/"+e.Name()+"/180p-"+strconv.FormatInt(first+9, 10)+".m4s")))
		require.True(t, nothing)
		for _, path := range []string{
			e.Name() + "/180p-0.m4s", e.Name() + "/180p-11.0.m4s", e.Name() + "/180p-init.mp4", e.Name() + "/1080p-11.m4s",
			next.Name() + "/180p-1000.m4s", "X/180p-11.m4s", strings.ToLower(e.Name()) + "/180p-11.m4s",
		} {
			require.Equal(t, http.StatusNotFound, b.get("/live/cam/"+path).Code, path)
		}
	})
}

// After a hole that makes the MPD begin anew the Periods before it are gone from there. Who had read them may ask for more of them all the same.
func TestNothingIsLackingBeforeAHole(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Window = time.Minute })
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, e.End())
		b.clock.Advance(21 * time.Second)
		next, enc := b.next(tl)
		b.run(next, enc, 1)
		m, _ := b.manifest("/live/cam/manifest.mpd")
		require.Len(t, m.Periods, 1)
		for n, want := range map[string]time.Duration{"180p-3": 4 * time.Second, "180p-14": 26 * time.Second, "audio-3": 4 * time.Second} {
			id, _, _ := strings.Cut(n, "-")
			start, nothing := tl.isEmpty(t, id, []byte(b.body("/live/cam/"+e.Name()+"/"+n+".m4s")))
			require.True(t, nothing, n)
			require.Equal(t, want, start.Round(100*time.Millisecond), n)
		}
		for _, path := range []string{e.Name() + "/180p-30.m4s", e.Name() + "/1080p-3.m4s", next.Name() + "/180p-2.m4s", "X/180p-3.m4s"} {
			require.Equal(t, http.StatusNotFound, b.get("/live/cam/"+path).Code, path)
		}
	})
}
