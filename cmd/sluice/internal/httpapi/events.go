package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/public/prefix"
)

// Events of GET /api/v1/streams/{stream}/events. The data of each but faces is the stream as GET /api/v1/streams/{stream} tells it.
const (
	eventReady       = "ready"       // it can be played; also the first event where it could before
	eventInterrupted = "interrupted" // its publisher has gone; its viewers go on
	eventResumed     = "resumed"     // its publisher is back
	eventEnded       = "ended"       // it is over; the last event
	eventFailed      = "failed"      // it is over, because of what error says; the last event
	eventStatistics  = "statistics"  // every second, and after what has happened
	eventFaces       = "faces"       // where they are, while the transform of that name is made; the data is broadcast.Faces
)

const eventsRetry = 2 * time.Second // after which clients connect again

// serveEvents tells of a stream as server-sent events (HTML §9.2), from what it is now until it is over. Every event holds all that
// there is to know, so a client that connects again has missed nothing.
func (h *handlers) serveEvents(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("stream")
	stream, newer, ok := h.state.Follow(name)
	if !ok {
		refuseUnknown(w, name)
		return
	}
	events := startEvents(w)
	err := events.say(fmt.Sprintf("retry: %d\n\n", eventsRetry.Milliseconds()))
	for before := ""; ok && err == nil; {
		err = events.tell(before, stream.Below(prefix.Of(r)))
		if before = stream.State; before == broadcast.StateEnded || before == broadcast.StateFailed {
			return
		}
		var tick <-chan time.Time
		if newer == nil {
			tick = time.After(broadcast.StatusEvery)
		}
		if err == nil {
			err = h.tellFaces(events, name, r.Context().Done(), newer, tick)
		}
		if r.Context().Err() != nil {
			return
		}
		stream, newer, ok = h.state.Follow(name)
	}
}

// tellFaces tells where faces are as it is found, until one of the others receives or is closed.
func (h *handlers) tellFaces(events eventStream, name string, done, newer <-chan struct{}, tick <-chan time.Time) error {
	var changed <-chan struct{}
	b := h.service.Find(name)
	if b != nil {
		changed = b.Faces().Newer()
	}
	for {
		select {
		case <-changed:
			faces := b.Faces()
			changed = faces.Newer()
			if err := events.send(eventFaces, faces); err != nil {
				return err
			}
		case <-newer:
			return nil
		case <-tick:
			return nil
		case <-done:
			return nil
		}
	}
}

// eventOf names what has happened between two states; "" for nothing.
func eventOf(before, now string) string {
	switch {
	case before == now:
		return ""
	case now == broadcast.StateLive && before == broadcast.StateInterrupted:
		return eventResumed
	}
	return map[string]string{
		broadcast.StateLive: eventReady, broadcast.StateInterrupted: eventInterrupted, broadcast.StateEnded: eventEnded, broadcast.StateFailed: eventFailed,
	}[now]
}

// eventStream writes events, each of which has its own time.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func startEvents(w http.ResponseWriter) eventStream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // for nginx
	return eventStream{w, http.NewResponseController(w)}
}

// tell writes what has happened since a state, and how a stream is that goes on.
func (e eventStream) tell(before string, stream api.Stream) error {
	event := eventOf(before, stream.State)
	if event != "" {
		if err := e.send(event, stream); err != nil || event == eventEnded || event == eventFailed {
			return err
		}
	}
	return e.send(eventStatistics, stream)
}

func (e eventStream) send(event string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return e.say(fmt.Sprintf("event: %s\ndata: %s\n\n", event, text))
}

func (e eventStream) say(text string) error {
	_ = e.control.SetWriteDeadline(time.Now().Add(writeWithin))
	if _, err := e.w.Write([]byte(text)); err != nil {
		return err
	}
	return e.control.Flush()
}
