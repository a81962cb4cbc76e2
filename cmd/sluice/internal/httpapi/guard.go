package httpapi

import (
	"errors"
	"net/http"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/cors"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/forwarded"
	"github.com/sluice-live/sluice/ingest/quota"
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

// ofOwnPages refuses pages of other sites where nobody needs a key: one that the operator of this machine happens to look at could publish, end
// a stream, put a meeting on air, or read who is in it. Programs and pages of the service pass, and so does whoever has a key. Preflights
// pass, or the page could not read the refusal.
func ofOwnPages(keys access.Keys, next http.Handler) http.Handler {
	if !keys.Open() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !signal.SameOrigin(r) && !cors.IsPreflight(r) {
			problem.Write(w, http.StatusForbidden, "This page is from another site and may not do that: use a page of this service, or start it with keys (auth.publish, auth.admin) and send one.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// administration is for who administers: with a key, or without any where only this machine reaches the service. Beyond that nobody may until
// there are keys: insecure lets everybody publish, and nothing else.
func (t table) administration(next http.HandlerFunc, streamOf func(*http.Request) string) http.Handler {
	if t.admin.Open() && !t.cfg.Loopback() {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			problem.Write(w, http.StatusForbidden, "Nobody may administer this server, which others reach and which has no keys: start it with auth.admin (insecure lets everybody publish, and no more).")
		})
	}
	return withKey(t.admin, ofOwnPages(t.admin, next), streamOf)
}

// monitoring is for what monitors ask: on this machine without a key, unless a proxy has passed the request on, and beyond it with one of those
// who administer.
func (t table) monitoring(next http.Handler) http.Handler {
	local, keyed := ofOwnPages(nil, next), withKey(t.admin, next, everyStream)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case t.cfg.Loopback() && !forwarded.Claims(r):
			local.ServeHTTP(w, r)
		case t.admin.Open():
			problem.Write(w, http.StatusForbidden, "Who asks from elsewhere needs a key for this, and this server has none: start it with auth.admin, or with http.metrics, an address of its own for /metrics.")
		default:
			keyed.ServeHTTP(w, r)
		}
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

// within has each request take one of the places, which bound the requests that are under way at once, and those of one client. Many wait
// for what comes, or for clients that do not read; without a bound they could take all memory, and without a share one client could take
// all places. Who has its share is refused with the status.
func within(places *quota.Pool, status int, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := quota.ClientOf(r.RemoteAddr)
		switch err := places.Take(client); {
		case errors.Is(err, quota.ErrShare):
			problem.WriteRetry(w, status, 1, "Your address has all the requests of this kind under way that it may have (limits.requests-per-address): ask again when one of them has ended.")
		case err != nil:
			problem.WriteRetry(w, http.StatusServiceUnavailable, 1, "The server has all the requests of this kind that it takes (limits.requests): ask again in a second.")
		default:
			defer places.Release(client)
			next.ServeHTTP(w, r)
		}
	})
}
