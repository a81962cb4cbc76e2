package hls_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Eyevinn/hls-m3u8/m3u8"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/hls"
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

var start = time.Date(2026, 11, 20, 19, 45, 0, 123_900_000, time.UTC)

// live is a window of n video segments of 2 s from number first on.
func live(first, n int) hls.MediaPlaylist {
	p := hls.MediaPlaylist{TargetDuration: 2, MediaSequence: int64(first)}
	for i := first; i < first+n; i++ {
		p.Segments = append(p.Segments, hls.Segment{
			URI: fmt.Sprintf("5f3a/720p-%d.m4s", i), Duration: 30720, Timescale: 15360, Map: "5f3a/720p-init.mp4",
			ProgramDateTime: start.Add(time.Duration(i) * 2 * time.Second),
		})
	}
	return p
}

func TestMediaPlaylist(t *testing.T) {
	restarted := live(40, 3)
	restarted.DiscontinuitySequence = 7
	restarted.Segments[1].Gap = true
	restarted.Segments[2].Discontinuity, restarted.Segments[2].Map = true, "9c1b/720p-init.mp4"
	restarted.Segments[2].ProgramDateTime = start.In(time.FixedZone("CET", 3600))

	audio := hls.MediaPlaylist{TargetDuration: 2, Type: hls.VOD, Ended: true}
	for _, frames := range []int64{93, 94, 94, 1} {
		audio.Segments = append(audio.Segments, hls.Segment{URI: "a.m4s", Duration: frames * 1024, Timescale: 48000, Map: "init.mp4"})
	}
	event := hls.MediaPlaylist{TargetDuration: 1, Type: hls.Event, Segments: []hls.Segment{{URI: "a.ts", Duration: 999_999_600, Timescale: 1_000_000_000}}}

	for _, tt := range []struct {
		name     string
		playlist hls.MediaPlaylist
	}{
		{"empty", hls.MediaPlaylist{TargetDuration: 2}},
		{"live", live(0, 2)},
		{"restarted", restarted},
		{"vod", audio},
		{"event", event},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, tt.playlist.Validate())
			got := tt.playlist.Append(nil)
			golden(t, "media-"+tt.name+".m3u8", got)
			sameAsIndependent(t, tt.playlist, got)
		})
	}
}

// sameAsIndependent reads a rendered playlist with another implementation and compares.
func sameAsIndependent(t *testing.T, want hls.MediaPlaylist, text []byte) {
	t.Helper()
	read, kind, err := m3u8.DecodeFrom(bytes.NewReader(text), true)
	if len(want.Segments) == 0 {
		return // which the other cannot tell from a multivariant playlist
	}
	require.NoError(t, err)
	require.Equal(t, m3u8.MEDIA, kind)
	got := read.(*m3u8.MediaPlaylist)
	require.EqualValues(t, want.MediaSequence, got.SeqNo)
	require.EqualValues(t, want.DiscontinuitySequence, got.DiscontinuitySeq)
	require.EqualValues(t, want.TargetDuration, got.TargetDuration)
	require.Equal(t, want.Ended, got.Closed)
	require.EqualValues(t, len(want.Segments), got.Count())
	initSegment := want.Segments[0].Map // the other keeps the first one apart
	if initSegment != "" {
		require.Equal(t, initSegment, got.Map.URI)
	}
	for i, s := range want.Segments {
		other := got.Segments[i]
		require.Equal(t, s.URI, other.URI)
		require.InDelta(t, float64(s.Duration)/float64(s.Timescale), other.Duration, 0.5e-6)
		require.Equal(t, s.Discontinuity, other.Discontinuity)
		require.Equal(t, s.Gap, other.Gap)
		require.True(t, s.ProgramDateTime.Truncate(time.Millisecond).Equal(other.ProgramDateTime))
		require.Equal(t, s.Map != initSegment, other.Map != nil)
		if other.Map != nil {
			require.Equal(t, s.Map, other.Map.URI)
		}
		initSegment = s.Map
	}
}

func TestMediaPlaylistSumStaysExact(t *testing.T) {
	// AAC segments of 93 or 94 frames for a day: the written durations add up to the media's to within a video frame.
	p := hls.MediaPlaylist{TargetDuration: 2}
	var ticks int64
	for ticks < 24*3600*48000 {
		d := int64(94 * 1024)
		if ticks%3 == 0 {
			d = 93 * 1024
		}
		ticks += d
		p.Segments = append(p.Segments, hls.Segment{URI: "a", Duration: d, Timescale: 48000})
	}
	sum := 0.0
	for line := range bytes.Lines(p.Append(nil)) {
		var d float64
		if n, _ := fmt.Sscanf(string(line), "#EXTINF:%f,", &d); n == 1 {
			sum += d
		}
	}
	require.InDelta(t, float64(ticks)/48000, sum, 1.0/30)
}

func TestMediaPlaylistValidate(t *testing.T) {
	p := hls.MediaPlaylist{MediaSequence: -1, Type: "LIVE", Segments: []hls.Segment{
		{URI: "a b", Duration: 1, Timescale: 1},
		{URI: "#a", Duration: 1, Timescale: 0},
		{URI: "", Duration: -1, Timescale: 1},
		{URI: "a", Duration: 0, Timescale: 1, Map: "in\"it"},
	}}
	require.EqualError(t, p.Validate(), `target duration 0 s: less than 1
negative sequence number: media -1, discontinuity 0
playlist type "LIVE": not EVENT, VOD or empty
segment -1: duration 1/1 s: longer than the target of 0 s
segment 0: duration 1/0 s
segment 1: duration -1/1 s
segment 2: init segment's URI "in\"it": has a quote or a line break
segment 2: some segments have an init segment and some none`)
	p = hls.MediaPlaylist{TargetDuration: 1, Segments: []hls.Segment{{URI: "a b", Timescale: 1}, {Timescale: 1}, {URI: "#", Timescale: 1}}}
	require.EqualError(t, p.Validate(), `segment 0: URI "a b": empty, a tag, or more than one word
segment 1: URI "": empty, a tag, or more than one word
segment 2: URI "#": empty, a tag, or more than one word`)
}

func BenchmarkMediaPlaylist(b *testing.B) {
	p := live(1000, 30) // a window of 60 s
	buf := p.Append(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = p.Append(buf[:0])
	}
}

// lowLatency is a live window of n segments whose last two list their parts, and three parts of the next.
func lowLatency(first, n int) hls.MediaPlaylist {
	p := live(first, n)
	part := func(msn, k int) hls.Part {
		return hls.Part{URI: fmt.Sprintf("5f3a/720p-%d.%d.m4s", msn, k), Duration: 3072, Independent: k%5 == 0}
	}
	growing := hls.Segment{Timescale: 15360, Map: "5f3a/720p-init.mp4", ProgramDateTime: start.Add(time.Duration(first+n) * 2 * time.Second)}
	for k := range 10 {
		p.Segments[n-1].Parts = append(p.Segments[n-1].Parts, part(first+n-1, k))
		if k < 3 {
			growing.Parts = append(growing.Parts, part(first+n, k))
		}
	}
	p.LowLatency = &hls.LowLatency{
		PartTarget: 214 * time.Millisecond, PartHoldBack: 642 * time.Millisecond, HoldBack: 6 * time.Second, SkipUntil: 12 * time.Second,
		Growing: &growing, NextPart: part(first+n, 3).URI,
		Reports: []hls.Report{{URI: "audio.m3u8", MSN: int64(first + n), Part: 2}, {URI: "240p.m3u8", MSN: int64(first + n - 1), Part: -1}},
	}
	return p
}

func TestLowLatency(t *testing.T) {
	first := lowLatency(0, 1)
	first.Segments = nil
	delta := lowLatency(0, 30)
	delta.Segments, delta.Skipped, delta.SkippedMap = delta.Segments[24:], 24, delta.Segments[23].Map
	next := lowLatency(0, 2)
	next.LowLatency.Growing, next.LowLatency.NextPart, next.LowLatency.NextMap = nil, "9c1b/720p-2.0.m4s", "9c1b/720p-init.mp4"
	gaps := lowLatency(0, 2)
	gaps.Segments[1].Gap = true
	for i := range gaps.Segments[1].Parts {
		gaps.Segments[1].Parts[i].Gap, gaps.Segments[1].Parts[i].Independent = i > 3, i == 0
	}
	gaps.LowLatency.Growing.Parts[0].Gap, gaps.LowLatency.Growing.Parts[0].Independent = true, false
	for _, tt := range []struct {
		name     string
		playlist hls.MediaPlaylist
	}{{"gaps", gaps}, {"low-latency", lowLatency(0, 2)}, {"first-parts", first}, {"delta", delta}, {"between-epochs", next}} {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, tt.playlist.Validate())
			golden(t, "media-"+tt.name+".m3u8", tt.playlist.Append(nil))
		})
	}
}

func TestLowLatencyValidate(t *testing.T) {
	p := lowLatency(0, 2)
	p.Ended = true
	p.LowLatency.HoldBack = time.Second
	p.LowLatency.Growing.Parts[0].Duration = 15360
	p.LowLatency.NextMap = "\""
	require.EqualError(t, p.Validate(), `part target 214ms, hold-back of parts 642ms, of segments 1s, skip boundary 12s: not 3, 3 and 6 times the targets
an ended playlist goes on
segment 2 part 0: 15360/15360 s, longer than 214ms
hint "\"": has a quote or a line break`)
}

func BenchmarkLowLatency(b *testing.B) {
	p := lowLatency(1000, 30)
	buf := p.Append(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = p.Append(buf[:0])
	}
}
