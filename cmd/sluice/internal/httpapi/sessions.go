package httpapi

import (
	"fmt"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/public/problem"
)

func (h *handlers) serveSessions(w http.ResponseWriter, r *http.Request) {
	all := h.all(r.Context())
	if sessions, next, ok := paged(w, r, all.Sessions, sessionKey); ok {
		writeJSON(w, api.SessionList{Sessions: sessions, Missing: all.Missing, Page: api.Page{Next: next}})
	}
}

// sessionKey orders sessions, the oldest first.
func sessionKey(s api.Session) string { return s.Since.Format("2006-01-02T15:04:05.000 ") + s.ID }

// serveSessionEvents tells of all sessions each second, until the client or the service ends.
func (h *handlers) serveSessionEvents(w http.ResponseWriter, r *http.Request) {
	stopping := h.service.Stopping()
	if stopping == nil {
		problem.Write(w, http.StatusServiceUnavailable, "The service is starting or stopping.")
		return
	}
	events := startEvents(w)
	err := events.say(fmt.Sprintf("retry: %d\n\n", eventsRetry.Milliseconds()))
	each := time.NewTicker(broadcast.StatusEvery)
	defer each.Stop()
	for err == nil {
		all := h.all(r.Context())
		err = events.send(eventStatistics, api.SessionList{Sessions: all.Sessions, Missing: all.Missing})
		select {
		case <-each.C:
		case <-r.Context().Done():
			return
		case <-stopping:
			return
		}
	}
}
