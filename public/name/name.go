// Package name is the grammar of names that users choose and that stand in addresses and on disk: of streams, rooms and
// renditions. It says what a name may look like, not which names exist.
//
// It starts no goroutine.
package name

import "strings"

// Longest is how many bytes a name may have.
const Longest = 64

// Rule says the grammar in words, to stand in the middle of a sentence.
const Rule = "1 to 64 letters (A-Z, a-z), digits, - and _, beginning with a letter or digit"

// Valid reports whether s is [A-Za-z0-9][A-Za-z0-9_-]{0,63}: good as one segment of an address and as a directory, whatever the
// file system, and never one of those that mean something else (. and ..).
func Valid(s string) bool {
	if s == "" || len(s) > Longest || s[0] == '_' || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// Matches reports whether s is the name that a pattern is, or begins with what it has before a *.
func Matches(pattern, s string) bool {
	begin, open := strings.CutSuffix(pattern, "*")
	return pattern == s || open && strings.HasPrefix(s, begin)
}

// ValidPattern reports whether a pattern is a name, the beginning of names before a *, or * for all.
func ValidPattern(pattern string) bool {
	return pattern == "*" || Valid(strings.TrimSuffix(pattern, "*"))
}
