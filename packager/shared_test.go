package packager

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/timeline"
)

// Two renditions may have the same files of ffmpeg: each has its own names for them, with the same bytes, also after a crash.
func TestRenditionsShareFiles(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Window = time.Minute })
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, e.End())
	shared := []timeline.Rendition{ladder[1], ladder[1], ladder[2]}
	shared[0].ID = ladder[0].ID
	e, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: shared})
	require.NoError(t, err)
	e.SetZero(b.clock.Now())
	enc = newEncoder(t, e)
	b.run(e, enc, 2)
	for _, rep := range []string{"1", "2"} {
		enc.fragments(rep, 3)
	}
	b.take(e, "1")
	alike := func(text string) string { return strings.ReplaceAll(text, "180p", "90p") }
	requireSame := func(segments int) {
		p, first := b.playlist("/live/cam/180p.m3u8")
		require.Equal(t, alike(withoutParts(b.body("/live/cam/90p.m3u8"))), alike(withoutParts(first)))
		same := []string{e.Name() + "/180p-init.mp4"}
		for _, s := range p.GetAllSegments() {
			if strings.HasPrefix(s.URI, e.Name()) {
				same = append(same, s.URI)
			}
		}
		require.Len(t, same, 1+segments)
		for _, uri := range same {
			require.Equal(t, b.body("/live/cam/"+alike(uri)), b.body("/live/cam/"+uri))
		}
		require.Equal(t, 2, strings.Count(b.body("/live/cam/index.m3u8"), "RESOLUTION=160x90"))
		m, _ := b.manifest("/live/cam/manifest.mpd")
		require.Len(t, m.Periods, 2)
		require.Len(t, m.Periods[1].AdaptationSets[0].Representations, 2)
	}
	requireSame(2)
	b.restart()
	requireSame(3) // with the one that was cut
}

// A playlist still has what an earlier epoch made of a rendition, so the rate that is declared for it holds for that too.
func TestBandwidthSpansEpochs(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	before := b.bandwidth("180p")
	require.Greater(t, before, b.bandwidth("90p"))
	require.NoError(t, e.End())
	reduced := []timeline.Rendition{ladder[1], ladder[1], ladder[2]}
	reduced[0].ID = ladder[0].ID
	next, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: reduced})
	require.NoError(t, err)
	next.SetZero(b.clock.Now())
	enc = newEncoder(t, next)
	b.run(next, enc, 1)
	require.Contains(t, b.body("/live/cam/index.m3u8"), "RESOLUTION=160x90")
	require.Equal(t, before, b.bandwidth("180p"))
	b.run(next, enc, 7)
	require.Equal(t, b.bandwidth("90p"), b.bandwidth("180p"), "nothing of the earlier epoch is left")
}

// bandwidth is what the manifest.MultivariantName playlist declares for the rendition.
func (b *bench) bandwidth(id string) int {
	b.t.Helper()
	found := regexp.MustCompile(`:BANDWIDTH=(\d+).*\n` + id + `\.m3u8`).FindStringSubmatch(b.body("/live/cam/index.m3u8"))
	require.Len(b.t, found, 2)
	rate, err := strconv.Atoi(found[1])
	require.NoError(b.t, err)
	return rate
}
