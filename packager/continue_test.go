package packager

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/recording"
)

// A broadcast goes on in another packager behind the numbers that the first one has been allowed, which lists no others, and back again in the first.
func TestContinue(t *testing.T) {
	fenced := func(o *Options) { o.Fenced, o.Record = true, true }
	a, b := newBench(t, fenced), newBench(t, fenced)
	tl, e, enc := a.epoch("cam")
	n := tl.Numbers(4)
	tl.SetLimit(n.Next)
	a.run(e, enc, 3)
	n = tl.Numbers(2)
	require.EqualValues(t, 6, n.Next)
	tl.SetLimit(n.Next)
	a.run(e, enc, 4)
	p, _ := a.playlist("/live/cam/180p.m3u8")
	require.Len(t, p.GetAllSegments(), 5, "the rest waits for numbers")
	_, mpd := a.manifest("/live/cam/manifest.mpd")

	b.clock.Advance(a.clock.Now().Sub(b.clock.Now()) + 3*time.Second)
	moved, err := b.Continue("cam", n)
	require.NoError(t, err)
	require.Equal(t, []string{"180p", "90p", "audio"}, moved.Before())
	moved.SetLimit(moved.Numbers(16).Next)
	second, enc2 := b.next(moved)
	b.run(second, enc2, 2)
	p, body := b.playlist("/live/cam/180p.m3u8")
	require.EqualValues(t, 6, p.SeqNo)
	require.Contains(t, body, "#EXT-X-DISCONTINUITY\n")
	require.Contains(t, body, "#EXT-X-DISCONTINUITY-SEQUENCE:1\n")
	require.NotEqual(t, e.Name(), second.Name())
	for _, n := range []string{"3", "8"} {
		require.Equal(t, http.StatusOK, b.get("/live/cam/"+e.Name()+"/180p-"+n+".m4s").Code, "dash.js that is refused stands still")
	}
	require.Equal(t, http.StatusNotFound, b.get("/live/cam/"+e.Name()+"/180p-3.2.m4s").Code)
	require.Equal(t, http.StatusNotFound, b.get("/live/cam/nothing/180p-3.m4s").Code)
	m, theirs := b.manifest("/live/cam/manifest.mpd")
	require.Len(t, m.Periods, 2)
	require.Equal(t, startOf(t, mpd), startOf(t, theirs))

	// A restart goes on with what it has taken.
	require.NoError(t, second.End())
	b.restart()
	p, _ = b.playlist("/live/cam/180p.m3u8")
	require.Len(t, p.GetAllSegments(), 2)
	moved, err = b.Open("cam")
	require.NoError(t, err)
	require.Equal(t, n.Broadcast, moved.Numbers(0).Broadcast)

	// The first one yields, of which viewers see nothing, and gets the broadcast back.
	require.NoError(t, tl.Yield())
	_, body = a.playlist("/live/cam/180p.m3u8")
	require.NotContains(t, body, "ENDLIST")
	require.Empty(t, a.Waiting())
	next := moved.Numbers(0)
	a.clock.Advance(b.clock.Now().Sub(a.clock.Now()))
	back, err := a.Continue("cam", next)
	require.NoError(t, err)
	back.SetLimit(back.Numbers(16).Next)
	third, enc3 := a.next(back)
	a.run(third, enc3, 1)
	p, _ = a.playlist("/live/cam/180p.m3u8")
	require.Equal(t, uint64(next.Next), p.SeqNo)
	require.Equal(t, http.StatusOK, a.get("/live/cam/"+e.Name()+"/180p-2.m4s").Code, "for who has an older playlist")

	var linked []recording.Info
	for _, p := range []*Packager{a.Packager, b.Packager} {
		linked = append(linked, p.Recordings()...)
	}
	require.GreaterOrEqual(t, len(linked), 3)
	for _, r := range linked {
		require.Equal(t, n.Broadcast, r.Broadcast)
	}
}

var availabilityStart = regexp.MustCompile(`availabilityStartTime="([^"]*)"`)

// startOf is the availabilityStartTime of an MPD.
func startOf(t *testing.T, mpd string) string {
	t.Helper()
	found := availabilityStart.FindStringSubmatch(mpd)
	require.NotNil(t, found)
	return found[1]
}
