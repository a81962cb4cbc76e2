package e2e

import (
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/conformance"
)

// Half a minute of a stream, with a publisher that leaves and comes back, is kept whole and checked rule by rule; every segment
// decodes without an error.
func TestConformance(t *testing.T) {
	alongside(t, atLength(paged))
	inTime(t, func() (restarts int) {
		s := startService(t, "--ladder", "240p=426x240@30:400k,120p=214x120@30:150k", "--linger", "12s", "--window", "20s")
		p := newPublisher(t, s, "checked")
		seen := watch(t, s, "checked")
		p.sendAll()
		p.stop()
		lapse(2 * time.Second) // away
		p = newPublisher(t, s, "checked")
		p.send()
		s.waitMoreListed("/live/checked/240p.m3u8", 5)
		p.stop()
		s.waitState("checked", "ended")

		visits := seen()
		t.Logf("%d visits", len(visits))
		requireConformant(t, visits)
		requireFetched(t, visits)
		if restarts = s.stream("checked").Encoder.Restarts; restarts == 0 {
			require.Zero(t, s.metric(`sluice_gaps_total{stream="checked"}`))
			requireDecodes(t, visits, 3)
		}
		return restarts
	})
}

// requireFetched asserts that everything that was listed was there.
func requireFetched(t *testing.T, visits []conformance.Visit) {
	t.Helper()
	playable := false
	for _, visit := range visits {
		playable = playable || visit.Status == http.StatusOK
		if playable && !strings.HasSuffix(visit.URL, ".m3u8") && !strings.HasSuffix(visit.URL, ".mpd") {
			require.Equal(t, http.StatusOK, visit.Status, "%s", visit.URL)
		}
	}
}

// requireDecodes has ffmpeg decode each rendition of each epoch, of which there are so many, without mercy.
func requireDecodes(t *testing.T, visits []conformance.Visit, count int) {
	t.Helper()
	tracks := wholeTracks(t, visits)
	require.Len(t, tracks, count)
	for name, file := range tracks {
		ffmpeg(t, "-i", file, "-f", "null", "-")
		t.Logf("%s decodes", path.Base(name))
	}
}

// wholeTracks puts the segments of each rendition and epoch behind their init segment, in a file each.
func wholeTracks(t *testing.T, visits []conformance.Visit) (files map[string]string) {
	t.Helper()
	directory := t.TempDir()
	files = map[string]string{}
	tracks := map[string][]conformance.Visit{}
	inits := map[string][]byte{}
	for _, visit := range visits {
		track, init := strings.CutSuffix(visit.URL, "-init.mp4")
		switch {
		case visit.Status != http.StatusOK:
		case init:
			inits[track] = visit.Body
		case strings.HasSuffix(visit.URL, ".m4s"):
			track = visit.URL[:strings.LastIndexByte(visit.URL, '-')]
			tracks[track] = append(tracks[track], visit)
		}
	}
	for track, segments := range tracks {
		slices.SortFunc(segments, func(a, b conformance.Visit) int { return compareNumbers(a.URL, b.URL) })
		whole := slices.Clone(inits[track])
		for _, segment := range segments {
			whole = append(whole, segment.Body...)
		}
		file := filepath.Join(directory, strings.ReplaceAll(strings.Trim(track, "/"), "/", "-")+".mp4")
		require.NoError(t, os.WriteFile(file, whole, 0o644))
		files[track] = file
	}
	return files
}

// compareNumbers orders names that end in a number by length first.
func compareNumbers(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
