package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/public/problem"
)

// allSessions are those of a relay and of its origin, which answers with the status. Where it refuses, there are none.
func (h *handlers) allSessions(r *http.Request) (sessions []api.Session, status int, err error) {
	asked := r.Clone(r.Context())
	query := asked.URL.Query()
	query.Del("limit") // of both together
	query.Del("page_token")
	asked.URL.Path, asked.URL.RawPath, asked.URL.RawQuery = "/api/v1/sessions", "", query.Encode()
	status, body, err := h.relay.Get(r.Context(), asked)
	if err != nil || status != http.StatusOK {
		return nil, status, err
	}
	var list api.SessionList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, 0, err
	}
	return append(list.Sessions, api.SessionsOf(h.relay.Ingest().Sessions())...), status, nil
}

// serveAllSessions lists them. What is wrong the origin says by itself.
func (h *handlers) serveAllSessions(w http.ResponseWriter, r *http.Request) {
	sessions, status, err := h.allSessions(r)
	switch {
	case err != nil:
		problem.WriteRetry(w, http.StatusServiceUnavailable, 1, "The origin of this relay does not answer: ask again in a second.")
	case status != http.StatusOK:
		h.relay.Pass().ServeHTTP(w, r)
	default:
		if page, next, ok := paged(w, r, sessions, sessionKey); ok {
			writeJSON(w, api.SessionList{Sessions: page, Page: api.Page{Next: next}})
		}
	}
}

// serveAllSessionEvents tells of them each second, until the client goes. While the origin is away it tells of the relay's own.
func (h *handlers) serveAllSessionEvents(w http.ResponseWriter, r *http.Request) {
	if _, status, err := h.allSessions(r); err == nil && status != http.StatusOK {
		h.relay.Pass().ServeHTTP(w, r)
		return
	}
	events := startEvents(w)
	err := events.say(fmt.Sprintf("retry: %d\n\n", eventsRetry.Milliseconds()))
	each := time.NewTicker(broadcast.StatusEvery)
	defer each.Stop()
	for err == nil {
		sessions, status, fault := h.allSessions(r)
		switch {
		case fault == nil && status != http.StatusOK: // the right has ended
			return
		case fault != nil:
			sessions = api.SessionsOf(h.relay.Ingest().Sessions())
		}
		err = events.send(eventStatistics, api.SessionList{Sessions: sessions})
		select {
		case <-each.C:
		case <-r.Context().Done():
			return
		case <-h.relay.Ingest().Sessions().Stopped():
			return
		}
	}
}
