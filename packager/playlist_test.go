package packager

import (
	"regexp"
	"strings"

	"github.com/Eyevinn/dash-mpd/mpd"
	"github.com/Eyevinn/hls-m3u8/m3u8"
	"github.com/stretchr/testify/require"
)

// playlist reads one of our media playlists with an independent reader.
func (b *bench) playlist(path string) (*m3u8.MediaPlaylist, string) {
	b.t.Helper()
	body := b.body(path)
	p, kind, err := m3u8.DecodeFrom(strings.NewReader(withoutParts(body)), true)
	require.NoError(b.t, err, body)
	require.Equal(b.t, m3u8.MEDIA, kind)
	return p.(*m3u8.MediaPlaylist), body
}

// withoutParts leaves out the tags for which the reader would forget those before them.
func withoutParts(playlist string) string {
	return regexp.MustCompile(`(?m)^#EXT-X-(PART|PRELOAD-HINT|RENDITION-REPORT|PART-INF|SERVER-CONTROL):.*\n`).ReplaceAllString(playlist, "")
}

func (b *bench) manifest(path string) (*mpd.MPD, string) {
	b.t.Helper()
	body := b.body(path)
	m, err := mpd.MPDFromBytes([]byte(body))
	require.NoError(b.t, err, body)
	return m, body
}
