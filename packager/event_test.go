package packager

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A stream that lists everything does so after a restart and its end, and gives the older half up where the disk is full.
func TestEventStream(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Event = true })
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 12) // twice what the window has
	b.keep()
	first := filepath.Join(e.Dir(), "out", "180p-1.m4s")
	everything := func(segments int) {
		p, text := b.playlist("/live/cam/180p.m3u8")
		require.Contains(t, text, "#EXT-X-PLAYLIST-TYPE:EVENT\n")
		require.Len(t, p.GetAllSegments(), segments)
		require.FileExists(t, first)
	}
	everything(12)
	_, mpd := b.manifest("/live/cam/manifest.mpd")
	require.NotContains(t, mpd, "timeShiftBufferDepth")
	_, delta := b.playlist("/live/cam/180p.m3u8?_HLS_skip=YES")
	require.Contains(t, delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=")

	b.restart()
	everything(12)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 12)
	everything(24)

	b.disk(Disk{Free: reserve - 1})
	b.keep()
	b.keep()
	require.NoFileExists(t, first)
	p, text := b.playlist("/live/cam/180p.m3u8")
	require.NotContains(t, text, "EVENT")
	require.Less(t, len(p.GetAllSegments()), 24)
	for _, s := range p.GetAllSegments() {
		require.Equal(t, 200, b.get("/live/cam/"+s.URI).Code, "what is listed stays")
	}
	_, mpd = b.manifest("/live/cam/manifest.mpd")
	require.Contains(t, mpd, "timeShiftBufferDepth")

	b.disk(Disk{Free: -1})
	require.NoError(t, tl.End())
	left := b.body("/live/cam/180p.m3u8")
	b.clock.Advance(20 * time.Second)
	b.keep()
	require.Equal(t, strings.Count(left, "#EXTINF"), strings.Count(b.body("/live/cam/180p.m3u8"), "#EXTINF"))
	b.clock.Advance(time.Hour)
	b.keep()
	require.Equal(t, 404, b.get("/live/cam/180p.m3u8").Code)
}
