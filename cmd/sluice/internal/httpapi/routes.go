package httpapi

import (
	"net/http"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/cors"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/forwarded"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/metrics"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/public"
	"github.com/sluice-live/sluice/public/problem"
)

// router is a mux that knows what it routes.
type router struct {
	http.ServeMux
	patterns []string
}

// Handle adds a route.
func (r *router) Handle(pattern string, handler http.Handler) {
	r.patterns = append(r.patterns, pattern)
	r.ServeMux.Handle(pattern, handler)
}

// HandleFunc adds a route.
func (r *router) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	r.Handle(pattern, http.HandlerFunc(handler))
}

// table is the table of everything that is served, as it is filled.
type table struct {
	*router
	*handlers
	gate *access.Gate
}

// pool is the places for requests of one kind, so that none of the others can take them; see within.
func (t table) pool() *quota.Pool {
	limits := t.cfg.Limits
	return quota.NewPool(limits.Requests, min(limits.RequestsPerAddress, max(limits.Requests/2, 1)))
}

// handler serves everything.
func (h *handlers) handler() http.Handler {
	return h.proxies().Believe(cors.Allow(secured(h.cfg, newHosts(h.cfg).only(withDeadline(withRanges(h.service.Tracer().Handler(withProblems(&h.routes().ServeMux))))))))
}

// routes makes the table, which is filled once.
func (h *handlers) routes() *router {
	t := table{&router{}, h, h.rights()}
	t.publishing()
	t.rooms()
	t.media()
	t.streams()
	t.operation()
	t.nodes()
	t.pages()
	return t.router
}

// Where the stream stands that a request needs a key for.
func ofPath(r *http.Request) string    { return r.PathValue("stream") }
func ofRoom(r *http.Request) string    { return r.PathValue("room") } // a key for a stream is one for the room of that name
func anyStream(*http.Request) string   { return "" }
func everyStream(*http.Request) string { return access.EveryStream }

// publisher is for what publishers do: it takes their key, or where there is none no page of another site.
func (t table) publisher(next http.Handler, streamOf func(*http.Request) string) http.Handler {
	return t.keyed(access.Publish, next, streamOf)
}

// private is for what a page of another site must not read where nobody needs a key.
func (t table) private(next http.HandlerFunc) http.Handler {
	if t.gate.Open(access.Publish) {
		return ofOwnPages(next)
	}
	return next
}

// publishing is how media comes in and goes out again over WebRTC, and how recordings of browsers are sent.
func (t table) publishing() {
	ingest := t.service.Ingest()
	whip := named(t.routed(t.publisher(ingest.WHIP(), ofPath), ofPublisher))
	t.Handle("/whip/{stream}", whip)
	t.Handle("/whip/{stream}/{session}", whip)
	whep := named(t.routed(t.watching(ingest.WHEP()), ofViewer))
	t.Handle("/whep/{stream}", whep)
	t.Handle("/whep/{stream}/{session}", whep)
	t.Handle("/whep/{stream}/{session}/layer", named(t.routed(ingest.WHEPLayer(), ofSession)))
	events := named(t.routed(within(t.pool(), http.StatusTooManyRequests, ingest.WHEPEvents()), ofSession))
	t.Handle("/whep/{stream}/{session}/sse", events)
	t.Handle("/whep/{stream}/{session}/sse/{events}", events)
	upload := named(t.routed(t.publisher(ingest.Upload(), ofPath), ofPublisher))
	t.Handle("/upload/{stream}", upload)
	t.Handle("/upload/{stream}/{session}", upload)
	frames := named(t.routed(t.publisher(t.hearing(ingest.Frames()), ofPath), ofPublisher))
	t.Handle("/frames/{stream}", frames)
	t.Handle("/frames/{stream}/{session}", frames)
	t.Handle("GET /gst/ws", within(t.pool(), http.StatusTooManyRequests, ingest.GStreamer(access.TokenOfSocket))) // which asks for keys by itself
	echo := t.publisher(ingest.Echo(), anyStream)
	t.Handle("POST /echo", echo)
	t.Handle("OPTIONS /echo", echo)
	t.Handle("/echo/{session}", t.routed(echo, ofSession))
}

// rooms is the signalling of rooms, and how they are told of and steered.
func (t table) rooms() {
	pool := t.pool()
	for _, transport := range room.Transports {
		signalling := within(pool, http.StatusTooManyRequests, t.service.Ingest().Rooms().Signalling(transport, access.Token))
		t.Handle("/rooms/{room}/"+transport, t.routed(signalling, ofRoomNode))
		t.Handle("/echo/"+transport, signalling)
	}
	t.Handle("GET /api/v1/rooms", t.private(t.serveRooms))
	t.Handle("GET /api/v1/rooms/{room}", t.routed(t.private(t.serveRoom), ofRoomNode))
	t.Handle("DELETE /api/v1/rooms/{room}/participants/{participant}", t.routed(t.administration(t.serveRemove, ofRoom), ofRoomNode))
	t.Handle("PUT /api/v1/rooms/{room}/air", t.routed(t.administration(t.serveStartOutput, ofRoom), ofRoomNode))
	t.Handle("DELETE /api/v1/rooms/{room}/air", t.routed(t.administration(t.serveStopOutput, ofRoom), ofRoomNode))
}

// media is what players read.
func (t table) media() {
	packager := t.service.Packager()
	t.Handle("GET /live/{stream}/{file...}", named(t.relayed(t.viewed(t.live(t.manifests(t.counted(http.HandlerFunc(packager.ServeLive))))))))
	snapshot := named(t.routed(t.viewed(within(t.pool(), http.StatusTooManyRequests, t.viewing(t.privately(http.HandlerFunc(packager.ServeSnapshot))))), ofOwner))
	for _, format := range []string{"jpg", "png", "webp"} {
		t.Handle("GET /live/{stream}/snapshot."+format, snapshot)
	}
	t.Handle("GET /live/{stream}", named(http.HandlerFunc(serveNothing))) // or the mux would redirect
	t.Handle("GET /recordings/{stream}/{recording}/{file}", named(t.routed(within(t.pool(), http.StatusTooManyRequests, unhurried(t.recorded(http.HandlerFunc(packager.ServeRecordings)))), t.ofRecording)))
	t.HandleFunc("GET /time", t.serveTime)
	t.Handle("POST /collect", within(t.pool(), http.StatusTooManyRequests, t.service.Viewers().Collect()))
}

// counted counts who asks as a viewer, but for a relay that asks for all who wait there.
func (t table) counted(next http.Handler) http.Handler {
	counted := t.service.Viewers().Of(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if relayed, forOne := forwarded.ByRelay(r); relayed && !forOne {
			next.ServeHTTP(w, r)
			return
		}
		counted.ServeHTTP(w, r)
	})
}

// live bounds the requests for live media: those for playlists that wait, and the others, which may be held up by clients that do not read.
// Players give up after a 4xx, and ask again after a 503.
func (t table) live(next http.Handler) http.Handler {
	waiting, other := within(t.pool(), http.StatusServiceUnavailable, next), within(t.pool(), http.StatusServiceUnavailable, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "_HLS_msn=") {
			waiting.ServeHTTP(w, r)
		} else {
			other.ServeHTTP(w, r)
		}
	})
}

// streams is how streams and sessions are told of and steered.
func (t table) streams() {
	t.HandleFunc("GET /api/v1/server", t.serveServer)
	t.HandleFunc("GET /api/v1/streams", t.serveStreams)
	t.Handle("GET /api/v1/streams/{stream}", named(t.routed(t.viewing(http.HandlerFunc(t.serveStream)), ofOwner)))
	events := t.pool()
	t.Handle("GET /api/v1/events", within(events, http.StatusTooManyRequests, http.HandlerFunc(t.servePresence)))
	t.Handle("GET /api/v1/streams/{stream}/events", named(t.routed(within(events, http.StatusTooManyRequests, t.viewing(http.HandlerFunc(t.serveEvents))), ofOwner)))
	t.Handle("PUT /api/v1/streams/{stream}/transform", named(t.routed(t.administration(t.serveTransform, ofPath), ofOwner)))
	t.Handle("PUT /api/v1/streams/{stream}/recording", named(t.routed(t.administration(t.serveStartRecording, ofPath), ofOwner)))
	t.Handle("DELETE /api/v1/streams/{stream}/recording", named(t.routed(t.administration(t.serveStopRecording, ofPath), ofOwner)))
	t.Handle("POST /api/v1/streams/{stream}/clips", named(t.routed(t.administration(t.serveClip, ofPath), ofOwner)))
	t.Handle("GET /api/v1/streams/{stream}/clips", named(t.routed(t.viewing(t.private(t.serveClips)), ofOwner)))
	t.Handle("GET /api/v1/streams/{stream}/clips/{clip}", named(t.routed(t.viewing(t.private(t.serveOneClip)), ofOwner)))
	t.Handle("DELETE /api/v1/streams/{stream}/clips/{clip}", named(t.routed(t.administration(t.serveDeleteClip, ofPath), ofOwner)))
	t.Handle("DELETE /api/v1/streams/{stream}", named(t.routed(t.administration(t.serveKick, ofPath), ofOwner)))

	t.Handle("GET /api/v1/keys", t.administration(t.serveKeys, everyStream))
	t.Handle("POST /api/v1/keys", t.administration(t.serveMakeKey, everyStream))
	t.Handle("DELETE /api/v1/keys/{key}", t.administration(t.serveRevokeKey, everyStream))
	t.Handle("POST /api/v1/links", t.administration(t.serveLink, anyStream))
	t.Handle("GET /api/v1/sessions", t.administration(t.serveSessions, everyStream))
	t.Handle("GET /api/v1/sessions/events", t.administration(within(events, http.StatusTooManyRequests, http.HandlerFunc(t.serveSessionEvents)).ServeHTTP, everyStream))
}

// operation is what monitors and load balancers ask.
func (t table) operation() {
	t.Handle("GET /metrics", t.monitoring(metrics.Handler(t.service)))
	t.Handle("GET /api/v1/logs", t.administration(t.serveLogs, everyStream))
	t.Handle("GET /api/v1/logs/events", t.administration(within(t.pool(), http.StatusTooManyRequests, http.HandlerFunc(t.serveLogEvents)).ServeHTTP, everyStream))
	t.HandleFunc("GET /openapi.json", serveDescription)
	t.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, api.Status{Status: "ok"}) })
	t.HandleFunc("GET /readyz", t.serveReady)
}

// pagePatterns are the paths of pages, and of what they load.
var pagePatterns = []string{
	"/{$}", "/publish", "/frames", "/watch/{stream}", "/embed/{stream}", "/sluice-player.js", "/echo", "/rooms", "/rooms/{room}", "/dashboard", "/logs", "/links", "/docs", "/docs/{page}", "/licenses", "/assets/{name}",
}

// pages is what people open.
func (t table) pages() {
	t.pagesWith(t.watchHead)
	t.HandleFunc("GET /oembed", t.serveOEmbed)
}

// pagesWith is that but for oEmbed; head is for the watch page.
func (t table) pagesWith(head func(*http.Request) ([]byte, bool)) {
	pages := public.Handler(public.Options{EmbedOrigins: t.cfg.HTTP.EmbedOrigins, Head: head})
	for _, page := range pagePatterns {
		t.Handle("GET "+page, pages)
	}
	list := t.private(t.serveRecordingsList)
	if t.relay != nil {
		list = t.passing()
	}
	t.HandleFunc("GET /recordings", func(w http.ResponseWriter, r *http.Request) { serveRecordings(w, r, list, pages) })
}

// serveRecordings answers with the list or with its page, as the client prefers.
func serveRecordings(w http.ResponseWriter, r *http.Request, list, pages http.Handler) {
	w.Header().Add("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		pages.ServeHTTP(w, r)
		return
	}
	list.ServeHTTP(w, r)
}

func (h *handlers) serveReady(w http.ResponseWriter, _ *http.Request) {
	if !h.service.Ready() {
		problem.WriteRetry(w, http.StatusServiceUnavailable, 5, "The service is starting or stopping: send publishers elsewhere.")
		return
	}
	writeJSON(w, api.Status{Status: "ready"})
}
