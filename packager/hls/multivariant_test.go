package hls_test

import (
	"bytes"
	"testing"

	"github.com/Eyevinn/hls-m3u8/m3u8"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/hls"
)

func ladder() hls.MultivariantPlaylist {
	return hls.MultivariantPlaylist{
		Audio: []hls.Audio{{Group: "audio", Name: "Sound", Language: "und", Channels: 2, URI: "audio.m3u8", Default: true}},
		Variants: []hls.Variant{
			{URI: "720p.m3u8", Bandwidth: 2_900_000, AverageBandwidth: 2_600_000, Codecs: "avc1.4D401F,mp4a.40.2", Width: 1280, Height: 720, FrameRate: 30, Audio: "audio"},
			{URI: "240p.m3u8", Bandwidth: 500_000, AverageBandwidth: 430_000, Codecs: "avc1.4D400D,mp4a.40.2", Width: 426, Height: 240, FrameRate: 30000.0 / 1001, Audio: "audio"},
		},
	}
}

func TestMultivariantPlaylist(t *testing.T) {
	for _, tt := range []struct {
		name     string
		playlist hls.MultivariantPlaylist
	}{
		{"ladder", ladder()},
		{"codecs", hls.MultivariantPlaylist{
			Audio: ladder().Audio,
			Variants: []hls.Variant{
				{URI: "480p.m3u8", Bandwidth: 1_400_000, AverageBandwidth: 1_200_000, Codecs: "avc1.64001F,mp4a.40.2", Width: 854, Height: 480, FrameRate: 30, Audio: "audio", Score: 2},
				{URI: "source.m3u8", Bandwidth: 1_900_000, AverageBandwidth: 1_600_000, Codecs: "vp09.00.31.08,mp4a.40.2", Width: 1280, Height: 720, FrameRate: 30, Audio: "audio", Score: 1},
			},
		}},
		{"audio-only", hls.MultivariantPlaylist{Variants: []hls.Variant{{URI: "audio.m3u8", Bandwidth: 140_000, Codecs: "mp4a.40.2"}}}},
		{"video-only", hls.MultivariantPlaylist{Variants: []hls.Variant{{URI: "v.m3u8", Bandwidth: 1, Codecs: "avc1.42C01E", Width: 640, Height: 480, FrameRate: 15}}}},
		{"languages", hls.MultivariantPlaylist{
			Audio:    []hls.Audio{{Group: "a", Name: "English", Language: "en", URI: "en.m3u8", Default: true}, {Group: "a", Name: "Deutsch", Language: "de", URI: "de.m3u8"}},
			Variants: []hls.Variant{{URI: "v.m3u8", Bandwidth: 1, Codecs: "avc1.42C01E,mp4a.40.2", Audio: "a"}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, tt.playlist.Validate())
			got := tt.playlist.Append(nil)
			golden(t, "multivariant-"+tt.name+".m3u8", got)
			read, kind, err := m3u8.DecodeFrom(bytes.NewReader(got), true)
			require.NoError(t, err)
			require.Equal(t, m3u8.MASTER, kind)
			master := read.(*m3u8.MasterPlaylist)
			require.True(t, master.IndependentSegments())
			require.Len(t, master.Variants, len(tt.playlist.Variants))
			for i, want := range tt.playlist.Variants {
				sameVariant(t, want, master.Variants[i])
			}
		})
	}
}

func sameVariant(t *testing.T, want hls.Variant, got *m3u8.Variant) {
	t.Helper()
	require.Equal(t, want.URI, got.URI)
	require.EqualValues(t, want.Bandwidth, got.Bandwidth)
	require.EqualValues(t, want.AverageBandwidth, got.AverageBandwidth)
	require.Equal(t, want.Codecs, got.Codecs)
	require.Equal(t, want.Audio, got.Audio)
	require.InDelta(t, want.FrameRate, got.FrameRate, 0.0005)
}

func TestMultivariantPlaylistValidate(t *testing.T) {
	require.EqualError(t, new(hls.MultivariantPlaylist).Validate(), "no variant")
	p := hls.MultivariantPlaylist{
		Audio:    []hls.Audio{{Group: "a", Name: "\"", URI: "a.m3u8"}},
		Variants: []hls.Variant{{URI: "v", Audio: "b", AverageBandwidth: 1}, {URI: "w", Bandwidth: 1, Codecs: "x", Score: 1}},
	}
	require.EqualError(t, p.Validate(), `audio 0: name "\"": has a quote or a line break
no language
variant 0: no audio group "b"
variant 0: bandwidth 0: not positive
average bandwidth 1: above the bandwidth 0
no codecs
variant 1: score 1 beside 0`)
}

func BenchmarkMultivariantPlaylist(b *testing.B) {
	p := ladder()
	buf := p.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		buf = p.Append(buf[:0])
	}
}
