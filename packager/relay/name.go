package relay

import (
	"net/http"
	"net/url"
	"strings"
)

// maxQuery bounds what is shared of a query, bytes; who asks for more is passed on to the origin alone.
const maxQuery = 2 << 10

// wanted is what a request asks for, written in one way however clients write it.
type wanted struct {
	target string // path and query for the origin
	gzip   bool   // compressed
	apart  bool   // the answer is for this client alone
}

// key is that under which answers are shared.
func (n wanted) key() string {
	if n.gzip {
		return n.target + " gzip"
	}
	return n.target
}

// nameOf reads a request. Of a query only what changes the answer is asked of the origin: the delivery directives of a playlist, the edition and
// what is for somebody else of an MPD, which is repeated in it, and the time of a snapshot. What comes with a right of its own is apart; names of
// media that cannot be guessed are rights themselves.
func nameOf(r *http.Request) wanted {
	path := r.URL.EscapedPath()
	isMedia := strings.Count(strings.TrimPrefix(path, "/live/"), "/") > 1
	if isMedia {
		return wanted{target: path}
	}
	n := wanted{target: path, apart: r.Header["Authorization"] != nil}
	query := ""
	switch {
	case strings.HasSuffix(path, ".m3u8"):
		n.gzip = acceptsGzip(r.Header)
		query = pick(r.URL.RawQuery, "_HLS_msn", "_HLS_part", "_HLS_skip")
	case strings.HasSuffix(path, ".mpd"):
		n.gzip = acceptsGzip(r.Header)
		query = withoutCMCD(r.URL.RawQuery)
	case strings.Contains(path, "/snapshot."):
		query = pick(r.URL.RawQuery, "at")
		n.apart = n.apart || has(r.URL.RawQuery, "every")
	}
	n.apart = n.apart || len(query) > maxQuery || has(r.URL.RawQuery, "token")
	if query != "" {
		n.target += "?" + query
	}
	return n
}

// each calls f with the parameters of a query whose names can be read, and with how each is written.
func each(query string, f func(name, value, written string)) {
	for written := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(written, "=")
		if name, err := url.QueryUnescape(name); err == nil {
			f(name, value, written)
		}
	}
}

// pick is the first of each of the parameters, in their order and in one spelling. A value that cannot be read stays, for the origin to refuse.
func pick(query string, names ...string) string {
	var b strings.Builder
	for _, wanted := range names {
		found := false
		each(query, func(name, value, _ string) {
			if name != wanted || found {
				return
			}
			found = true
			if plain, err := url.QueryUnescape(value); err == nil {
				value = url.QueryEscape(plain)
			} else {
				value = withoutFragment(value)
			}
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(name + "=" + value)
		})
	}
	return b.String()
}

// withoutCMCD is a query as it is written, without what players tell of themselves with every request (CTA-5004).
func withoutCMCD(query string) string {
	var kept []string
	for written := range strings.SplitSeq(query, "&") {
		if name, _, _ := strings.Cut(written, "="); name != "CMCD" && name != "" {
			kept = append(kept, written)
		}
	}
	return withoutFragment(strings.Join(kept, "&"))
}

// withoutFragment is a query that has none behind it in an address.
func withoutFragment(query string) string { return strings.ReplaceAll(query, "#", "%23") }

func has(query, wanted string) (found bool) {
	if query == "" {
		return false
	}
	each(query, func(name, _, _ string) { found = found || name == wanted })
	return found
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3): gzip, unless its weight is 0.
func acceptsGzip(h http.Header) bool {
	accepted := false
	for part := range strings.SplitSeq(strings.Join(h["Accept-Encoding"], ","), ",") {
		coding, params, _ := strings.Cut(part, ";")
		weight, weighted := strings.CutPrefix(strings.ToLower(strings.Trim(params, " \t")), "q=")
		zero := weighted && strings.HasPrefix(weight, "0") && !strings.ContainsAny(weight, "123456789")
		switch coding = strings.TrimSpace(coding); {
		case strings.EqualFold(coding, "gzip"):
			return !zero
		case coding == "*":
			accepted = !zero
		}
	}
	return accepted
}
