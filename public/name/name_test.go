package name

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValid(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "Z": true, "0": true, "Studio_1-b": true, strings.Repeat("a", 64): true,
		"": false, "-a": false, "_a": false, strings.Repeat("a", 65): false,
		".": false, "..": false, "a.b": false, "a/b": false, `a\b`: false, "a b": false, "a\x00": false, "a\n": false, "ä": false,
		"@": false, "[": false, "`": false, "{": false, "a\x1f": false,
	} {
		require.Equal(t, want, Valid(s), "%q", s)
	}
}

func TestPatterns(t *testing.T) {
	for pattern, want := range map[string]struct {
		valid   bool
		matches []string
	}{
		"cam": {true, []string{"cam"}}, "cam*": {true, []string{"cam", "camera"}}, "c*": {true, []string{"c", "cam", "camera"}}, "*": {true, []string{"c", "cam", "camera"}},
		"**": {false, nil}, "": {false, nil}, "-*": {false, nil}, "*m": {false, nil}, "c.*": {false, nil}, "cam**": {false, nil},
	} {
		require.Equal(t, want.valid, ValidPattern(pattern), pattern)
		var matches []string
		for _, s := range []string{"c", "cam", "camera"} {
			if Matches(pattern, s) {
				matches = append(matches, s)
			}
		}
		require.Equal(t, want.matches, matches, pattern)
	}
}

// The loop says the same as the expression of the grammar, which is slower.
func FuzzValid(f *testing.F) {
	for _, s := range []string{"", "a", "-", "a-_9", "é", strings.Repeat("Z", 65)} {
		f.Add(s)
	}
	grammar := regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9_-]{0,63}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, grammar.MatchString(s), Valid(s), "%q", s)
	})
}

func BenchmarkValid(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Valid("a-name-that-is-about-as-long-as-most_1")
	}
}
