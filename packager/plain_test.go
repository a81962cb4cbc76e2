package packager

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/timeline"
)

// plain.mpd has what players need that know little: whole segments by their times, and no other address.
func TestPlainMPD(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	plain := func() *dash.MPD {
		t.Helper()
		m, err := dash.Parse([]byte(b.body("/live/cam/plain.mpd")))
		require.NoError(t, err)
		require.NoError(t, m.Validate())
		return m
	}
	b.run(e, enc, 2)
	m := plain()
	require.Empty(t, m.Location, "video.js takes it for an address of its page")
	require.Equal(t, dash.Dynamic, m.Type)
	require.NotEmpty(t, m.UTCTimings)
	w := b.get("/live/cam/plain.mpd")
	require.Equal(t, "public, max-age=1", w.Header().Get("Cache-Control"))
	require.Equal(t, "private, max-age=1", b.get("/live/cam/plain.mpd?token=a").Header().Get("Cache-Control"))
	require.Equal(t, "private, max-age=1", b.ask("/live/cam/plain.mpd", "ABC", true).Header().Get("Cache-Control"))

	enc.fragments("0", 3)
	b.take(e, "0")
	renders := tl.Info().Renders
	require.Equal(t, http.StatusNotModified, b.get("/live/cam/plain.mpd", "If-None-Match", w.Header().Get("Etag")).Code, "parts do not change it")
	require.Equal(t, renders, tl.Info().Renders)

	require.NoError(t, e.End())
	next, enc := b.next(tl)
	b.run(next, enc, 1)
	again := plain()
	require.True(t, again.PublishTime.After(m.PublishTime))
	require.Len(t, again.Periods, 1, "a chain of epochs that are decoded alike")
	for _, set := range again.Periods[0].AdaptationSets {
		for _, r := range set.Representations {
			of := r.Template
			require.Zero(t, of.Duration)
			require.Zero(t, of.AvailabilityTimeOffset)
			require.EqualValues(t, 1, of.StartNumber)
			require.Equal(t, e.Name()+"-on/$RepresentationID$-$Number$.m4s", of.Media)
			require.Equal(t, timeline.ToTicks(next.Offset(), of.Timescale), of.Timeline[len(of.Timeline)-1].T, "decode times go on")
			require.Equal(t, b.body("/live/cam/"+next.Name()+"/"+r.ID+"-4.m4s"), b.body("/live/cam/"+e.Name()+"-on/"+r.ID+"-4.m4s"))
			require.Equal(t, b.body("/live/cam/"+e.Name()+"/"+r.ID+"-2.m4s"), b.body("/live/cam/"+e.Name()+"-on/"+r.ID+"-2.m4s"))
			require.Equal(t, b.body("/live/cam/"+e.Name()+"/"+r.ID+"-init.mp4"), b.body("/live/cam/"+e.Name()+"-on/"+r.ID+"-init.mp4"))
		}
	}
	published := again.PublishTime
	b.run(next, enc, 1)
	require.True(t, plain().PublishTime.After(published), "each new segment is a version of its own")
	for _, path := range []string{"X-on/180p-2.m4s", e.Name() + "-on/180p-0.m4s", e.Name() + "-on/1080p-2.m4s", e.Name() + "-off/180p-2.m4s"} {
		require.Equal(t, http.StatusNotFound, b.get("/live/cam/"+path).Code, path)
	}

	kept := b.body("/live/cam/" + e.Name() + "/180p-2.m4s")
	b.run(next, enc, 6)
	require.NotContains(t, b.body("/live/cam/180p.m3u8"), "180p-2.m4s")
	require.Equal(t, kept, b.body("/live/cam/"+e.Name()+"-on/180p-2.m4s"), "for as long as it is there, listed or not")
	before := b.body("/live/cam/plain.mpd")
	require.NoError(t, next.End())
	b.restart()
	tl, err := b.Open("cam")
	require.NoError(t, err)
	again = plain()
	require.Contains(t, before, fmt.Sprintf("%q", again.Periods[0].AdaptationSets[0].Representations[0].Template.Media), "another process goes on with the names")
	require.Len(t, again.Periods, 1)

	require.NoError(t, tl.End())
	require.Equal(t, b.body("/live/cam/manifest.mpd"), b.body("/live/cam/plain.mpd"), "what has ended is as it is for all")
	require.Equal(t, b.body("/live/cam/"+next.Name()+"/180p-10.m4s"), b.body("/live/cam/"+e.Name()+"-on/180p-10.m4s"))
}
