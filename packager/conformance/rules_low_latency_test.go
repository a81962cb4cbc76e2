package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/cmaf"
)

// within edits the visits whose URL has this text.
func within(text, old, new string) defect {
	return func(all []Visit) []Visit {
		for i := range all {
			if v := &all[i]; strings.Contains(v.URL, text) {
				v.Body = []byte(strings.ReplaceAll(string(v.Body), old, new))
			}
		}
		return all
	}
}

// early makes the visits whose URL has this text show an older playlist.
func early(text string) defect {
	return func(all []Visit) []Visit {
		for i := range all {
			if v := &all[i]; strings.Contains(v.URL, text) {
				p := video.listed(60, false)
				v.Body = p.Append(nil)
			}
		}
		return all
	}
}

// slow makes the first chunk of growing segments come late.
func slow(late time.Duration) defect {
	return func(all []Visit) []Visit {
		for i := range all {
			if !all[i].Asked.IsZero() {
				all[i].Begun = all[i].Asked.Add(late)
			}
		}
		return all
	}
}

func lowLatencyExamples() []example {
	return []example{
		{"rfc8216bis §4.4.1.2 EXT-X-VERSION", edit("180p.m3u8", 0, "VERSION:9", "VERSION:6")},
		{"rfc8216bis §4.4.3.7 EXT-X-PART-INF", edit("180p.m3u8", 0, "#EXT-X-PART-INF:PART-TARGET=0.214\n", "")},
		{"rfc8216bis §4.4.4.9 part durations", edit("180p.m3u8", 0, "PART-TARGET=0.214", "PART-TARGET=0.190")},
		{"rfc8216bis §4.4.4.9 part durations", edit(".m3u8", 0, "PART-TARGET=0.214", "PART-TARGET=0.300")},
		{"rfc8216bis §4.4.4.9 GAP", edit("180p.m3u8", 0, `180p-3.6.m4s"`, `180p-3.6.m4s",GAP=YES`)},
		{"rfc8216bis §4.4.4.9 GAP", edit("180p.m3u8", 0, `180p-3.5.m4s",`, `180p-3.5.m4s",GAP=YES,`)},
		{"rfc8216bis §4.4.3.8 EXT-X-SERVER-CONTROL", edit("180p.m3u8", 0, "CAN-BLOCK-RELOAD=YES,", "")},
		{"rfc8216bis §4.4.3.8 EXT-X-SERVER-CONTROL", edit("180p.m3u8", 0, "CAN-SKIP-UNTIL=12.000", "CAN-SKIP-UNTIL=11.000")},
		{"rfc8216bis §4.4.3.8 EXT-X-SERVER-CONTROL", edit("180p.m3u8", 0, ",HOLD-BACK=6.000", ",HOLD-BACK=4.000")},
		{"HLS authoring 14.3 PART-HOLD-BACK", edit("180p.m3u8", 0, "PART-HOLD-BACK=0.642", "PART-HOLD-BACK=0.535")},
		{"rfc8216bis §4.4.4.9 tags before the first part", edit("180p.m3u8", 0, `URI="aaaa/180p-3.0.m4s",INDEPENDENT=YES`, "URI=\"aaaa/180p-3.0.m4s\",INDEPENDENT=YES\n#EXT-X-PROGRAM-DATE-TIME:2026-11-20T19:45:06.000Z")},
		{"rfc8216bis §3.2 a segment is the union of its parts", edit("180p.m3u8", 0, `#EXT-X-PART:DURATION=0.200000,URI="aaaa/180p-3.4.m4s"`+"\n", "")},
		{"rfc8216bis §6.2.2 parts far from the end are not listed", edit("180p.m3u8", 20, "#EXTINF:2.000000,\naaaa/180p-3.m4s", "#EXT-X-PART:DURATION=2,URI=\"x\"\n#EXTINF:2.000000,\naaaa/180p-3.m4s")},
		{"rfc8216bis §4.4.5.3 EXT-X-PRELOAD-HINT", edit("180p.m3u8", 0, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"aaaa/180p-3.4.m4s\"\n", "")},
		{"rfc8216bis §4.4.5.3 EXT-X-PRELOAD-HINT", edit("180p.m3u8", 26, "#EXT-X-ENDLIST", "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"x\"\n#EXT-X-ENDLIST")},

		{"rfc8216bis §6.2.1 part target and server control never change", edit(".m3u8", 10, "PART-TARGET=0.214", "PART-TARGET=0.220")},
		{"rfc8216bis §6.2.1 parts stay as listed", edit("180p.m3u8", 8, `180p-3.4.m4s"`, `180p-3.4b.m4s"`)},
		{"rfc8216bis §6.2.1 parts stay as listed", early("180p.m3u8?_HLS_msn=8&_HLS_part=3")},
		{"rfc8216bis §4.4.5.3 what is hinted comes", edit("180p.m3u8", 0, `TYPE=PART,URI="aaaa/180p-3.4.m4s"`, `TYPE=PART,URI="aaaa/180p-3.14.m4s"`)},

		{"rfc8216bis §6.2.1 new parts in time", frozen("180p.m3u8", 10, 12)},
		{"rfc8216bis §6.2.4 same part target and server control in all renditions", edit("audio.m3u8", 0, "PART-TARGET=0.214", "PART-TARGET=0.220")},
		{"rfc8216bis §4.4.5.4 EXT-X-RENDITION-REPORT", edit("180p.m3u8", 0, "#EXT-X-RENDITION-REPORT:URI=\"audio.m3u8\",LAST-MSN=4,LAST-PART=2\n", "")},
		{"rfc8216bis §4.4.5.4 EXT-X-RENDITION-REPORT", edit("180p.m3u8", 0, "LAST-MSN=8,", "LAST-MSN=7,")},
		{"rfc8216bis §4.4.5.4 EXT-X-RENDITION-REPORT", edit("180p.m3u8", 0, "LAST-MSN=8,", "LAST-MSN=9,")},
		{"rfc8216bis §4.4.5.4 EXT-X-RENDITION-REPORT", edit("180p.m3u8", 0, `REPORT:URI="audio.m3u8"`, `REPORT:URI="/live/cam/audio.m3u8"`)},
		{"rfc8216bis §4.4.5.4 EXT-X-RENDITION-REPORT", edit("180p.m3u8", 0, `REPORT:URI="audio.m3u8"`, `REPORT:URI="180p.m3u8"`)},
		{"rfc8216bis §4.4.4.9 part durations are the media's", edit("180p.m3u8", 0, "DURATION=0.200000", "DURATION=0.205000")},
		{"rfc8216bis §4.4.4.9 INDEPENDENT is the media's", edit("180p.m3u8", 0, `180p-3.5.m4s",INDEPENDENT=YES`, `180p-3.5.m4s"`)},
		{"rfc8216bis §4.4.4.9 INDEPENDENT is the media's", edit("180p.m3u8", 0, `180p-3.6.m4s"`, `180p-3.6.m4s",INDEPENDENT=YES`)},
		{"rfc8216bis §3.2 a segment's bytes are its parts'", body("180p-3.m4s", video.media(3))},
		{"ISO/IEC 23000-19 §7.3.2.3 chunks are whole", body("180p-3.4.m4s", []byte("half"))},
		{"rfc8216bis §6.2.5.2 blocking reload", early("180p.m3u8?_HLS_msn=8&_HLS_part=3")},
		{"rfc8216bis §6.2.5.1 delta updates", within("_HLS_skip", "SKIPPED-SEGMENTS=3", "SKIPPED-SEGMENTS=2")},
		{"rfc8216bis §6.2.5.1 delta updates", within("_HLS_skip", "CAN-SKIP-UNTIL=12.000", "CAN-SKIP-UNTIL=14.000")},
		{"rfc8216bis §6.2.5.1 delta updates", within("_HLS_skip", ":14.000Z", ":14.001Z")},
		{"rfc8216bis §6.2.5.1 delta updates", within("_HLS_skip", "VERSION:9", "VERSION:10")},
		{"rfc8216bis §6.2.1 listed segments are there", status("180p-3.4.m4s", http.StatusNotFound)},
		{"RFC 9111 §5.2.2 playlists are cached briefly", header("180p.m3u8", "Cache-Control", "max-age=2")},
		{"RFC 9111 §5.2.2 playlists are cached briefly", header("180p.m3u8", "Cache-Control", "max-age=0, s-maxage=13")},
	}
}

func lowLatencyDASHExamples() []example {
	return []example{
		{"DASH-IF low latency §9.X.4.1 profile", edit(".mpd", 0, "low-latency-live-v5", "other")},
		{"DASH-IF low latency §9.X.4.2 ServiceDescription", edit(".mpd", 0, `<PlaybackRate min="0.96" max="1.04"/>`, "")},
		{"DASH-IF low latency §9.X.4.2 ServiceDescription", edit(".mpd", 0, `min="500"`, `min="1500"`)},
		{"DASH-IF low latency §9.X.4.2 ServiceDescription", edit(".mpd", 0, `max="1.04"`, `max="0.99"`)},
		{"DASH-IF low latency §9.X.4.3 ProducerReferenceTime", edit(".mpd", 0, `Time id="2"`, `Time id="1"`)},
		{"DASH-IF low latency §9.X.4.3 ProducerReferenceTime", edit(".mpd", 0, `referenceId="1"`, `referenceId="3"`)},
		{"DASH-IF low latency §9.X.4.3 ProducerReferenceTime", edit(".mpd", 0, `type="encoder"`, `type="other"`)},
		{"DASH-IF low latency §9.X.4.3 ProducerReferenceTime", edit(".mpd", 0, `value="/time"/></Producer`, `value="/clock"/></Producer`)},
		{"DASH-IF low latency §9.X.4.3 ProducerReferenceTime", edit(".mpd", 0, ` wallClockTime="2026-11-20T19:45:00Z"`, "")},
		{"DASH-IF low latency §9.X.4.3 ProducerReferenceTime", edit(".mpd", 0, "ProducerReferenceTime", "Producer")},
		{"DASH-IF low latency §9.X.4.3 ProducerReferenceTime", edit(".mpd", 0, `Time id="2"`, `Time id=""`)},
		{"DASH-IF low latency §9.X.4.5 availabilityTimeOffset", edit(".mpd", 0, `availabilityTimeOffset="1.8"`, `availabilityTimeOffset="0.2"`)},
		{"DASH-IF low latency §9.X.4.5 availabilityTimeOffset", edit(".mpd", 0, `duration="96000" availabilityTimeOffset="1.8" availabilityTimeComplete="false"`, `duration="96000"`)},
		{"DASH-IF low latency §9.X.4.5 Resync", edit(".mpd", 0, `<Resync type="1" dT="48000" marker="true"/>`, "")},
		{"DASH-IF low latency §9.X.4.5 Resync", edit(".mpd", 0, `dT="15360"`, `dT="30720"`)},
		{"DASH-IF low latency §9.X.4.5 segments are available as they grow", slow(1600 * time.Millisecond)},
		{"DASH-IF low latency §9.X.4.5 segments are available as they grow", status("180p-3.m4s", http.StatusNotFound)},
		{"DASH-IF low latency §9.X.4.3 prft is as ProducerReferenceTime", edit(".mpd", 0, `wallClockTime="2026-11-20T19:45:00Z"`, `wallClockTime="2026-11-20T19:45:01Z"`)},
		{"DASH-IF low latency §9.X.4.3 prft is as ProducerReferenceTime", body("180p-3.m4s", video.media(3))},
	}
}

func TestLowLatencyFixtureIsSound(t *testing.T) {
	require.Empty(t, CheckHLS(lowLatencyFixture(), Options{}))
	require.Empty(t, CheckDASH(lowLatencyFixture(), Options{}))
}

// One who asked for a part that has become a gap, since it was hinted at, got something that has nothing in it.
func TestGapThatWasAskedFor(t *testing.T) {
	visits := lowLatencyFixture()
	edit("180p.m3u8", 0, `#EXT-X-PART:DURATION=0.200000,URI="aaaa/180p-3.4.m4s"`, `#EXT-X-PART:DURATION=0.200000,URI="aaaa/180p-3.4.m4s",GAP=YES`)(visits)
	body("180p-3.4.m4s", cmaf.EmptySegment(1, 0))(visits)
	require.Empty(t, CheckHLS(visits, Options{}))
}

func TestLowLatencyRules(t *testing.T) {
	testRules(t, lowLatencyFixture, lowLatencyExamples(), CheckHLS)
}

func TestLowLatencyDASHRules(t *testing.T) {
	testRules(t, lowLatencyFixture, lowLatencyDASHExamples(), CheckDASH)
}

func TestEveryLowLatencyRuleHasAnExample(t *testing.T) {
	var names []string
	for _, r := range lowLatencyRules() {
		names = append(names, r.name)
	}
	for _, r := range partChangeRules() {
		names = append(names, r.name)
	}
	for _, r := range partRules() {
		names = append(names, r.name)
	}
	for _, r := range lowLatencyManifestRules() {
		names = append(names, r.name)
	}
	for _, r := range lowLatencyPresentationRules() {
		names = append(names, r.name)
	}
	examples := slices.Concat(lowLatencyExamples(), lowLatencyDASHExamples())
	for _, name := range names {
		require.True(t, slices.ContainsFunc(examples, func(e example) bool { return e.rule == name }), "no failing example of %q", name)
	}
}

// TestContains: what answers a request for a part or a whole segment (rfc8216bis §6.2.5.2).
func TestContains(t *testing.T) {
	text := video.listed(43, false)
	p, err := parsePlaylist(&Visit{URL: base + "180p.m3u8", Body: text.Append(nil)})
	require.NoError(t, err)
	for _, tt := range []struct {
		name      string
		msn, part int64
		want      bool
	}{
		{"whole segment", 3, -1, true},
		{"segment in progress", 4, -1, false},
		{"long ago", 0, 2, true},
		{"last part", 4, 2, true},
		{"next part", 4, 3, false},
		{"past the last part of a whole segment", 3, 10, true},
		{"next segment", 5, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, p.contains(tt.msn, tt.part)) })
	}
	whole := video.listed(40, false)
	p, err = parsePlaylist(&Visit{URL: base + "180p.m3u8", Body: whole.Append(nil)})
	require.NoError(t, err)
	require.True(t, p.contains(3, 9))
	require.False(t, p.contains(3, 10), "the first part of the next segment is not there")
}
