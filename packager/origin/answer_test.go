package origin

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "br, GZIP;q=0.8": true, "gzip;q=0": false, "gzip; Q=0.000": false, "gzip ;\tq=0": false, "gzip;q=0.001": true,
		"*": true, "*;q=0": false, "*;q=0, gzip": true, "gzip;q=0, *": false, "identity": false, "xgzip": false, "gzip;level=0": true, "br,,gzip": true,
	} {
		require.Equal(t, want, acceptsGzip(http.Header{"Accept-Encoding": {header}}), header)
	}
}

func TestMatches(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "*": true, `"a"`: true, `W/"a"`: true, `"b", W/"a"`: true, `"b",*`: true, `"ab"`: false, `a`: false, `"b"`: false, `w/"a"`: false,
	} {
		require.Equal(t, want, matches(header, `"a"`), header)
	}
}

// A refusal stands wherever it is in the list, and nothing is accepted that is not named.
func FuzzAcceptsGzip(f *testing.F) {
	f.Add("br, gzip;q=0.8")
	f.Add("*;q=0,identity;q=1,\t gzip ; Q=0.000")
	f.Fuzz(func(t *testing.T, header string) {
		lower := strings.ToLower(header)
		if acceptsGzip(http.Header{"Accept-Encoding": {header}}) && !strings.Contains(lower, "gzip") && !strings.Contains(lower, "*") {
			t.Fatalf("%q accepts gzip", header)
		}
		if !strings.Contains(lower, "gzip") && acceptsGzip(http.Header{"Accept-Encoding": {header + ",gzip;q=0"}}) {
			t.Fatalf("%q and a refusal accept gzip", header)
		}
	})
}

// A tag matches where it is in the list, weak or not, and nowhere else.
func FuzzIfNoneMatch(f *testing.F) {
	f.Add(`"x", W/"tag"`)
	f.Add(`*`)
	f.Add(`"tag" "x",,`)
	f.Fuzz(func(t *testing.T, header string) {
		const tag = `"tag"`
		if matches(header, tag) && !strings.Contains(header, tag) && !strings.Contains(header, "*") {
			t.Fatalf("%q matches", header)
		}
		if !matches(header+`, W/"tag"`, tag) || !matches(`"tag",`+header, tag) {
			t.Fatalf("%q hides a tag", header)
		}
	})
}
