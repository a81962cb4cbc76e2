package conformance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParsePlaylist(t *testing.T) {
	p, err := parsePlaylist(&Visit{URL: base + "180p.m3u8?token=x", Body: []byte("#EXTM3U\r\n#EXT-X-TARGETDURATION:2\r\n#EXT-X-MEDIA-SEQUENCE:7\r\n" +
		"#EXT-X-DISCONTINUITY-SEQUENCE:3\r\n# a comment\r\n\r\n#EXT-X-MAP:URI=\"../i,1.mp4?token=x\",BYTERANGE=\"1@2\"\r\n" +
		"#EXT-X-DISCONTINUITY\r\n#EXT-X-GAP\r\n#EXTINF:2.5,title\r\na.m4s?token=x\r\n#EXTINF:2\r\nhttp://other.test/b.m4s\r\n#EXT-X-ENDLIST\r\n")})
	require.NoError(t, err)
	require.Equal(t, []segment{
		{msn: 7, number: 4, uri: base + "a.m4s", init: "http://example.test/live/i,1.mp4", duration: 2.5, gap: true, fresh: true},
		{msn: 8, number: 4, uri: "http://other.test/b.m4s", init: "http://example.test/live/i,1.mp4", duration: 2},
	}, p.segments)
	require.True(t, p.ended())
	require.Equal(t, []string{"EXT-X-ENDLIST"}, p.late)
	require.EqualValues(t, 9, p.end())
}

func TestParsePlaylistRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":             "",
		"a page":              "<html>",
		"a URI of nothing":    "#EXTM3U\na.m4s\n",
		"a duration of words": "#EXTM3U\n#EXTINF:two,\na.m4s\n",
		"a date of words":     "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:noon\n",
		"too much":            "#EXTM3U\n" + strings.Repeat("#\n", maxPlaylist/2),
	} {
		_, err := parsePlaylist(&Visit{Body: []byte(body)})
		require.Error(t, err, name)
	}
}

func FuzzPlaylist(f *testing.F) {
	for _, v := range fixture() {
		if v.is(".m3u8") && after(&v, 59) {
			f.Add(v.Body)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v := Visit{URL: base + "a.m3u8", Status: http.StatusOK, Header: http.Header{}, Body: b}
		CheckHLS([]Visit{v, v}, Options{})
	})
}

func FuzzMPD(f *testing.F) {
	f.Add(mpd(3, false))
	f.Add(mpd(30, true))
	f.Fuzz(func(t *testing.T, b []byte) {
		v := Visit{URL: base + "a.mpd", Status: http.StatusOK, Header: http.Header{}, Body: b, At: zero}
		CheckDASH([]Visit{v, v}, Options{})
	})
}
