package httpapi

import (
	"fmt"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/logs"
	"github.com/sluice-live/sluice/public/problem"
)

// eventLines is the event of GET /api/v1/logs/events: lines that are new.
const eventLines = "lines"

// logsGathered is how long new lines are gathered for one event: ffmpeg may say much at once.
const logsGathered = 200 * time.Millisecond

// serveLogs lists the lines that are kept.
func (h *handlers) serveLogs(w http.ResponseWriter, r *http.Request) {
	lines, _ := h.book.Since(0)
	writeTagged(w, r, api.LogLines{Lines: append([]logs.Line{}, lines...)})
}

// serveLogEvents tells the lines that are kept and then new ones as server-sent events. A client that reads slowly misses those that are not
// kept any more; ids tell.
func (h *handlers) serveLogEvents(w http.ResponseWriter, r *http.Request) {
	stopping := h.service.Stopping()
	if stopping == nil {
		problem.WriteRetry(w, http.StatusServiceUnavailable, 2, "The service is starting or stopping.")
		return
	}
	events := startEvents(w)
	err := events.say(fmt.Sprintf("retry: %d\n\n", eventsRetry.Milliseconds()))
	var last uint64
	for err == nil {
		lines, newer := h.book.Since(last)
		if len(lines) > 0 {
			last = lines[len(lines)-1].ID
			err = events.send(eventLines, lines)
		}
		select {
		case <-newer:
		case <-r.Context().Done():
			return
		case <-stopping:
			return
		}
		select {
		case <-time.After(logsGathered):
		case <-r.Context().Done():
			return
		}
	}
}
