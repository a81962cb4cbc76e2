package dash_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Eyevinn/dash-mpd/mpd"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/dash"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "make it with: go test -update")
	require.Equal(t, string(want), string(got))
}

var zero = time.Date(2026, 11, 20, 19, 45, 0, 123_456_789, time.UTC)

const second = dash.Duration(time.Second)

// live is a manifest of two periods, as after a restart of the encoder.
func live() dash.MPD {
	return dash.MPD{
		Type: dash.Dynamic, AvailabilityStartTime: zero, PublishTime: zero.Add(time.Minute),
		MinimumUpdatePeriod: 2 * second, MinBufferTime: 2 * second, TimeShiftBufferDepth: 60 * second,
		SuggestedPresentationDelay: 6 * second, MaxSegmentDuration: 2 * second,
		Periods: []dash.Period{
			period("1", "5f3a", 0, 61_234_567_890, 1),
			period("2", "9c1b", 61_234_567_890, 0, 33),
		},
		UTCTimings: []dash.Descriptor{{Scheme: dash.SchemeISO, Value: "/time"}, {Scheme: dash.SchemeXSDate, Value: "/time?a=1&b=2"}},
	}
}

func period(id, epoch string, start, duration dash.Duration, number uint64) dash.Period {
	video := dash.SegmentTemplate{
		Timescale: 15360, PresentationTimeOffset: 512, Duration: 30720, StartNumber: number,
		Media: epoch + "/$RepresentationID$-$Number$.m4s", Initialization: epoch + "/$RepresentationID$-init.mp4",
	}
	audio := video
	audio.Timescale, audio.Duration, audio.PresentationTimeOffset = 48000, 96000, 0
	return dash.Period{ID: id, Start: start, Duration: duration, AdaptationSets: []dash.AdaptationSet{
		{
			ID: 0, ContentType: "video", MimeType: "video/mp4", SegmentAlignment: true, StartWithSAP: 1, MaxWidth: 1280, MaxHeight: 720,
			FrameRate: "30", Roles: []dash.Descriptor{{Scheme: dash.SchemeRole, Value: "main"}}, Template: &video,
			Representations: []dash.Representation{
				{ID: "720p", Codecs: "avc1.4D401F", Bandwidth: 2_500_000, Width: 1280, Height: 720, SAR: "1:1", FrameRate: "30000/1001"},
				{ID: "240p", Codecs: "avc1.4D400D", Bandwidth: 400_000, Width: 426, Height: 240, SAR: "1:1"},
			},
		},
		{
			ID: 1, ContentType: "audio", MimeType: "audio/mp4", Lang: "und", SegmentAlignment: true, StartWithSAP: 1, Template: &audio,
			Representations: []dash.Representation{{
				ID: "audio", Codecs: "mp4a.40.2", Bandwidth: 128_000, AudioSamplingRate: 48000,
				AudioChannels: []dash.Descriptor{{Scheme: dash.SchemeChannels, Value: "2"}},
			}},
		},
	}}
}

// recording is a static manifest with exact segment times.
func recording() dash.MPD {
	var video, audio []dash.S
	t := uint64(0)
	for _, frames := range []uint64{93, 94, 94, 94, 1} {
		audio = dash.AppendSegment(audio, t, frames*1024)
		t += frames * 1024
	}
	for i := range uint64(4) {
		video = dash.AppendSegment(video, i*30720+i/2*512, 30720) // a hole before the third
	}
	set := func(id int, kind string, r dash.Representation, timescale uint32, timeline []dash.S) dash.AdaptationSet {
		r.Template = &dash.SegmentTemplate{
			Timescale: timescale, StartNumber: 0, Media: "$RepresentationID$-$Number$.m4s",
			Initialization: "$RepresentationID$-init.mp4", Timeline: timeline,
		}
		return dash.AdaptationSet{ID: id, ContentType: kind, MimeType: kind + "/mp4", SegmentAlignment: true, StartWithSAP: 1, Representations: []dash.Representation{r}}
	}
	return dash.MPD{
		MediaPresentationDuration: 8_021_333_333, MinBufferTime: 2 * second, MaxSegmentDuration: 2 * second,
		Periods: []dash.Period{{ID: "1", AdaptationSets: []dash.AdaptationSet{
			set(0, "video", dash.Representation{ID: "720p", Codecs: "avc1.4D401F", Bandwidth: 1, Width: 1280, Height: 720}, 15360, video),
			set(1, "audio", dash.Representation{ID: "audio", Codecs: "mp4a.40.2", Bandwidth: 1, AudioSamplingRate: 48000}, 48000, audio),
		}}},
	}
}

func TestMPD(t *testing.T) {
	ended := live()
	ended.Type, ended.MinimumUpdatePeriod, ended.TimeShiftBufferDepth, ended.UTCTimings = dash.Static, 0, 0, nil
	ended.SuggestedPresentationDelay, ended.MediaPresentationDuration = 0, 100*second
	odd := recording()
	odd.Periods[0].ID = `a<b>&"c'` + "\n\x00\xff\u00e9"

	codecs := live()
	for i := range codecs.Periods {
		sets := codecs.Periods[i].AdaptationSets
		other := sets[0]
		sets[0].Priority = 2
		other.ID, other.Representations = 2, []dash.Representation{{ID: "source", Codecs: "vp09.00.31.08", Bandwidth: 1_900_000, Width: 1280, Height: 720, SAR: "1:1"}}
		codecs.Periods[i].AdaptationSets = append(sets, other)
	}

	followed := live()
	followed.Location = "manifest.mpd?_DASH_after=9&a=<1>"
	followed.Periods[1].EventStreams = []dash.EventStream{{
		Descriptor: dash.Descriptor{Scheme: dash.SchemeEvent, Value: "1"}, Timescale: 1000,
		Events: []dash.Event{{Time: 1, Duration: 5700, ID: 18}, {Time: 7900, Duration: 3300, ID: 19}},
	}}

	for _, tt := range []struct {
		name     string
		manifest dash.MPD
		lossy    bool
	}{
		{"codecs", codecs, false},
		{"live", live(), false},
		{"followed", followed, false},
		{"ended", ended, false},
		{"recording", recording(), false},
		{"escaped", odd, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, tt.manifest.Validate())
			text := tt.manifest.Append(nil)
			golden(t, tt.name+".mpd", text)
			got, err := dash.Parse(text)
			require.NoError(t, err)
			tt.manifest.Profiles = dash.ProfileLive
			if tt.manifest.Type == "" {
				tt.manifest.Type = dash.Static
			}
			if tt.lossy {
				tt.manifest.Periods[0].ID = got.Periods[0].ID
			}
			require.Equal(t, &tt.manifest, got, "reading back what was written")
			sameAsIndependent(t, got, text)
		})
	}
}

// sameAsIndependent reads a rendered manifest with another implementation and compares.
func sameAsIndependent(t *testing.T, want *dash.MPD, text []byte) {
	t.Helper()
	got, err := mpd.MPDFromBytes(text)
	require.NoError(t, err)
	require.Equal(t, want.Type, got.GetType())
	if want.Location != "" {
		require.EqualValues(t, want.Location, got.Location[0].Value)
	}
	require.Len(t, got.Periods, len(want.Periods))
	for i, p := range want.Periods {
		require.EqualValues(t, p.ID, got.Periods[i].Id)
		require.EqualValues(t, p.Start, *got.Periods[i].Start)
		require.Len(t, got.Periods[i].EventStreams, len(p.EventStreams))
		for j, stream := range p.EventStreams {
			other := got.Periods[i].EventStreams[j]
			require.EqualValues(t, stream.Scheme, other.SchemeIdUri)
			require.Len(t, other.Events, len(stream.Events))
			for k, e := range stream.Events {
				require.EqualValues(t, []uint64{e.Time, e.Duration, e.ID}, []uint64{other.Events[k].PresentationTime, other.Events[k].Duration, *other.Events[k].Id})
			}
		}
		require.Len(t, got.Periods[i].AdaptationSets, len(p.AdaptationSets))
		for j, set := range p.AdaptationSets {
			other := got.Periods[i].AdaptationSets[j]
			require.EqualValues(t, set.ID, *other.Id)
			require.EqualValues(t, set.ContentType, other.ContentType)
			require.Len(t, other.Representations, len(set.Representations))
			for k, r := range set.Representations {
				require.Equal(t, r.ID, other.Representations[k].Id)
				require.Equal(t, r.Codecs, other.Representations[k].Codecs)
				require.EqualValues(t, r.Bandwidth, other.Representations[k].Bandwidth)
			}
			if set.Template != nil {
				require.EqualValues(t, set.Template.Media, other.SegmentTemplate.Media)
				require.EqualValues(t, set.Template.StartNumber, *other.SegmentTemplate.StartNumber)
				require.EqualValues(t, set.Template.Duration, *other.SegmentTemplate.Duration)
				require.EqualValues(t, set.Template.Timescale, *other.SegmentTemplate.Timescale)
			}
		}
	}
}

func TestAppendSegment(t *testing.T) {
	var got []dash.S
	for _, s := range [][2]uint64{{0, 10}, {10, 10}, {20, 10}, {30, 5}, {40, 5}, {45, 5}} {
		got = dash.AppendSegment(got, s[0], s[1])
	}
	require.Equal(t, []dash.S{{T: 0, D: 10, R: 2}, {T: 30, D: 5}, {T: 40, D: 5, R: 1}}, got)
	require.EqualValues(t, 50, got[2].End())
}

func TestMPDValidate(t *testing.T) {
	m := dash.MPD{Type: "live"}
	require.EqualError(t, m.Validate(), "type \"live\": not dynamic or static\nno minBufferTime\nno period")
	m = dash.MPD{Type: dash.Dynamic, MinBufferTime: 1, Periods: []dash.Period{
		{ID: "a", AdaptationSets: []dash.AdaptationSet{{ID: 4}}},
		{ID: "a", AdaptationSets: []dash.AdaptationSet{{Representations: []dash.Representation{{}}}}},
		{AdaptationSets: []dash.AdaptationSet{{Template: &dash.SegmentTemplate{}, Representations: []dash.Representation{{ID: "r", Codecs: "c", Bandwidth: 1}}}}},
	}}
	require.EqualError(t, m.Validate(), `dynamic without availabilityStartTime
dynamic without publishTime
dynamic without minimumUpdatePeriod or mediaPresentationDuration
dynamic without UTCTiming
period "a": adaptation set 4: no representation
period 1: id "a" twice
period "a": representation "": no id, codecs or bandwidth
representation "": no segment template
period 2: no id
period "": template "": needs a time scale, a name and either a duration or a timeline`)
}

func BenchmarkMPD(b *testing.B) {
	m := live()
	buf := m.Append(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = m.Append(buf[:0])
	}
}
