// Package prefix is the path below which a reverse proxy shows the service: "/media" behind `location /media/`, and "" where it is shown at
// the top. Whoever writes an address with a path begins it with the prefix of the request. The package decides nothing about whose word is
// believed on it.
//
// It starts no goroutine.
package prefix

import (
	"context"
	"net/http"
	"strings"
)

// Longest is how many bytes a prefix may have.
const Longest = 256

type key struct{}

// With returns the request as one that came below a prefix, which is good (see Clean).
func With(r *http.Request, prefix string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), key{}, prefix))
}

// Of is the prefix of a request, without a slash at the end; "" at the top.
func Of(r *http.Request) string {
	prefix, _ := r.Context().Value(key{}).(string)
	return prefix
}

// Clean returns a prefix as it stands before paths, and reports whether it is one: parts of letters, digits, -, _, . and ~ that are neither
// empty nor dots alone, each after a slash. One slash at the end does no harm; "" and "/" mean the top.
func Clean(s string) (prefix string, ok bool) {
	s = strings.TrimSuffix(s, "/")
	if s == "" {
		return "", true
	}
	if len(s) > Longest || s[0] != '/' {
		return "", false
	}
	for part := range strings.SplitSeq(s[1:], "/") {
		if strings.Trim(part, ".") == "" || strings.IndexFunc(part, notUnreserved) >= 0 {
			return "", false
		}
	}
	return s, true
}

// notUnreserved reports whether r would need an escape in a path, or has a meaning there (RFC 3986 §2.3).
func notUnreserved(r rune) bool {
	letter := 'a' <= r|0x20 && r|0x20 <= 'z'
	return !letter && !('0' <= r && r <= '9') && !strings.ContainsRune("-._~", r)
}

// Strip returns a path without the prefix, which some proxies leave in it, and reports whether it was there.
func Strip(path, prefix string) (rest string, found bool) {
	rest, found = strings.CutPrefix(path, prefix)
	switch {
	case !found || prefix == "":
		return path, false
	case rest == "":
		return "/", true
	}
	if rest[0] != '/' {
		return path, false
	}
	return rest, true
}
