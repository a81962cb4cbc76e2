package relay

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	for target, want := range map[string]string{
		"/live/cam/index.m3u8":                                             "/live/cam/index.m3u8",
		"/live/cam/index.m3u8?session=1&x=y":                               "/live/cam/index.m3u8",
		"/live/cam/720p.m3u8?_HLS_skip=YES&_HLS_part=%31&_HLS_msn=5":       "/live/cam/720p.m3u8?_HLS_msn=5&_HLS_part=1&_HLS_skip=YES",
		"/live/cam/720p.m3u8?_HLS_msn=5&_HLS_msn=6":                        "/live/cam/720p.m3u8?_HLS_msn=5",
		"/live/cam/720p.m3u8?_HLS_msn=%zz":                                 "/live/cam/720p.m3u8?_HLS_msn=%zz",
		"/live/cam/720p.m3u8?_HLS_msn=%26_HLS_part%3D1":                    "/live/cam/720p.m3u8?_HLS_msn=%26_HLS_part%3D1",
		"/live/cam/720p~1-MAC.m3u8":                                        "/live/cam/720p~1-MAC.m3u8",
		"/live/cam/manifest.mpd?_DASH_after=7&CMCD=sid%3D1&signature=a;b%": "/live/cam/manifest.mpd?_DASH_after=7&signature=a;b%",
		"/live/cam/snapshot.jpg?at=10&x=y":                                 "/live/cam/snapshot.jpg?at=10",
		"/live/cam/thumbnail.jpg?x=y":                                      "/live/cam/thumbnail.jpg",
		"/live/cam/E/720p-7.m4s?token=t&CMCD=x":                            "/live/cam/E/720p-7.m4s",
	} {
		r := &http.Request{URL: parsed(t, target), Header: http.Header{}}
		n := nameOf(r)
		require.Equal(t, want, n.target, target)
		require.False(t, n.apart, target)
	}
}

func parsed(t testing.TB, target string) *url.URL {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	require.NoError(t, err)
	return u
}

// What is asked of the origin is a name of the same answer for the next relay, and a request that can be sent.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"_HLS_msn=5&_HLS_part=1", "_DASH_after=1&a=b;c&CMCD=", "token=x", "at=10&every=2s", "%zz=&&=&_HLS_msn=%zz", "_HLS_skip=v2#x", "_HLS_skip=v%#x"} {
		f.Add("/live/cam/720p.m3u8", seed)
		f.Add("/live/cam/manifest.mpd", seed)
		f.Add("/live/cam/E/snapshot.1.m4s", seed)
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || !strings.HasPrefix(u.Path, "/live/") {
			return
		}
		u.RawQuery = query
		n := nameOf(&http.Request{URL: u, Header: http.Header{}})
		if n.apart {
			return
		}
		request, err := http.NewRequest("GET", "http://origin.example"+n.target, nil)
		if err != nil {
			return // the origin is not asked
		}
		again := nameOf(&http.Request{URL: request.URL, Header: http.Header{}})
		if again.target != n.target && !again.apart {
			t.Fatalf("%q?%q is asked for as %q, and that as %q", path, query, n.target, again.target)
		}
	})
}
