package httpapi

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/cors"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/forwarded"
	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/public/problem"
)

const (
	// backWithin is how soon the node of a stream that has left has to be back when somebody publishes it, who goes to another one then.
	backWithin = 2 * time.Second
	// goneWithin is how soon etcd finds out that a node has died.
	goneWithin = 4 * time.Second
)

// pathOfState is where nodes ask each other what they have.
const pathOfState = "/cluster/state"

// cluster is the service among others; nil where it stands alone.
func (h *handlers) cluster() *cluster.Node {
	if h.service == nil {
		return nil
	}
	return h.service.Cluster()
}

// route is where else a request goes; "" is nowhere. An answer that is not nil refuses it.
type route func(c *cluster.Node, r *http.Request) (id string, refused error)

// routed has another node answer where the route says so. What another node has passed on is answered here, whoever has what it is about by now: no
// request goes further than one node. Preflights are answered here too.
func (t table) routed(next http.Handler, by route) http.Handler {
	c := t.cluster()
	if c == nil {
		return next
	}
	pass := within(t.pool(), http.StatusTooManyRequests, lasting(c.Pass()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if forwarded.ByMember(r) || cors.IsPreflight(r) {
			next.ServeHTTP(w, r)
			return
		}
		c.AwaitStart(r.Context())
		id, err := by(c, r)
		switch {
		case errors.Is(err, errNoNode):
			problem.Write(w, http.StatusNotFound, "There is no such session: the node that had it has gone.")
		case err != nil:
			problem.WriteRetry(w, http.StatusServiceUnavailable, 2, "This cannot be done now: "+err.Error()+".")
		case id == "" || id == c.ID():
			next.ServeHTTP(w, r)
		default:
			pass.ServeHTTP(w, cluster.To(r, id))
		}
	})
}

var (
	errNoNode = errors.New("there is no such node")
	errAstray = errors.New("the node that had this stream has just left, and the stream may go on")
)

// ofOwner is the node that has the stream of a path. While there is none for a moment pages must not take the stream for one that has ended.
func ofOwner(c *cluster.Node, r *http.Request) (id string, err error) {
	if c.Astray(r.PathValue("stream")) {
		return "", errAstray
	}
	id, _ = c.Holder(r.PathValue("stream"))
	return id, nil
}

// ofSession is the node that has the session of a path.
func ofSession(c *cluster.Node, r *http.Request) (id string, err error) {
	id, ok := cluster.NodeOf(r.PathValue("session"))
	if !ok || id == c.ID() {
		return "", nil
	}
	if c.Reaches(id) {
		return id, nil
	}
	return "", errNoNode
}

// ofPublisher is that, or the node to which whoever begins to publish goes: by POST, or over a WebSocket.
func ofPublisher(c *cluster.Node, r *http.Request) (id string, err error) {
	if session := r.PathValue("session"); session != "" && session != "ws" {
		return ofSession(c, r)
	}
	if r.Method != http.MethodPost && r.Header.Get("Upgrade") == "" || !name.Valid(r.PathValue("stream")) {
		return "", nil
	}
	if !c.AwaitDeath(r.Context(), r.PathValue("stream"), goneWithin) {
		c.Await(r.Context(), r.PathValue("stream"), backWithin)
	}
	return c.Place(r.PathValue("stream"))
}

// ofViewer is that, or the node that alone can have the session which is asked for: others are pulled here.
func ofViewer(c *cluster.Node, r *http.Request) (id string, err error) {
	if r.PathValue("session") != "" || r.Method == http.MethodPost && !r.URL.Query().Has("transformed") {
		return ofSession(c, r)
	}
	return ofOwner(c, r)
}

// ofRoomNode is the node that has the room of a path, or at which it begins.
func ofRoomNode(c *cluster.Node, r *http.Request) (id string, err error) {
	room := r.PathValue("room")
	if !name.Valid(room) {
		return "", nil
	}
	return c.PlaceRoom(room), nil
}

// relayed serves live media of other nodes from what is kept of it.
func (t table) relayed(next http.Handler) http.Handler {
	c := t.cluster()
	if c == nil {
		return next
	}
	others := t.live(lasting(t.signedBy(c.Live())))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !forwarded.ByMember(r) {
			c.AwaitStart(r.Context())
			c.AwaitHolder(r.Context(), r.PathValue("stream"), cluster.Awaited)
		}
		if _, elsewhere := c.Holder(r.PathValue("stream")); elsewhere && !forwarded.ByMember(r) {
			others.ServeHTTP(w, r)
			return
		}
		stream := r.PathValue("stream")
		c.AwaitOpen(r.Context(), stream, func() bool { return t.service.Packager().Stream(stream) != nil })
		next.ServeHTTP(w, r)
	})
}

// nodes is how nodes are told of, and tell each other what they have.
func (t table) nodes() {
	t.Handle("GET /api/v1/nodes", t.administration(t.serveNodes, everyStream))
	if t.cluster() != nil {
		t.HandleFunc("GET "+pathOfState, t.serveState)
		t.HandleFunc("GET "+cluster.PathOfTime, t.serveTimeOfNode)
		t.HandleFunc("GET "+cluster.PathOfEdge+"{stream}", t.serveEdge)
		t.HandleFunc("GET "+pathOfRecordings+"{stream}/{recording}", t.serveHasRecording)
	}
}

// serveNodes lists the nodes of the cluster, as this one sees them.
func (h *handlers) serveNodes(w http.ResponseWriter, _ *http.Request) {
	list := api.NodeList{Nodes: []api.Node{}}
	if c := h.cluster(); c != nil {
		list.Connected = c.Connected()
		for _, m := range c.Members() {
			list.Nodes = append(list.Nodes, api.Node{
				ID: m.ID, URL: m.URL, Streams: m.Owned, Room: m.Streams, IdleCores: m.Idle, Draining: m.Draining, Self: m.ID == c.ID(), ClockAhead: clockAhead(c, m.ID),
			})
		}
	}
	writeJSON(w, list)
}

// clockAhead is by how many seconds a node's clock is ahead of the one here; nil where that is not known.
func clockAhead(c *cluster.Node, id string) *float64 {
	ahead, known := c.Skew(id)
	if !known {
		return nil
	}
	return new(ahead.Round(time.Millisecond).Seconds())
}

// serveTimeOfNode tells another node the time, so that it sees how far the clocks are apart. Nobody else gets it.
func (h *handlers) serveTimeOfNode(w http.ResponseWriter, r *http.Request) {
	if !asksByItself(r) {
		serveNothing(w, r)
		return
	}
	writeJSON(w, cluster.TimeAnswer{Now: h.service.Clock().Now()})
}

// serveState tells another node what there is here. Nobody else gets it.
func (h *handlers) serveState(w http.ResponseWriter, r *http.Request) {
	if !asksByItself(r) {
		serveNothing(w, r)
		return
	}
	writeJSON(w, h.own())
}

// serveEdge tells another node what viewers have been told here of a stream. Nobody else gets it.
func (h *handlers) serveEdge(w http.ResponseWriter, r *http.Request) {
	stream := r.PathValue("stream")
	if !asksByItself(r) || !name.Valid(stream) {
		serveNothing(w, r)
		return
	}
	edge := h.cluster().Edge(stream)
	if edge.IsZero() {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, edge.UTC().Format(time.RFC3339Nano)) // an error means that the node has gone
}
