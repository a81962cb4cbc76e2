package prefix

import (
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	for s, want := range map[string]string{"": "", "/": "", "/media": "/media", "/media/": "/media", "/a/b-c_d.e~1/": "/a/b-c_d.e~1", "/..a": "/..a"} {
		got, ok := Clean(s)
		require.True(t, ok, s)
		require.Equal(t, want, got)
	}
	for _, s := range []string{"media", "//", "//evil.example", "/a//b", "/a/../b", "/.", "/a b", "/a?b", "/a%2f", `/a\b`, `/"`, "/ä", "/a\r\n", "/" + strings.Repeat("a", Longest)} {
		_, ok := Clean(s)
		require.False(t, ok, s)
	}
}

func TestStrip(t *testing.T) {
	for _, tc := range []struct {
		path, prefix, want string
		found              bool
	}{
		{"/media/whip/a", "/media", "/whip/a", true}, {"/media", "/media", "/", true}, {"/media/", "/media", "/", true},
		{"/mediathek", "/media", "/mediathek", false}, {"/whip/a", "/media", "/whip/a", false}, {"/whip/a", "", "/whip/a", false},
	} {
		rest, found := Strip(tc.path, tc.prefix)
		require.Equal(t, tc.want, rest)
		require.Equal(t, tc.found, found, tc.path)
	}
}

func TestOf(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	require.Empty(t, Of(r))
	require.Equal(t, "/media", Of(With(r, "/media")))
}

// What is clean stands before a path and stays what it is, on this host.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "/", "/media/", "//evil.example", "/a/../b", "/%2e%2e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := Clean(s)
		if !ok || got == "" {
			return
		}
		again, ok := Clean(got)
		require.True(t, ok)
		require.Equal(t, got, again)
		require.Equal(t, got+"/x", path.Clean(got+"/x"))
		require.False(t, strings.HasPrefix(got, "//"))
	})
}
