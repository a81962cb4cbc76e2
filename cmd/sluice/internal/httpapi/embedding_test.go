package httpapi

import (
	"encoding/json"
	"image"
	"image/jpeg"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// newPicturedService has the stream studio, with a thumbnail of 320x180, and lets the origins frame the player.
func newPicturedService(t *testing.T, auth config.Auth, origins ...string) *testService {
	t.Helper()
	cfg := testConfig(t, auth)
	cfg.HTTP.EmbedOrigins, cfg.Unlisted = origins, []string{"rehearsal"}
	cfg.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // where httptest asks from
	cutLiveStream(t, cfg, "studio", 2)
	epochs, err := filepath.Glob(filepath.Join(cfg.Data, "live", "studio", "*", "init-0.mp4"))
	require.NoError(t, err)
	require.Len(t, epochs, 1)
	file, err := os.Create(filepath.Join(filepath.Dir(epochs[0]), "thumbnail.jpg"))
	require.NoError(t, err)
	require.NoError(t, jpeg.Encode(file, image.NewGray(image.Rect(0, 0, 320, 180)), nil))
	require.NoError(t, file.Close())
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	return s
}

// headOf is what the watch page of a stream has in its head.
func headOf(s *testService, stream, query string) (html string, private bool) {
	r := httptest.NewRequest("GET", "/watch/"+stream+query, nil)
	r.SetPathValue("stream", stream)
	text, private := handlersOf(s).watchHead(r)
	return string(text), private
}

func handlersOf(s *testService) *handlers {
	h := &handlers{service: s.Service, cfg: s.cfg}
	h.state.Service = s.Service
	return h
}

func TestOpenGraph(t *testing.T) {
	s := newPicturedService(t, config.Auth{}, "*")
	html, private := headOf(s, "studio", "")
	require.False(t, private)
	for _, want := range []string{
		`<meta property="og:title" content="studio">`,
		`<meta property="og:url" content="http://example.com/watch/studio">`,
		`<meta property="og:image" content="http://example.com/live/studio/thumbnail.jpg">`,
		`<meta property="og:image:width" content="320">`, `<meta property="og:image:height" content="180">`,
		`<meta property="og:video" content="http://example.com/embed/studio">`, `<meta property="og:video:type" content="text/html">`,
		`<link rel="alternate" type="application/json+oembed" href="http://example.com/oembed?format=json&amp;url=http%3A%2F%2Fexample.com%2Fwatch%2Fstudio" title="studio">`,
	} {
		require.Contains(t, html, want)
	}
	require.NotContains(t, html, "noindex")

	html, _ = headOf(s, "rehearsal", "")
	require.Contains(t, html, `<meta name="robots" content="noindex">`, "no list has it, and no search engine should")
	require.Contains(t, html, `content="http://example.com/embed/rehearsal"`)
	require.NotContains(t, html, "og:image", "there is no picture")

	html, _ = headOf(s, "studio", `?token=%22%3E%3Cscript%3E`)
	require.Contains(t, html, `content="http://example.com/watch/studio?token=%22%3E%3Cscript%3E"`)
	require.NotContains(t, html, "<script")

	html, _ = headOf(newPicturedService(t, config.Auth{}), "studio", "")
	require.NotContains(t, html, "og:video", "nobody else may frame it")
	require.Contains(t, html, "og:image")
}

// Who may not watch is told the same of a stream that is there as of one that is not: nothing.
func TestNothingIsToldOfStreamsThatMayNotBeWatched(t *testing.T) {
	s := newPicturedService(t, seats(), "*")
	for _, query := range []string{"", "?token=wrong", "?token=other-seat"} {
		for _, stream := range []string{"studio", "nothing"} {
			html, private := headOf(s, stream, query)
			require.Empty(t, html, query)
			require.True(t, private)
			answer := ask(s.handler, "GET", "/oembed?url="+url.QueryEscape("http://example.com/watch/"+stream+query))
			require.Contains(t, []int{401, 403}, answer.Code)
			requireProblem(t, answer, answer.Code)
			require.NotContains(t, answer.Body.String(), "thumbnail")
		}
	}
	html, private := headOf(s, "studio", "?token=seat-key")
	require.True(t, private)
	require.Contains(t, html, `content="http://example.com/live/studio/thumbnail.jpg?token=seat-key"`)
	require.Contains(t, html, `content="http://example.com/embed/studio?token=seat-key"`)
	require.Contains(t, html, "url=http%3A%2F%2Fexample.com%2Fwatch%2Fstudio%3Ftoken%3Dseat-key")
}

// requireOEmbed asks for a stream and decodes the answer.
func requireOEmbed(t *testing.T, s *testService, address, more string, headers ...string) (got api.OEmbed) {
	t.Helper()
	answer := ask(s.handler, "GET", "/oembed?url="+url.QueryEscape(address)+more, headers...)
	require.Equal(t, 200, answer.Code, answer.Body)
	require.Equal(t, "application/json", answer.Header().Get("Content-Type"))
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &got))
	require.Equal(t, "1.0", got.Version)
	return got
}

func TestOEmbed(t *testing.T) {
	s := newPicturedService(t, config.Auth{}, "https://blog.example")
	const watch = "http://example.com/watch/studio"
	require.Equal(t, api.OEmbed{
		Version: "1.0", Type: "video", Title: "studio", ProviderName: "Sluice", ProviderURL: "http://example.com/", CacheAge: embedAge,
		HTML:  `<iframe src="http://example.com/embed/studio" title="studio" width="640" height="360" allow="autoplay; fullscreen; picture-in-picture" frameborder="0"></iframe>`,
		Width: 640, Height: 360, ThumbnailURL: "http://example.com/live/studio/thumbnail.jpg", ThumbnailWidth: 320, ThumbnailHeight: 180,
	}, requireOEmbed(t, s, watch, "&format=json"))

	for more, want := range map[string][2]int{"&maxwidth=320": {320, 180}, "&maxheight=90": {160, 90}, "&maxwidth=400&maxheight=180": {320, 180}, "&maxwidth=99999": {640, 360}, "&maxwidth=1": {1, 1}} {
		got := requireOEmbed(t, s, watch, more)
		require.Equal(t, want, [2]int{got.Width, got.Height}, more)
		require.Equal(t, want[0] >= 320, got.ThumbnailURL != "", "a picture is no larger than it may be: %s", more)
	}
	require.Empty(t, requireOEmbed(t, s, "http://example.com:80/embed/nobody?autoplay=0", "").ThumbnailURL)
	got := requireOEmbed(t, newPicturedService(t, config.Auth{}), watch, "")
	require.Equal(t, "link", got.Type, "nobody else may frame it")
	require.Empty(t, got.HTML)

}

func TestOEmbedRefusals(t *testing.T) {
	s := newPicturedService(t, config.Auth{}, "*")
	for query, status := range map[string]int{
		"": 404,
		"url=" + url.QueryEscape("http://elsewhere.example/watch/studio"): 404,
		"url=" + url.QueryEscape("http://example.com:81/watch/studio"):    404,
		"url=" + url.QueryEscape("http://example.com/publish"):            404,
		"url=" + url.QueryEscape("http://example.com/watch/a.b"):          404,
		"url=" + url.QueryEscape("http://example.com/watch/studio/x"):     404,
		"url=" + url.QueryEscape("javascript://example.com/watch/studio"): 404,
		"url=%25&format=json":                                                      404,
		"url=" + strings.Repeat("a", maxOEmbedURL+1):                               404,
		"format=xml&url=" + url.QueryEscape("http://example.com/watch/studio"):     501,
		"maxwidth=0&url=" + url.QueryEscape("http://example.com/watch/studio"):     400,
		"maxheight=wide&url=" + url.QueryEscape("http://example.com/watch/studio"): 400,
	} {
		requireProblem(t, ask(s.handler, "GET", "/oembed?"+query), status)
	}
}

// Addresses are those that the client of a reverse proxy knows.
func TestEmbeddingBehindAProxy(t *testing.T) {
	s := newPicturedService(t, config.Auth{}, "*")
	got := requireOEmbed(t, s, "https://example.com/media/watch/studio", "",
		"X-Forwarded-For", "203.0.113.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "example.com", "X-Forwarded-Prefix", "/media")
	require.Equal(t, "https://example.com/media/", got.ProviderURL)
	require.Contains(t, got.HTML, `src="https://example.com/media/embed/studio"`)
	require.Equal(t, "https://example.com/media/live/studio/thumbnail.jpg", got.ThumbnailURL)
}

// No address of a page makes an answer of other than its own stream, nor anything that leaves its attribute.
func FuzzOEmbedAddress(f *testing.F) {
	for _, seed := range []string{"http://example.com/watch/studio", "https://example.com/media/embed/a?token=%22%3E", "//example.com/watch/a", "http://example.com@evil.example/watch/a", "http://example.com/watch/..%2fa"} {
		f.Add(seed)
	}
	r := httptest.NewRequest("GET", "/oembed", nil)
	f.Fuzz(func(t *testing.T, address string) {
		stream, token, ok := embedded(r, address)
		if !ok {
			return
		}
		u, err := url.Parse(address)
		require.NoError(t, err)
		require.Equal(t, "example.com", strings.ToLower(u.Hostname()))
		c := card{Stream: stream, Embed: "http://example.com/embed/" + stream + "?token=" + url.QueryEscape(token)}
		html := string(executed(frame, c))
		require.Equal(t, 2, strings.Count(html, "<"))
		require.Equal(t, 12, strings.Count(html, `"`), html)
	})
}
