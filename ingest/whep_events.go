package ingest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/prefix"
)

// Events of a viewer's session.
const (
	eventActive    = "active"    // somebody publishes the stream
	eventInactive  = "inactive"  // nobody does any more
	eventLayers    = "layers"    // what there is to ask for, and what is sent
	eventReconnect = "reconnect" // the session cannot go on, and a new one can
)

var eventNames = []string{eventActive, eventInactive, eventLayers, eventReconnect}

const (
	eventsMethods    = "POST, GET, OPTIONS"
	streamMethods    = "GET, DELETE, OPTIONS"
	maxEventStreams  = 8   // of a session: that are open, and that have been made and not deleted
	maxEventsRequest = 512 // bytes
	lookEvery        = 500 * time.Millisecond
	tellEvery        = 10 * time.Second // when nothing has changed but bit rates
	eventWithin      = 10 * time.Second // a client takes one
)

// eventStream is one that a client has made by POST.
type eventStream struct {
	events  []string
	deleted chan struct{} // closed by DELETE
}

// WHEPEvents serves /whep/{stream}/{session}/sse, where event streams are made, or one of all events is read; and
// /whep/{stream}/{session}/sse/{events}, one that has been made.
func (s *Server) WHEPEvents() http.Handler {
	all, one := s.extension(eventsMethods, s.serveEvents), s.extension(streamMethods, s.serveEventStream)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("events") == "" {
			all.ServeHTTP(w, r)
		} else {
			one.ServeHTTP(w, r)
		}
	})
}

func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request, v *viewing) *refusal.Refusal {
	switch r.Method {
	case http.MethodPost:
		return s.makeEvents(w, r, v)
	case http.MethodGet:
		return v.tell(w, r, &eventStream{events: eventNames})
	}
	return methodNotAllowed(eventsMethods)
}

func (s *Server) serveEventStream(w http.ResponseWriter, r *http.Request, v *viewing) *refusal.Refusal {
	v.mu.Lock()
	stream := v.made[r.PathValue("events")]
	if stream != nil && r.Method == http.MethodDelete {
		delete(v.made, r.PathValue("events"))
		close(stream.deleted)
	}
	v.mu.Unlock()
	switch {
	case stream == nil:
		return refusal.New(http.StatusNotFound, "There is no such event stream: it has been deleted, or never was.")
	case r.Method == http.MethodGet:
		return v.tell(w, r, stream)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusOK)
		return nil
	}
	return methodNotAllowed(streamMethods)
}

// makeEvents makes an event stream of the events that the client names, or of all.
func (s *Server) makeEvents(w http.ResponseWriter, r *http.Request, v *viewing) *refusal.Refusal {
	var body []byte
	if r.ContentLength != 0 {
		b, problem := s.readBody(w, r, typeJSON, maxEventsRequest)
		if problem != nil {
			return problem
		}
		body = b
	}
	events, problem := parseEvents(body)
	if problem != nil {
		return problem
	}
	name := rand.Text()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.made) == maxEventStreams {
		return refusal.New(http.StatusTooManyRequests, "The session has %d event streams: delete one first.", maxEventStreams)
	}
	v.made[name] = &eventStream{events, make(chan struct{})}
	w.Header().Set("Location", prefix.Of(r)+v.session.Path()+"/sse/"+name)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// parseEvents reads a list of events. Those that are not known never come.
func parseEvents(body []byte) (events []string, problem *refusal.Refusal) {
	if len(body) == 0 {
		return eventNames, nil
	}
	if err := json.Unmarshal(body, &events); err != nil {
		return nil, refusal.New(http.StatusBadRequest, "The body cannot be read (%v): send a list such as [\"layers\"], or nothing for all events.", err)
	}
	return events, nil
}

// tell tells of the session until it ends, or the event stream is deleted.
func (v *viewing) tell(w http.ResponseWriter, r *http.Request, stream *eventStream) *refusal.Refusal {
	if !v.enter() {
		return refusal.New(http.StatusTooManyRequests, "The session has %d event streams open: close one first.", maxEventStreams)
	}
	defer v.leave()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // for nginx
	t := teller{w: w, control: http.NewResponseController(w), wanted: stream.events}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for t.look(v, time.Now()) == nil {
		select {
		case <-look.C:
			continue
		case <-v.session.Closing():
			if errors.Is(v.session.Err(), session.ErrCodecChanged) {
				_ = t.say(eventReconnect, []byte("{}"))
			}
		case <-stream.deleted:
		case <-r.Context().Done():
		}
		break
	}
	return nil
}

func (v *viewing) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.open == maxEventStreams {
		return false
	}
	v.open++
	return true
}

func (v *viewing) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open--
}

// teller writes an event stream.
type teller struct {
	w       io.Writer
	control *http.ResponseController
	wanted  []string

	began, active bool
	layers        sectionLayers // that have been told of
	toldAt        time.Time
}

// look tells what has changed.
func (t *teller) look(v *viewing, now time.Time) error {
	picture := v.viewer.Picture()
	if !t.began {
		t.began = true
		if err := t.write("retry: 1000\n\n"); err != nil {
			return err
		}
	}
	if active := picture.Published; active != t.active {
		t.active = active
		if err := t.say(map[bool]string{true: eventActive, false: eventInactive}[active], []byte("{}")); err != nil {
			return err
		}
	}
	if !picture.Published {
		return nil
	}
	layers := layersOf(picture)
	if layers.like(t.layers) && now.Sub(t.toldAt) < tellEvery {
		return nil
	}
	t.layers, t.toldAt = layers, now
	text, err := json.Marshal(map[string]sectionLayers{strconv.Itoa(v.section): layers})
	if err != nil {
		return err
	}
	return t.say(eventLayers, text)
}

// say writes an event, if it is wanted.
func (t *teller) say(event string, data []byte) error {
	if !slices.Contains(t.wanted, event) {
		return nil
	}
	return t.write(fmt.Sprintf("event: %s\ndata: %s\n\n", event, data))
}

func (t *teller) write(text string) error {
	_ = t.control.SetWriteDeadline(time.Now().Add(eventWithin))
	if _, err := io.Copy(t.w, strings.NewReader(text)); err != nil {
		return err
	}
	return t.control.Flush()
}
