package conformance

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// defect spoils the fixture's visits in one way.
type defect func([]Visit) []Visit

// edit replaces text in the bodies of the visits to files with this suffix, from the given second of the stream on.
func edit(suffix string, from int, old, new string) defect {
	return func(all []Visit) []Visit {
		for i := range all {
			if v := &all[i]; v.is(suffix) && after(v, from) {
				v.Body = bytes.ReplaceAll(v.Body, []byte(old), []byte(new))
			}
		}
		return all
	}
}

// between edits only within a span of seconds.
func between(suffix string, from, to int, old, new string) defect {
	return func(all []Visit) []Visit {
		for i := range all {
			if v := &all[i]; v.is(suffix) && after(v, from) && !after(v, to) {
				v.Body = bytes.ReplaceAll(v.Body, []byte(old), []byte(new))
			}
		}
		return all
	}
}

func after(v *Visit, second int) bool { return v.At.Sub(zero) >= time.Duration(second)*time.Second }

// header sets a header of the visits to files with this suffix; an empty value takes it away.
func header(suffix, name, value string) defect {
	return func(all []Visit) []Visit {
		for i := range all {
			if !all[i].is(suffix) {
				continue
			}
			all[i].Header = all[i].Header.Clone()
			all[i].Header.Del(name)
			if value != "" {
				all[i].Header.Set(name, value)
			}
		}
		return all
	}
}

func status(suffix string, code int) defect {
	return func(all []Visit) []Visit {
		for i := range all {
			if all[i].is(suffix) {
				all[i].Status = code
			}
		}
		return all
	}
}

// body replaces the content of a file.
func body(suffix string, b []byte) defect {
	return func(all []Visit) []Visit {
		for i := range all {
			if all[i].is(suffix) {
				all[i].Body = b
			}
		}
		return all
	}
}

// frozen makes the playlists stand still from one second to another.
func frozen(suffix string, from, to int) defect {
	return func(all []Visit) []Visit {
		var last []byte
		for i := range all {
			v := &all[i]
			switch {
			case v.is(suffix) && after(v, from) && !after(v, to):
				v.Body = last
			case v.is(suffix):
				last = v.Body
			}
		}
		return all
	}
}

type example struct {
	rule   string
	defect defect
}

// otherVariant is the tag of one more variant.
const otherVariant = `#EXT-X-STREAM-INF:BANDWIDTH=140000,AVERAGE-BANDWIDTH=138000,CODECS="avc1.42C00D,mp4a.40.2",RESOLUTION=320x180,FRAME-RATE=30.000,AUDIO="audio"`

// otherSet is one more adaptation set, without segments.
const otherSet = `<AdaptationSet id="3" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1"><Representation id="source" codecs="vp09.00.11.08" bandwidth="1"/></AdaptationSet><AdaptationSet id="0"`

func hlsExamples() []example {
	return []example{
		{"rfc8216bis §4.1 playlist format", edit("180p.m3u8", 40, "#EXTM3U\n", "")},
		{"rfc8216bis §4.1 playlist format", edit("180p.m3u8", 40, "#EXTINF:", "#EXTINF:x")},
		{"rfc8216bis §4.1 playlist format", edit("180p.m3u8", 40, "#EXTINF:2.000000,\n", "")},

		{"rfc8216bis §4.4.1.2 EXT-X-VERSION", edit("180p.m3u8", 0, "VERSION:6", "VERSION:7")},
		{"rfc8216bis §4.4.1.2 EXT-X-VERSION", edit("180p.m3u8", 0, "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-VERSION:6\n")},
		{"rfc8216bis §4.4.3.1 EXT-X-TARGETDURATION", edit(".m3u8", 0, "#EXT-X-TARGETDURATION:2\n", "")},
		{"rfc8216bis §4.4.3.1 EXT-X-TARGETDURATION", edit("180p.m3u8", 20, "#EXTINF:2.0", "#EXTINF:2.5")},
		{"rfc8216bis §4.4.3.2 EXT-X-MEDIA-SEQUENCE", edit("180p.m3u8", 0, "#EXT-X-MEDIA-SEQUENCE:0\n", "")},
		{"rfc8216bis §4.4.3.3 EXT-X-DISCONTINUITY-SEQUENCE", edit("180p.m3u8", 0, "#EXT-X-DISCONTINUITY-SEQUENCE:0\n", "")},
		{"rfc8216bis §4.4.3.5 EXT-X-PLAYLIST-TYPE", edit("180p.m3u8", 0, "#EXT-X-VERSION", "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-VERSION")},
		{"rfc8216bis §4.4.4.6 EXT-X-PROGRAM-DATE-TIME", edit("180p.m3u8", 0, ":00.000Z", ":00Z")},
		{"rfc8216bis §4.4.4.6 EXT-X-PROGRAM-DATE-TIME", edit("180p.m3u8", 30, "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T19:45:30.000Z\n", "")},
		{"rfc8216bis §6.2.1 dates agree with durations", edit("180p.m3u8", 0, ":10.000Z", ":10.050Z")},
		{"HLS authoring 8.11 window", edit("180p.m3u8", 0, "TARGETDURATION:2", "TARGETDURATION:9")},
		{"HLS authoring 8.20 EXT-X-MAP", edit("180p.m3u8", 0, "#EXT-X-MAP:URI=\"aaaa/180p-init.mp4\"\n", "")},
		{"HLS authoring 9.12 EXT-X-INDEPENDENT-SEGMENTS in one place", edit("180p.m3u8", 0, "#EXT-X-VERSION", "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-VERSION")},

		{"rfc8216bis §6.2.1 target duration never changes", edit(".m3u8", 30, "TARGETDURATION:2", "TARGETDURATION:3")},
		{"rfc8216bis §6.2.2 media sequence never falls", edit("180p.m3u8", 41, "MEDIA-SEQUENCE:10\n", "MEDIA-SEQUENCE:8\n")},
		{"rfc8216bis §6.2.1 segments stay as listed", edit("180p.m3u8", 41, "180p-14.m4s", "180p-14b.m4s")},
		{"rfc8216bis §6.2.2 discontinuity sequence counts what left", edit("180p.m3u8", 50, "DISCONTINUITY-SEQUENCE:1", "DISCONTINUITY-SEQUENCE:0")},
		{"rfc8216bis §4.4.3.4 nothing after EXT-X-ENDLIST", between("180p.m3u8", 50, 52, "#EXT-X-VERSION", "#EXT-X-ENDLIST\n#EXT-X-VERSION")},

		{"HLS authoring 9.11 EXT-X-INDEPENDENT-SEGMENTS", edit("index.m3u8", 0, "#EXT-X-INDEPENDENT-SEGMENTS\n", "")},
		{"rfc8216bis §4.4.6.2 BANDWIDTH", edit("index.m3u8", 0, ":BANDWIDTH=140000,", ":")},
		{"HLS authoring 9.14 AVERAGE-BANDWIDTH", edit("index.m3u8", 0, ",AVERAGE-BANDWIDTH=138000", "")},
		{"HLS authoring 9.1 CODECS", edit("index.m3u8", 0, `CODECS="avc1.42C00D,mp4a.40.2",`, "")},
		{"HLS authoring 9.2 RESOLUTION", edit("index.m3u8", 0, ",RESOLUTION=320x180", "")},
		{"HLS authoring 9.15 FRAME-RATE", edit("index.m3u8", 0, "FRAME-RATE=30.000", "FRAME-RATE=30")},
		{"rfc8216bis §4.4.6.1 audio groups", edit("index.m3u8", 0, `GROUP-ID="audio"`, `GROUP-ID="sound"`)},
		{"HLS authoring 8.10 LANGUAGE", edit("index.m3u8", 0, `LANGUAGE="und",`, "")},
		{"rfc8216bis §4.4.6.1 CHANNELS", edit("index.m3u8", 0, `CHANNELS="2",`, "")},
		{"HLS authoring 2.3 AAC", edit("index.m3u8", 0, "mp4a.40.2", "opus")},

		{"rfc8216bis §4.4.6.2 SCORE", edit("index.m3u8", 0, "#EXT-X-STREAM-INF:", otherVariant+",SCORE=2\n180p.m3u8\n#EXT-X-STREAM-INF:")},
		{"rfc8216bis §4.4.6.2 SCORE", edit("index.m3u8", 0, "#EXT-X-STREAM-INF:", strings.Replace(otherVariant, "avc1.42C00D", "vp09.00.11.08", 1)+"\n180p.m3u8\n#EXT-X-STREAM-INF:")},
		{"rfc8216bis §4.4.6.2 SCORE", edit("index.m3u8", 0, "CLOSED-CAPTIONS", "SCORE=0,CLOSED-CAPTIONS")},

		{"rfc8216bis §6.2.1 new segments in time", frozen(".m3u8", 40, 46)},
		{"rfc8216bis §6.2.1 listed segments are there", status("180p-20.m4s", http.StatusNotFound)},
		{"rfc8216bis §6.2.2 one URI, one segment", edit("180p.m3u8", 20, "180p-9.m4s", "180p-8.m4s")},
		{"rfc8216bis §6.2.4 same target duration in all renditions", edit("audio.m3u8", 0, "TARGETDURATION:2", "TARGETDURATION:3")},
		{"rfc8216bis §6.2.4 renditions in step", edit("audio.m3u8", 30, "#EXT-X-DISCONTINUITY\n", "")},
		{"rfc8216bis §6.2.4 renditions in step", edit("audio.m3u8", 0, "T19:45:", "T20:45:")},
		{"rfc8216bis §6.2.1 all renditions end", edit("audio.m3u8", 0, "#EXT-X-ENDLIST\n", "")},
		{"HLS authoring 8.1 durations are the media's", edit("180p.m3u8", 0, "EXTINF:2.000000", "EXTINF:2.010000")},
		{"HLS authoring 7.3 decode times go on", body("180p-20.m4s", video.chunk(video.edge(5)+512, 59, true, 0))},
		{"libavformat decode times go back nowhere", body("180p-15.m4s", video.media(0))},
		{"HLS authoring 9.1 CODECS are the init segment's", edit("index.m3u8", 0, "avc1.42C00D", "avc1.42C00C")},
		{"HLS authoring 9.2 RESOLUTION is the init segment's", edit("index.m3u8", 0, "320x180", "640x360")},
		{"HLS authoring 1.29 BANDWIDTH holds the peak", edit("index.m3u8", 0, "BANDWIDTH=140000,AVERAGE-BANDWIDTH=138000", "BANDWIDTH=100000,AVERAGE-BANDWIDTH=99000")},
		{"HLS authoring 1.28 AVERAGE-BANDWIDTH holds the mean", edit("index.m3u8", 0, "AVERAGE-BANDWIDTH=138000", "AVERAGE-BANDWIDTH=110000")},
		{"ISO/IEC 23000-19 §7.3 segments", body("180p-20.m4s", video.chunk(video.edge(5), 60, false, 0))},
		{"ISO/IEC 23000-19 §7.3.1 init segment", body("bbbb/180p-init.mp4", []byte("<html></html>"))},
		{"ISO/IEC 23000-19 §7.3.2.3 chunks are whole", body("180p-20.m4s", video.chunk(video.edge(5), 60, true, 0)[:9000])},

		{"HLS authoring 8.18 no redirects", status("180p-20.m4s", http.StatusFound)},
		{"HLS authoring 10.4 content types", header(".m4s", "Content-Type", "application/octet-stream")},
		{"HLS authoring 10.4 content types", header(".m3u8", "Content-Type", "text/plain")},
		{"HLS authoring 10.1 manifests are compressed", header("180p.m3u8", "Content-Encoding", "")},
		{"HLS authoring 8.24 Last-Modified is recent", header("180p.m3u8", "Last-Modified", zero.Add(-time.Minute).Format(http.TimeFormat))},
		{"Fetch §3.3.3 cross-origin access", header(".mp4", "Access-Control-Allow-Origin", "")},
		{"Fetch §3.3.3 cross-origin access", header(".m4s", "Access-Control-Expose-Headers", "Date")},
		{"RFC 9111 §5.2.2 segments are cached for ever", header(".m4s", "Cache-Control", "public, max-age=60")},
		{"RFC 9111 §5.2.2 playlists are cached briefly", header("180p.m3u8", "Cache-Control", "max-age=10")},
		{"RFC 9111 §5.2.2 playlists are cached briefly", header("180p.m3u8", "Cache-Control", "")},
		{"RFC 9111 §5.2.2.5 errors are not stored", status("180p.m3u8", http.StatusServiceUnavailable)},
		{"RFC 9110 §8.8.3 manifests have an ETag", header("index.m3u8", "ETag", "")},
		{"RFC 6265 §3 no cookies", header(".m4s", "Set-Cookie", "viewer=1")},
	}
}

func dashExamples() []example {
	return []example{
		{"ISO/IEC 23009-1 §5.3.1 MPD", edit(".mpd", 10, "</MPD>", "")},
		{"ISO/IEC 23009-1 §5.3.1 MPD", edit(".mpd", 0, ` minBufferTime="PT2S"`, "")},
		{"RFC 9110 §8.8.3 manifests have an ETag", header(".mpd", "ETag", "")},

		{"ISO/IEC 23009-1 §8.4 profile", edit(".mpd", 0, "isoff-live", "isoff-main")},
		{"DASH-IF TM durations in seconds", edit(".mpd", 0, `minBufferTime="PT2S"`, `minBufferTime="P0DT2S"`)},
		{"DASH-IF TM UTCTiming", edit(".mpd", 0, "http-iso", "ntp")},
		{"DASH-IF TM presentation delay inside the time shift buffer", edit(".mpd", 0, `Delay="PT6S"`, `Delay="PT20S"`)},
		{"DASH-IF TM minimumUpdatePeriod", edit(".mpd", 0, ` minimumUpdatePeriod="PT2S"`, "")},
		{"DASH-IF TM minimumUpdatePeriod", edit(".mpd", 60, ` minBufferTime`, ` timeShiftBufferDepth="PT20S" minBufferTime`)},
		{"DASH-IF TM periods follow each other", edit(".mpd", 31, `start="PT30S"`, `start="PT31S"`)},
		{"DASH-IF TM periods follow each other", edit(".mpd", 60, ` mediaPresentationDuration="PT60S"`, "")},
		{"DASH-IF TM adaptation sets have ids", edit(".mpd", 0, `AdaptationSet id="1"`, `AdaptationSet id="0"`)},
		{"ISO/IEC 23009-1 §5.3.3 segmentAlignment and startWithSAP", edit(".mpd", 0, ` startWithSAP="1"`, "")},
		{"ISO/IEC 23009-1 §5.3.7 contentType and mimeType", edit(".mpd", 0, `mimeType="audio/mp4"`, `mimeType="video/mp4"`)},
		{"DASH-IF IOP one codec in an adaptation set", edit(".mpd", 0, `<Representation id="180p"`, `<Representation id="source" codecs="vp09.00.11.08" bandwidth="1"/><Representation id="180p"`)},
		{"ISO/IEC 23009-1 §5.3.3 selectionPriority", edit(".mpd", 0, `<AdaptationSet id="0"`, otherSet)},
		{"ISO/IEC 23009-1 §5.3.3 selectionPriority", edit(".mpd", 0, `<AdaptationSet id="0"`, strings.Replace(otherSet, `startWithSAP="1"`, `startWithSAP="1" selectionPriority="2"`, 1))},
		{"RFC 9111 §5.2.2 MPDs are cached briefly", header(".mpd", "Cache-Control", "max-age=3")},

		{"DASH-IF TM availabilityStartTime never moves", edit(".mpd", 40, "availabilityStartTime=\"2026-11-20T19:45:00Z\"", "availabilityStartTime=\"2026-11-20T19:45:00.1Z\"")},
		{"ISO/IEC 23009-1 §5.4 publishTime grows with each change", edit(".mpd", 31, `publishTime="2026-11-20T19:45:30Z"`, `publishTime="2026-11-20T19:45:01Z"`)},
		{"DASH-IF TM periods stay", edit(".mpd", 40, `Period id="bbbb"`, `Period id="cccc"`)},
		{"DASH-IF TM periods stay", edit(".mpd", 40, `start="PT0S" duration="PT30S"`, `start="PT2S" duration="PT28S"`)},
		{"DASH-IF TM periods stay", edit(".mpd", 60, `start="PT0S" duration="PT30S"`, `start="PT2S" duration="PT29S"`)},
		{"DASH-IF TM segment numbers stay", edit(".mpd", 60, `start="PT0S" duration="PT30S"`, `start="PT2S" duration="PT28S"`)},
		{"DASH-IF TM adaptation sets and representations stay", edit(".mpd", 40, `Representation id="audio"`, `Representation id="sound"`)},
		{"DASH-IF TM segment numbers stay", edit(".mpd", 40, `startNumber="15"`, `startNumber="16"`)},
		{"DVB-DASH 4.8.3 timeShiftBufferDepth stays", edit(".mpd", 40, `Depth="PT20S"`, `Depth="PT30S"`)},
		{"DVB-DASH 4.8.3 maxSegmentDuration never grows", edit(".mpd", 40, `maxSegmentDuration="PT2S"`, `maxSegmentDuration="PT3S"`)},
		{"ISO/IEC 23009-1 §5.4 static is final", between(".mpd", 50, 52, `type="dynamic"`, `type="static"`)},

		{"DASH-IF TM available segments are there", status("180p-20.m4s", http.StatusNotFound)},
		{"DASH-IF TM segments start near their nominal time", body("180p-20.m4s", video.chunk(video.edge(5)+16000, 60, true, 0))},
		{"DASH-IF TM timescale is the media's", edit(".mpd", 0, `timescale="15360" duration="30720"`, `timescale="90000" duration="180000"`)},
		{"ISO/IEC 23009-1 §5.3.7 codecs are the init segment's", edit(".mpd", 0, "avc1.42C00D", "avc1.42c00d")},
		{eventsAnnounced, body("180p-20.m4s", slices.Concat(bx("styp", []byte("msdh"), words(0)), event(15360, 5*30720), video.chunk(video.offset(20)+video.edge(5), 60, true, 0)))},
		{"DASH-IF TM timeline follows the clock", edit(".mpd", 0, "availabilityStartTime=\"2026-11-20T19:45:00Z\"", "availabilityStartTime=\"2026-11-20T19:45:05Z\"")},
	}
}

// An encoder that dies cuts a period short, which its MPD cannot have told in advance.
func TestPeriodCutShort(t *testing.T) {
	visits := fixture()
	for i := range visits {
		if v := &visits[i]; v.is(".mpd") && after(v, 2*restart) && !after(v, 2*restart+4) {
			v.Body = mpd(restart, false)
		}
	}
	beyond := Visit{At: zero.Add((2*restart + 3) * time.Second), URL: base + "aaaa/180p-15.m4s", Status: http.StatusNotFound, Header: headers("180p-15.m4s")}
	beyond.Header.Set("Cache-Control", "no-store")
	require.Empty(t, CheckDASH(append(visits, beyond), Options{}))
}

func TestFixtureIsSound(t *testing.T) {
	require.Empty(t, CheckHLS(fixture(), Options{}))
	require.Empty(t, CheckDASH(fixture(), Options{}))
}

// TestStaticMayBeginLater: once the stream has ended, what has left the window is no longer referred to.
func TestStaticMayBeginLater(t *testing.T) {
	visits := fixture()
	for old, new := range map[string]string{
		`start="PT0S" duration="PT30S"`:                      `start="PT8S" duration="PT22S"`,
		`timescale="15360" duration="30720" startNumber="0"`: `timescale="15360" presentationTimeOffset="122880" duration="30720" startNumber="4"`,
		`timescale="48000" duration="96000" startNumber="0"`: `timescale="48000" presentationTimeOffset="384000" duration="96000" startNumber="4"`,
	} {
		visits = edit(".mpd", 60, old, new)(visits)
	}
	require.Empty(t, CheckDASH(visits, Options{}))
}

func TestHLSRules(t *testing.T) { testRules(t, fixture, hlsExamples(), CheckHLS) }

func TestDASHRules(t *testing.T) { testRules(t, fixture, dashExamples(), CheckDASH) }

func testRules(t *testing.T, fixture func() []Visit, examples []example, check func([]Visit, Options) []Violation) {
	t.Helper()
	for i, tt := range examples {
		t.Run(fmt.Sprintf("%d %s", i, tt.rule), func(t *testing.T) {
			got := check(tt.defect(fixture()), Options{})
			require.True(t, slices.ContainsFunc(got, func(v Violation) bool { return v.Rule == tt.rule }), "found %v", got)
			for _, v := range got {
				require.False(t, v.At.IsZero())
				require.True(t, strings.HasPrefix(v.URL, base), v.URL)
				require.Contains(t, v.String(), v.Rule)
			}
		})
	}
}

// TestEveryRuleHasAnExample: a rule that nothing can break checks nothing.
func TestEveryRuleHasAnExample(t *testing.T) {
	shown := make(map[string]bool)
	for _, e := range slices.Concat(hlsExamples(), dashExamples()) {
		shown[e.rule] = true
	}
	for _, e := range segmentExamples() {
		shown[e.rule] = true
	}
	var names []string
	for _, r := range slices.Concat(playlistRules(), multivariantRules()) {
		names = append(names, r.name)
	}
	for _, r := range responseRules() {
		names = append(names, r.name)
	}
	for _, r := range changeRules() {
		names = append(names, r.name)
	}
	for _, r := range historyRules() {
		names = append(names, r.name)
	}
	for _, r := range manifestRules() {
		names = append(names, r.name)
	}
	for _, r := range updateRules() {
		names = append(names, r.name)
	}
	for _, r := range presentationRules() {
		names = append(names, r.name)
	}
	for _, r := range segmentRules() {
		names = append(names, r.name)
	}
	for _, name := range names {
		require.True(t, shown[name], "no failing example of %q", name)
	}
}
