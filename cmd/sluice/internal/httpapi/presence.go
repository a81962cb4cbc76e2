package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

// eventPresence is the event of GET /api/v1/events: all streams and rooms.
const eventPresence = "presence"

const (
	presenceLook  = 250 * time.Millisecond // until a change is told
	presenceEvery = 2 * time.Second        // bitrates and the like are told so often
)

// presence is who and what is there, as it is told.
type presence api.Presence

// presences looks at all streams and rooms once for all who want to know.
type presences struct {
	mu     sync.Mutex
	at     time.Time
	newest presence
	mark   string // differs when somebody has come or gone, or something stands otherwise
}

// look returns what is there now, or was a moment ago.
func (p *presences) look(all func() api.NodeState) (newest presence, mark string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.at) >= presenceLook/2 {
		there := all()
		p.newest = presence{there.Streams, there.Rooms}
		p.at, p.mark = now, p.newest.mark()
	}
	return p.newest, p.mark
}

func (p presence) mark() string {
	var b strings.Builder
	for _, s := range p.Streams {
		fmt.Fprintf(&b, "%s %s %v %d %s\n", s.Name, s.State, s.Publisher != nil, s.Audience.Viewers, s.Fault)
	}
	for _, r := range p.Rooms {
		fmt.Fprintf(&b, "room %s %s %q\n", r.Name, r.Mode, r.OnAir)
		for _, one := range r.Participants {
			fmt.Fprintf(&b, "%s %v %v %v %v\n", one.ID, one.Speaking, one.Audio, one.Video, one.Away)
		}
	}
	return b.String()
}

// servePresence tells of all streams and rooms as server-sent events: what is there now, each change, and how it flows meanwhile.
func (h *handlers) servePresence(w http.ResponseWriter, r *http.Request) {
	stopping := h.service.Stopping()
	if stopping == nil {
		problem.WriteRetry(w, http.StatusServiceUnavailable, 2, "The service is starting or stopping.")
		return
	}
	sees, grant, err := h.sight(r)
	if err != nil {
		refuse(w, err)
		return
	}
	ctx, cancel := grant.lasting(r.Context())
	defer cancel()
	mayReadRooms := signal.SameOrigin(r) || h.cfg.Auth.PublishNeedsKey() // as of GET /api/v1/rooms
	events := startEvents(w)
	err = events.say(fmt.Sprintf("retry: %d\n\n", eventsRetry.Milliseconds()))
	each := time.NewTicker(presenceLook)
	defer each.Stop()
	var told string
	var toldAt time.Time
	for err == nil {
		if newest, mark := h.presences.look(func() api.NodeState { return h.all(ctx) }); mark != told || toldAt.IsZero() || time.Since(toldAt) >= presenceEvery {
			told, toldAt = mark, time.Now()
			err = events.send(eventPresence, newest.below(prefix.Of(r), sees, mayReadRooms))
		}
		select {
		case <-each.C:
		case <-ctx.Done():
			return
		case <-stopping:
			return
		}
	}
}

// below is the presence as it is told to who reaches the service below a prefix.
func (p presence) below(prefix string, sees func(stream string) bool, rooms bool) presence {
	out := presence{Streams: make([]api.Stream, 0, len(p.Streams))}
	for _, s := range p.Streams {
		if sees(s.Name) {
			out.Streams = append(out.Streams, s.Below(prefix))
		}
	}
	if rooms {
		out.Rooms = p.Rooms
	}
	return out
}
