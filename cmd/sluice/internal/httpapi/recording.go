package httpapi

import (
	"errors"
	"net/http"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

// serveStartRecording begins the recording of a live stream. One that runs goes on, and is told.
func (h *handlers) serveStartRecording(w http.ResponseWriter, r *http.Request) {
	stream := r.PathValue("stream")
	info, err := h.service.StartRecording(stream)
	if err != nil {
		refuseRecording(w, stream, err)
		return
	}
	answer := *api.NewRecording(&info)
	answer.Path = prefix.Of(r) + answer.Path
	writeJSON(w, answer)
}

// serveStopRecording ends the recording of a live stream, if there is one.
func (h *handlers) serveStopRecording(w http.ResponseWriter, r *http.Request) {
	stream := r.PathValue("stream")
	if err := h.service.StopRecording(stream); err != nil {
		refuseRecording(w, stream, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func refuseRecording(w http.ResponseWriter, stream string, err error) {
	if errors.Is(err, packager.ErrNotLive) {
		refuseUnknown(w, stream)
		return
	}
	problem.WriteRetry(w, http.StatusServiceUnavailable, 60, "It cannot be recorded now: "+err.Error()+".")
}
