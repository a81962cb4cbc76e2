package ingest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		headers []string
		want    bool
	}{
		{nil, false}, {[]string{`"a"`}, true}, {[]string{`"b", "a"`}, true}, {[]string{`"b"`, ` "a" `}, true},
		{[]string{`W/"a"`}, false}, {[]string{`a`}, false}, {[]string{`"ab"`}, false}, {[]string{`*`}, false},
	} {
		require.Equal(t, tc.want, matches(tc.headers, `"a"`), tc.headers)
	}
}

// A tag matches where it is one of the list, strongly, and * alone means any session.
func FuzzIfMatch(f *testing.F) {
	f.Add(`"x"`, `W/"tag","tag"`)
	f.Add(`*`, `"*"`)
	f.Fuzz(func(t *testing.T, one, other string) {
		const tag = `"tag"`
		if matches([]string{one, other}, tag) && !strings.Contains(one+"\n"+other, tag) {
			t.Fatalf("%q and %q match", one, other)
		}
		if !matches([]string{one, tag + "," + other}, tag) || !matches([]string{one + "," + tag, other}, tag) {
			t.Fatalf("%q and %q hide a tag", one, other)
		}
		if anyTag([]string{one, other}) || anyTag([]string{one}) && strings.Trim(one, `"`) != "*" {
			t.Fatalf("%q or %q mean any", one, other)
		}
	})
}
