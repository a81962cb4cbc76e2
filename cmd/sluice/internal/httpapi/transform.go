package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/service"
	"github.com/sluice-live/sluice/public/problem"
	"github.com/sluice-live/sluice/transcode"
)

const (
	maxTransformBody = 1 << 10         // bytes
	transformWithin  = 5 * time.Second // for the broadcast to take it
)

// serveTransform changes what the pictures of a stream are transformed to. That takes another ffmpeg, which viewers see as a
// discontinuity.
func (h *handlers) serveTransform(w http.ResponseWriter, r *http.Request) {
	var wanted api.TransformRequest
	err := readJSON(w, r, maxTransformBody, &wanted)
	switch {
	case err != nil || wanted.Transform == nil:
		problem.Write(w, http.StatusBadRequest, `Send {"transform": NAME} as JSON, with "" for none.`)
		return
	case *wanted.Transform == transcode.TransformLogo && h.cfg.Logo == "":
		problem.Write(w, http.StatusBadRequest, "This server has no logo: start it with --logo IMAGE.")
		return
	case !slices.Contains(append(h.service.Transforms(), transcode.TransformNone), *wanted.Transform):
		problem.Write(w, http.StatusBadRequest, fmt.Sprintf("There is no such transform: choose one of %q, or \"\" for none.", h.service.Transforms()))
		return
	}
	b := h.service.Find(r.PathValue("stream"))
	if b == nil || b.Ended() {
		refuseUnknown(w, r.PathValue("stream"))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), transformWithin)
	defer cancel()
	switch err := h.service.Transform(ctx, b, *wanted.Transform); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, broadcast.ErrEnded):
		refuseUnknown(w, b.Stream())
	case errors.Is(err, service.ErrNoRoom):
		problem.WriteRetry(w, http.StatusServiceUnavailable, 60, "Faces are searched for in as many streams as this server has processors: switch it off in another one, or try again later.")
	default:
		problem.WriteRetry(w, http.StatusServiceUnavailable, 5, "The stream is busy: try again in a few seconds.")
	}
}
