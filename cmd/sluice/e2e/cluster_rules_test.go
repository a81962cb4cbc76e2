package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const madeUp = `#EXTM3U
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:2
#EXT-X-MAP:URI="aa/source-init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T19:45:00.000Z
#EXTINF:2.000000,
aa/source-7.m4s
#EXTINF:2.000000,
aa/source-8.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="bb/source-init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T19:45:05.000Z
#EXT-X-PART:DURATION=0.200000,URI="bb/source-9.0.m4s"
#EXT-X-PART:DURATION=0.200000,URI="bb/source-9.1.m4s"
`

const madeUpMPD = `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic" availabilityStartTime="2026-11-20T19:45:00Z" publishTime="2026-11-20T19:46:00Z" minBufferTime="PT2S">
<Period id="1" start="PT0S" duration="PT61S"/><Period id="2" start="PT61S"/></MPD>`

// seenAt is an answer of a node.
func seenAt(node, path, body string) sighting {
	return sighting{node, path, time.Date(2026, 11, 20, 19, 45, 10, 0, time.UTC), http.StatusOK, []byte(body)}
}

// Each rule can be broken, by one node at two times or by two nodes, and what keeps all of them breaks none.
func TestClusterChecker(t *testing.T) {
	t.Parallel()
	playlist := func(node string, changes ...string) sighting {
		return seenAt(node, "source.m3u8", strings.NewReplacer(changes...).Replace(madeUp))
	}
	manifest := func(node string, changes ...string) sighting {
		return seenAt(node, "manifest.mpd", strings.NewReplacer(changes...).Replace(madeUpMPD))
	}
	gone := sighting{node: "b", path: "aa/source-7.m4s", status: http.StatusNotFound}
	next := playlist("b", "SEQUENCE:7", "SEQUENCE:8", "aa/source-7.m4s\n#EXTINF:2.000000,\n", "", "45:00.000Z", "45:02.000Z")
	for name, c := range map[string]struct {
		seen []sighting
		rule string // that is broken; empty: none
	}{
		"the same at two":                {[]sighting{playlist("a"), playlist("b"), manifest("a"), manifest("b")}, ""},
		"later at one":                   {[]sighting{playlist("a"), next, playlist("a")}, ""},
		"another stretch after a swap":   {[]sighting{playlist("a"), playlist("b", "SEQUENCE:7", "SEQUENCE:30", "SEQUENCE:2", "SEQUENCE:4", "aa/", "cc/", "bb/", "dd/", "T19:45", "T19:46")}, ""},
		"another name at another":        {[]sighting{playlist("a"), playlist("b", "aa/source-8", "cc/source-8")}, oneName},
		"another name later":             {[]sighting{playlist("a"), playlist("a", "aa/source-8", "cc/source-8")}, oneName},
		"another name of a part":         {[]sighting{playlist("a"), playlist("b", "bb/source-9.1", "cc/source-9.1")}, oneName},
		"another date":                   {[]sighting{playlist("a"), playlist("b", "45:00.000Z", "45:00.500Z")}, sameDate},
		"a date that goes back":          {[]sighting{playlist("a"), playlist("b", "SEQUENCE:7", "SEQUENCE:30", "SEQUENCE:2", "SEQUENCE:4", "aa/", "cc/", "bb/", "dd/", "T19:45", "T19:44")}, datesGoOn},
		"a date that goes back at once":  {[]sighting{playlist("a", "#EXTINF:2.000000,\naa/source-8", "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T19:44:59.000Z\n#EXTINF:2.000000,\naa/source-8")}, datesGoOn},
		"another discontinuity sequence": {[]sighting{playlist("a"), playlist("b", "SEQUENCE:2", "SEQUENCE:3")}, sameTear},
		"one discontinuity less":         {[]sighting{playlist("a"), playlist("a", "#EXT-X-DISCONTINUITY\n", "")}, sameTear},
		"discontinuities that go back":   {[]sighting{playlist("a"), playlist("b", "SEQUENCE:7", "SEQUENCE:30", "SEQUENCE:2", "SEQUENCE:0", "aa/", "cc/", "bb/", "dd/", "T19:45", "T19:46")}, tearsGoOn},
		"a playlist that begins earlier": {[]sighting{next, playlist("b")}, neverBack},
		"a playlist that ends earlier":   {[]sighting{playlist("a"), playlist("a", `#EXT-X-PART:DURATION=0.200000,URI="bb/source-9.1.m4s"`+"\n", "")}, neverBack},
		"another beginning":              {[]sighting{manifest("a"), manifest("b", "19:45:00Z", "19:45:01Z")}, oneBeginning},
		"a Period that moves":            {[]sighting{manifest("a"), manifest("b", `start="PT61S"`, `start="PT62S"`)}, periodStays},
		"a Period before another":        {[]sighting{manifest("a", `start="PT0S"`, `start="PT90S"`)}, periodsGoOn},
		"no MPD":                         {[]sighting{seenAt("a", "manifest.mpd", "<MPD")}, periodsGoOn},
		"other bytes":                    {[]sighting{seenAt("a", "aa/source-7.m4s", "one"), seenAt("b", "aa/source-7.m4s", "other")}, sameMedia},
		"the same bytes":                 {[]sighting{seenAt("a", "aa/source-7.m4s", "one"), seenAt("b", "aa/source-7.m4s", "one")}, ""},
		"not there":                      {[]sighting{playlist("a"), gone}, isThere},
		"an empty answer":                {[]sighting{playlist("a"), seenAt("a", "source.m3u8", "")}, isPlaylist},
		"no playlist yet":                {[]sighting{{node: "a", path: "source.m3u8", status: http.StatusNotFound}, {node: "a", path: "manifest.mpd"}}, ""},
	} {
		checker := newClusterChecker()
		for _, s := range c.seen {
			checker.take(s)
		}
		if c.rule == "" {
			require.Empty(t, checker.faults(), name)
			continue
		}
		require.NotEmpty(t, checker.faults(), name)
		for _, fault := range checker.faults() {
			require.True(t, strings.HasPrefix(fault, c.rule+": "), "%s: %s", name, fault)
		}
	}
}

// What an owner that has died had may be gone, what another one has made since may not; and a node that is down need not answer.
func TestClusterCheckerExcuses(t *testing.T) {
	t.Parallel()
	checker := newClusterChecker()
	checker.take(seenAt("a", "source.m3u8", madeUp))
	checker.died()
	checker.take(sighting{node: "b", path: "aa/source-7.m4s", status: http.StatusServiceUnavailable})
	checker.setDown("a", true)
	checker.take(sighting{node: "a", path: "cc/source-30.m4s"})
	require.Empty(t, checker.faults())
	checker.setDown("a", false)
	for range 2 {
		checker.take(sighting{node: "a", path: "cc/source-30.m4s"})
	}
	require.Len(t, checker.faults(), 1, "it is said once")
}

// The longest time without news is that of each node.
func TestClusterCheckerPauses(t *testing.T) {
	t.Parallel()
	checker := newClusterChecker()
	for i, second := range []int{0, 1, 5, 6} {
		s := seenAt("a", "source.m3u8", strings.Replace(madeUp, "SEQUENCE:7", fmt.Sprint("SEQUENCE:", 7+10*i), 1))
		s.at = s.at.Add(time.Duration(second) * time.Second)
		checker.take(s)
		checker.take(s) // nothing new
	}
	require.Equal(t, 4*time.Second, checker.pauses["a"])
	checker.reset()
	require.Less(t, checker.longest("a"), time.Minute)
}
