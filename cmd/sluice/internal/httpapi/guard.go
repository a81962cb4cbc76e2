package httpapi

import (
	"net/http"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/cors"
	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/public/problem"
)

// withKey lets requests through that carry a key for the stream that streamOf finds in them (RFC 6750 §2.1); without any keys, all.
// Where streamOf finds no stream, any known key will do.
func withKey(keys access.Keys, next http.Handler, streamOf func(*http.Request) string) http.Handler {
	if keys.Open() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cors.IsPreflight(r) {
			next.ServeHTTP(w, r)
			return
		}
		known, allowed := keys.Admit(streamOf(r), access.Token(r))
		switch {
		case !known:
			w.Header().Set("WWW-Authenticate", `Bearer realm="sluice"`)
			problem.Write(w, http.StatusUnauthorized, "Send a stream key that this server knows as “Authorization: Bearer KEY”.")
		case !allowed:
			w.Header().Set("WWW-Authenticate", `Bearer realm="sluice", error="insufficient_scope"`)
			problem.Write(w, http.StatusForbidden, "This key is for another stream: use the key of this one.")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ofOwnPages refuses pages of other sites where nobody needs a key: one that the operator of this machine happens to look at could end a
// stream, or put a meeting on air.
func ofOwnPages(keys access.Keys, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if keys.Open() && !signal.SameOrigin(r) {
			problem.Write(w, http.StatusForbidden, "This page is from another site and may not do that: use a page of this service, or give auth.admin a key and send it.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// named refuses streams outside the grammar. Preflights pass, or a page could not read the refusal.
func named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !cors.IsPreflight(r) && !name.Valid(r.PathValue("stream")) {
			problem.Write(w, http.StatusBadRequest, "A stream's name is "+name.Rule+".")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// viewed remembers when a stream was last asked for.
func (h *handlers) viewed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.service.Viewed()
		next.ServeHTTP(w, r)
	})
}

// within has each request take one of the places, which bound the requests that are under way at once. Many wait for what comes, or
// for clients that do not read; without a bound they could take all memory.
func within(places chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			next.ServeHTTP(w, r)
		default:
			problem.WriteRetry(w, http.StatusServiceUnavailable, 1, "The server has all the requests of this kind that it takes (limits.requests, limits.connections): ask again in a second.")
		}
	})
}
