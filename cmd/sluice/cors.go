package main

import "net/http"

const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
	corsRequest = "Authorization, Content-Type, If-Match, If-None-Match, Range, ETag, Last-Event-ID"
	corsExposed = "Location, ETag, Link, Accept-Post, Retry-After, Date, Age, Content-Length, Content-Range, WWW-Authenticate, Access-Control-Allow-Methods"
	corsMaxAge  = "86400"
)

// withCORS lets pages of any origin use the service, without credentials. The headers are on every answer, errors too,
// whether or not the request names its origin: so a shared cache holds one copy that serves everybody.
// It answers preflights itself (Fetch §3.3.2), which therefore need no authorization (RFC 9725 §4.7).
func withCORS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Access-Control-Allow-Origin"] = []string{"*"}
		header["Access-Control-Expose-Headers"] = []string{corsExposed}
		if r.Method == http.MethodOptions {
			header.Set("Access-Control-Allow-Methods", corsMethods)
			header.Set("Access-Control-Allow-Headers", corsRequest)
			header.Set("Access-Control-Max-Age", corsMaxAge)
		}
		next.ServeHTTP(w, r)
	})
}

// isPreflight tells a CORS preflight from an OPTIONS request that a client makes for itself.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}
