package httpapi

import (
	"errors"
	"net/http"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/cors"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/forwarded"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/public/problem"
)

// may asks whether the client of a request may do something with a stream, by a token. The error is an *access.RefusedError.
func (h *handlers) may(r *http.Request, action access.Action, stream, token string) (access.Grant, error) {
	gate := h.rights()
	if gate.Open(action) {
		return access.Grant{}, nil
	}
	question := access.Of(r, action, stream)
	question.Token = token
	return gate.May(r.Context(), question)
}

// refuse answers who has not the right (RFC 6750 §3).
func refuse(w http.ResponseWriter, err error) {
	why := &access.RefusedError{Status: http.StatusServiceUnavailable, Detail: "Nobody can say whether you may do this: try again in a moment."}
	errors.As(err, &why)
	switch why.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="sluice"`)
	case http.StatusForbidden:
		w.Header().Set("WWW-Authenticate", `Bearer realm="sluice", error="insufficient_scope"`)
	default:
		problem.WriteRetry(w, why.Status, 2, why.Detail)
		return
	}
	problem.Write(w, why.Status, why.Detail)
}

// keyed lets requests through whose token is good for the stream that streamOf finds in them (RFC 6750 §2.1); where everybody may, all but those of
// pages of other sites. Where streamOf finds no stream, any known token will do. Preflights pass, or a page could not read the refusal.
func (t table) keyed(action access.Action, next http.Handler, streamOf func(*http.Request) string) http.Handler {
	if t.gate.Open(action) {
		return ofOwnPages(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !cors.IsPreflight(r) {
			grant, err := t.mayHold(r, action, streamOf(r), access.Token(r))
			if err != nil {
				refuse(w, err)
				return
			}
			if action == access.Publish && grant.Key != "" {
				r = session.By(r, grant.right())
			}
			if action == access.Admin { // of which events last
				ctx, cancel := grant.lasting(r.Context())
				defer cancel()
				r = r.WithContext(ctx)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// ofOwnPages refuses pages of other sites where nobody needs a key: one that the operator of this machine happens to look at could publish, end
// a stream, put a meeting on air, or read who is in it. Programs and pages of the service pass. Preflights pass, or the page could not read
// the refusal.
func ofOwnPages(next http.Handler) http.Handler {
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
	if t.gate.Open(access.Admin) && !t.cfg.Loopback() {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			problem.Write(w, http.StatusForbidden, "Nobody may administer this server, which others reach and which has no keys: start it with auth.admin (insecure lets everybody publish, and no more).")
		})
	}
	return t.keyed(access.Admin, next, streamOf)
}

// monitoring is for what monitors ask: on this machine without a key, unless a proxy has passed the request on, and beyond it with one of those
// who administer.
func (t table) monitoring(next http.Handler) http.Handler {
	local, keyed := ofOwnPages(next), t.keyed(access.Metrics, next, everyStream)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case t.cfg.Loopback() && !forwarded.Claims(r):
			local.ServeHTTP(w, r)
		case t.gate.Open(access.Metrics):
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
