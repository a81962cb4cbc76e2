package packager

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/origin"
)

// ask is a request that has been let through with a signature.
func (b *bench) ask(path, signature string, private bool) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	rest, _ := strings.CutPrefix(r.URL.Path, "/live/cam/")
	r.SetPathValue("stream", "cam")
	r.SetPathValue("file", rest)
	w := httptest.NewRecorder()
	b.ServeLive(w, origin.Signed(r, signature, private))
	return w
}

// Manifests name the others by the viewer's signature, and media by the names that it has for all. What is under a signature is the same for all
// who have it, rendered once, and caches may keep it; what was asked for with a token is for its client alone.
func TestSignedManifests(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	plain := b.get("/live/cam/index.m3u8")

	first := b.ask("/live/cam/index.m3u8?token=seat-key", "ABC", true)
	require.Equal(t, http.StatusOK, first.Code)
	require.Equal(t, "private, max-age=1", first.Header().Get("Cache-Control"))
	require.Equal(t, strings.ReplaceAll(plain.Body.String(), ".m3u8", "~ABC.m3u8"), first.Body.String())

	var names []string
	for line := range strings.SplitSeq(first.Body.String(), "\n") {
		if strings.HasSuffix(line, ".m3u8") {
			names = append(names, line)
		}
	}
	require.NotEmpty(t, names)
	file, signature := origin.CutSignature(names[0])
	require.Equal(t, "ABC", signature)
	media, open := b.ask("/live/cam/"+file, "ABC", false), b.get("/live/cam/"+file)
	require.Equal(t, open.Header().Get("Cache-Control"), media.Header().Get("Cache-Control"), "as without signatures")
	require.Equal(t, strings.ReplaceAll(open.Body.String(), ".m3u8", "~ABC.m3u8"), media.Body.String(), "rendition reports are all that differs")
	require.Contains(t, media.Body.String(), `RENDITION-REPORT:URI="`)
	renders := b.Stream("cam").Info().Renders
	for range 3 {
		require.Equal(t, media.Header().Get("Etag"), b.ask("/live/cam/"+file, "ABC", false).Header().Get("Etag"))
		require.Equal(t, first.Body.String(), b.ask("/live/cam/index.m3u8", "ABC", true).Body.String())
	}
	require.Equal(t, renders, b.Stream("cam").Info().Renders)
	require.Contains(t, b.ask("/live/cam/"+file, "XYZ", false).Body.String(), `~XYZ.m3u8`)

	w := b.ask("/live/cam/manifest.mpd?a=1&token=seat-key", "ABC", true)
	m, err := dash.Parse(w.Body.Bytes())
	require.NoError(t, err)
	require.Regexp(t, `^manifest~ABC\.mpd\?_DASH_after=\d+&a=1$`, m.Location, "and not the token")
	require.Contains(t, w.Header().Get("Cache-Control"), "private")
	next := b.ask("/live/cam/manifest.mpd", "ABC", false)
	require.Equal(t, "public, max-age=1", next.Header().Get("Cache-Control"))
	require.NotContains(t, next.Body.String(), "seat-key")
}

func TestCutSignature(t *testing.T) {
	for file, want := range map[string][2]string{
		"720p~abc-DEF.m3u8": {"720p.m3u8", "abc-DEF"}, "manifest~a.mpd": {"manifest.mpd", "a"}, "index.m3u8": {"index.m3u8", ""},
		"720p~abc": {"720p~abc", ""}, "~.m3u8": {".m3u8", ""}, "a~b~c.m3u8": {"a.m3u8", "b~c"},
	} {
		plain, signature := origin.CutSignature(file)
		require.Equal(t, want, [2]string{plain, signature}, file)
	}
}
