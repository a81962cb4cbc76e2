// Package cors lets pages of any origin use the service, without credentials (Fetch §3.3). It decides nothing about who may do what, and no
// other package sets these headers.
//
// It starts no goroutine.
package cors

import (
	"net/http"
	"slices"
	"strings"
)

const (
	methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
	headers = "Authorization, Content-Type, If-Match, If-None-Match, Range, ETag, Last-Event-ID"
	maxAge  = "86400" // seconds for which a browser may keep the answer to a preflight
)

const (
	maxAsked      = 64   // header names of a preflight that are looked at
	maxAskedBytes = 4096 // of all of them
)

// Header values that are the same for all answers; they are never changed.
var (
	anyOrigin = []string{"*"}
	exposed   = []string{"Location, ETag, Link, Accept-Post, Retry-After, Date, Age, Content-Length, Content-Range, Server-Timing, Sluice-Frame, Sluice-Faces, Sluice-Time, WWW-Authenticate, Access-Control-Allow-Methods"}
)

// Allow adds the headers to every answer, errors too, whether or not the request names its origin: so a shared cache holds one
// copy that serves everybody. Answers to OPTIONS say what a preflight asks (Fetch §3.3.2), which carries no authorization
// (RFC 9725 §4.7).
func Allow(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Access-Control-Allow-Origin"], header["Access-Control-Expose-Headers"] = anyOrigin, exposed
		if r.Method == http.MethodOptions {
			header.Set("Access-Control-Allow-Methods", methods)
			header.Set("Access-Control-Allow-Headers", allowed(r.Header.Values("Access-Control-Request-Headers")))
			header.Set("Access-Control-Max-Age", maxAge)
			header.Add("Vary", "Access-Control-Request-Headers")
		}
		next.ServeHTTP(w, r)
	})
}

// allowed is headers with all that a preflight asks for: players send CMCD (CTA-5004 §3.1), tracing adds traceparent, and none of them can do
// harm without credentials. Of names that are no tokens (RFC 9110 §5.6.2), or too many, nothing is said.
func allowed(asked []string) string {
	list := strings.Split(headers, ", ")
	has := func(name string) bool {
		return slices.ContainsFunc(list, func(known string) bool { return strings.EqualFold(known, name) })
	}
	looked, left := 0, maxAskedBytes
	for _, line := range asked {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.Trim(name, " \t")
			if looked++; looked > maxAsked || len(name) > left {
				return strings.Join(list, ", ")
			}
			left -= len(name)
			if isToken(name) && !has(name) {
				list = append(list, name)
			}
		}
	}
	return strings.Join(list, ", ")
}

// isToken reports whether s is a token (RFC 9110 §5.6.2).
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		letter := 'a' <= r|0x20 && r|0x20 <= 'z'
		return !letter && !('0' <= r && r <= '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}) < 0
}

// IsPreflight reports whether a request is a CORS preflight (Fetch §4.8), and not an OPTIONS request that a client makes for itself.
func IsPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}
