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
