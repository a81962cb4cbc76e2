package origin

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestManifestsBelow(t *testing.T) {
	const base = "/recordings/cam/20261129T000000Z~sig/"
	list := "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n720p.m3u8\n#EXT-X-MAP:URI=\"720p-1-init.mp4\"\n#EXTINF:2,\n720p-1.m4s\n"
	require.Equal(t, "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\""+base+"audio.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n"+base+"720p.m3u8\n#EXT-X-MAP:URI=\""+base+"720p-1-init.mp4\"\n#EXTINF:2,\n"+base+"720p-1.m4s\n",
		string(playlistBelow([]byte(list), base)))
	require.Equal(t, `<?xml version="1.0"?><MPD type="static"><BaseURL>`+base+`</BaseURL><Period/></MPD>`, string(mpdBelow([]byte(`<?xml version="1.0"?><MPD type="static"><Period/></MPD>`), base)))
	require.Equal(t, "no MPD", string(mpdBelow([]byte("no MPD"), base)))
}

// Lines stay lines, tags stay tags.
func FuzzPlaylistBelow(f *testing.F) {
	f.Add("#EXTM3U\na.m4s\n#X:URI=\"\"\r\n\n")
	f.Fuzz(func(t *testing.T, list string) {
		got := string(playlistBelow([]byte(list), "/b/"))
		if strings.Count(got, "\n") != strings.Count(list, "\n") || strings.ReplaceAll(got, "/b/", "") != strings.ReplaceAll(list, "/b/", "") {
			t.Fatalf("%q became %q", list, got)
		}
	})
}
