package main

import (
	"net/http"

	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/internal/problem"
)

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

// ofOwnPages refuses pages of other sites where nobody needs a key: one that the operator of this machine happens to look at could end a
// stream, or put a meeting on air.
func ofOwnPages(keys keyring, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(keys) == 0 && !signal.SameOrigin(r) {
			problem.Write(w, http.StatusForbidden, "This page is from another site and may not do that: use a page of this service, or give auth.admin a key and send it.")
			return
		}
		next.ServeHTTP(w, r)
	})
}
