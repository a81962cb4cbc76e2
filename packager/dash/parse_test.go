package dash_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/dash"
)

// encoder is what ffmpeg's dash muxer writes beside its segments, shortened.
const encoder = `<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:mpeg:dash:schema:mpd:2011"
	profiles="urn:mpeg:dash:profile:isoff-live:2011" type="dynamic" minimumUpdatePeriod="PT500S" timeShiftBufferDepth="PT1M4.0S"
	availabilityStartTime="2026-11-20T19:45:00.123Z" publishTime="2026-11-20T19:45:02.456Z" maxSegmentDuration="PT2.0S" minBufferTime="PT10.0S">
	<ProgramInformation/>
	<ServiceDescription id="0"/>
	<Period id="0" start="PT0.0S">
		<AdaptationSet id="0" contentType="video" startWithSAP="1" segmentAlignment="true" frameRate="30/1" maxWidth="1280" maxHeight="720" par="16:9">
			<Resync dT="200000" type="1"/>
			<Representation id="0" mimeType="video/mp4" codecs="avc1.4d401f" bandwidth="2500000" width="1280" height="720" sar="1:1">
				<SegmentTemplate timescale="15360" duration="2000000" initialization="init-$RepresentationID$.mp4" media="seg-$RepresentationID$-$Number%05d$.m4s" startNumber="1"/>
			</Representation>
		</AdaptationSet>
		<AdaptationSet id="1" contentType="audio">
			<Representation id="1" mimeType="audio/mp4" codecs="mp4a.40.2" bandwidth="128000" audioSamplingRate="48000">
				<SegmentTemplate timescale="48000" startNumber="1"><SegmentTimeline><S t="7" d="10"/><S d="11" r="1"/><S d="3"/></SegmentTimeline></SegmentTemplate>
			</Representation>
		</AdaptationSet>
	</Period>
	<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="/time"/>
</MPD>`

func TestParseEncoderManifest(t *testing.T) {
	m, err := dash.Parse([]byte(encoder))
	require.NoError(t, err)
	require.Equal(t, dash.Dynamic, m.Type)
	require.Equal(t, dash.Duration(64*time.Second), m.TimeShiftBufferDepth)
	require.Equal(t, time.Date(2026, 11, 20, 19, 45, 0, 123e6, time.UTC), m.AvailabilityStartTime)
	require.Equal(t, "30/1", m.Periods[0].AdaptationSets[0].FrameRate)

	r, ok := m.Representation("0")
	require.True(t, ok)
	require.Equal(t, []any{"avc1.4d401f", int64(2_500_000), 1280, 720}, []any{r.Codecs, r.Bandwidth, r.Width, r.Height})
	r, ok = m.Representation("1")
	require.True(t, ok)
	require.Equal(t, []dash.S{{T: 7, D: 10}, {T: 17, D: 11, R: 1}, {T: 39, D: 3}}, r.Template.Timeline)
	_, ok = m.Representation("2")
	require.False(t, ok)
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "EOF"},
		{"half a manifest", encoder[:len(encoder)-9], "unexpected EOF"},
		{"another document", "<html></html>", "expected element type <MPD>"},
		{"too much", strings.Repeat(" ", dash.MaxMPD+1), "manifest of 4194305 bytes: more than 4194304"},
		{"an entity", `<!DOCTYPE a [<!ENTITY b "c">]><MPD type="&b;"/>`, "invalid character entity"},
		{"years", `<MPD minBufferTime="P1Y"/>`, `duration "P1Y": not days, hours, minutes and seconds`},
		{"a number that is none", `<MPD><Period><AdaptationSet id="a"/></Period></MPD>`, `parsing "a"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := dash.Parse([]byte(tt.text))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT0S": 0, "PT2.0S": 2 * time.Second, "PT1H2M3.5S": time.Hour + 2*time.Minute + 3500*time.Millisecond,
		"P1DT1S": 24*time.Hour + time.Second, "PT0.000000001S": 1, "PT123456789.987654321S": 123456789987654321, "P2D": 48 * time.Hour,
	} {
		var got dash.Duration
		require.NoError(t, got.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, time.Duration(got), text)
		require.NoError(t, got.UnmarshalText([]byte(got.String())))
		require.Equal(t, want, time.Duration(got), "written as %s", got)
	}
	for _, text := range []string{"", "1", "P1M", "PT5MS", "-PT1S", "PT1.S", "PT99999999999S", "PT1S1M"} {
		require.Error(t, new(dash.Duration).UnmarshalText([]byte(text)), text)
	}
	require.Equal(t, "-PT1.5S", dash.Duration(-1500*time.Millisecond).String())
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(encoder))
	for _, m := range []dash.MPD{live(), recording()} {
		f.Add(m.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := dash.Parse(b)
		if err != nil {
			return
		}
		again, err := dash.Parse(m.Append(nil))
		require.NoError(t, err, "what was read can be written and read again")
		require.Equal(t, len(m.Periods), len(again.Periods))
		_ = m.Validate()
	})
}
