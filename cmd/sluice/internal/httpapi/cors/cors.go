// Package cors lets pages of any origin use the service, without credentials (Fetch §3.3). It decides nothing about who may do what.
//
// It starts no goroutine.
package cors

import "net/http"

const (
	methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
	headers = "Authorization, Content-Type, If-Match, If-None-Match, Range, ETag, Last-Event-ID"
	exposed = "Location, ETag, Link, Accept-Post, Retry-After, Date, Age, Content-Length, Content-Range, WWW-Authenticate, Access-Control-Allow-Methods"
	maxAge  = "86400" // seconds for which a browser may keep the answer to a preflight
)

// Allow adds the headers to every answer, errors too, whether or not the request names its origin: so a shared cache holds one
// copy that serves everybody. Answers to OPTIONS say what a preflight asks (Fetch §3.3.2), which carries no authorization
// (RFC 9725 §4.7).
func Allow(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Access-Control-Allow-Origin"] = []string{"*"}
		header["Access-Control-Expose-Headers"] = []string{exposed}
		if r.Method == http.MethodOptions {
			header.Set("Access-Control-Allow-Methods", methods)
			header.Set("Access-Control-Allow-Headers", headers)
			header.Set("Access-Control-Max-Age", maxAge)
		}
		next.ServeHTTP(w, r)
	})
}

// IsPreflight reports whether a request is a CORS preflight (Fetch §4.8), and not an OPTIONS request that a client makes for itself.
func IsPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}
