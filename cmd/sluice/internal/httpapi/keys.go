package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

const (
	maxKeyBody = 2 << 10                         // bytes
	inOrder    = "2006-01-02T15:04:05.000000000" // of time in the order of texts, which RFC 3339 is not where it leaves zeros out
)

// serveKeys lists the keys that were made while the service runs.
func (h *handlers) serveKeys(w http.ResponseWriter, r *http.Request) {
	keys, next, ok := paged(w, r, h.service.Access().Ring().Keys(), func(k access.Key) string { return k.Created.UTC().Format(inOrder) + " " + k.ID })
	if ok {
		writeTagged(w, r, api.KeyList{Keys: keys, Page: api.Page{Next: next}})
	}
}

// serveMakeKey makes one. Its token is in this answer and nowhere else.
func (h *handlers) serveMakeKey(w http.ResponseWriter, r *http.Request) {
	var wanted api.KeyRequest
	if readJSON(w, r, maxKeyBody, &wanted) != nil {
		problem.Write(w, http.StatusBadRequest, `Send {"stream": NAME, "actions": ["publish"], "note": TEXT, "expires": "2027-01-31T20:00:00Z"} as JSON; note and expires may be left out.`)
		return
	}
	if end, ends := r.Context().Deadline(); ends && !endsBy(wanted.Expires, end) {
		refuseLonger(w, end)
		return
	}
	gate := h.service.Access()
	key, token, err := gate.Ring().Make(access.Key{Actions: wanted.Actions, Stream: wanted.Stream, Note: wanted.Note, Expires: wanted.Expires})
	if err != nil {
		h.refuseKey(w, err)
		return
	}
	made := api.NewKey{Key: key, Token: token, Open: []access.Action{}}
	for _, action := range key.Actions {
		if gate.Open(action) {
			made.Open = append(made.Open, action)
		}
	}
	w.Header().Set("Location", prefix.Of(r)+"/api/v1/keys/"+key.ID)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(made)
}

// endsBy reports whether what is made ends when the right of who makes it does; zero is without an end.
func endsBy(made, end time.Time) bool { return end.IsZero() || !made.IsZero() && !made.After(end) }

func refuseLonger(w http.ResponseWriter, end time.Time) {
	problem.Write(w, http.StatusForbidden, "Your own right ends at "+end.UTC().Format(time.RFC3339)+": what you make has to end by then.")
}

// serveRevokeKey takes one away, and ends what it has opened.
func (h *handlers) serveRevokeKey(w http.ResponseWriter, r *http.Request) {
	if _, err := h.service.Access().Revoke(r.Context(), r.PathValue("key")); err != nil {
		h.refuseKey(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *handlers) refuseKey(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, access.ErrNoKey):
		problem.Write(w, http.StatusNotFound, "There is no key of this id: it has been revoked, or never was.")
	case errors.Is(err, access.ErrBadKey), errors.Is(err, access.ErrManyKeys):
		problem.Write(w, http.StatusBadRequest, "It cannot be made: "+err.Error()+".")
	default:
		h.service.Log().Error("keys could not be written; nothing has changed", "error", err)
		problem.WriteRetry(w, http.StatusServiceUnavailable, 10, "The keys cannot be written, so nothing has changed: the log says why.")
	}
}
