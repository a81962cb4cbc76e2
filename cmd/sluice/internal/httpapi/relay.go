package httpapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/hop"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/cors"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/forwarded"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/metrics"
	"github.com/sluice-live/sluice/cmd/sluice/internal/relay"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/packager/origin"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

// NewRelay returns the handler of everything that a relay serves: live media from its cache, pages, and what it passes on to its origin.
func NewRelay(r *relay.Relay, cfg config.Config, version string) http.Handler {
	h := &handlers{relay: r, relays: relayKey(cfg), cfg: cfg, version: version}
	names := newHosts(cfg)
	names.byKey = names.byKey || !r.PassesPublishers() // then there is nothing that a page of another site could do by its name
	return h.proxies().Believe(cors.Allow(secured(cfg, names.only(h.once(withDeadline(withRanges(r.Tracer().Handler(withProblems(&h.relayRoutes().ServeMux)))))))))
}

// once refuses requests that come by here again, and paths that mean another place to whom unescapes them, such as a proxy in front of the origin.
func (h *handlers) once(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header["Via"] != nil && h.relay.Loops(r) {
			problem.Write(w, http.StatusLoopDetected, "The origin of this relay leads back to it, or by too many relays: set relay.origin to the service that has the streams.")
			return
		}
		if !isPlain(r.URL.Path) {
			problem.Write(w, http.StatusBadRequest, "Write the path without empty parts, . and .., escaped or not.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// relayRoutes makes the table of a relay, which is filled once.
func (h *handlers) relayRoutes() *router {
	t := table{&router{}, h, h.rights()}
	live := t.signedBy(h.relay.Live())
	t.Handle("GET /live/{stream}/{file...}", named(t.live(lasting(live))))
	t.Handle("GET /live/{stream}", named(http.HandlerFunc(serveNothing)))
	if !t.gate.Open(access.Watch) { // the origin sees who asks for one: no address of it is signed
		snapshots := named(t.passing())
		for _, format := range []string{"jpg", "png", "webp"} {
			t.Handle("GET /live/{stream}/snapshot."+format, snapshots)
		}
	}
	t.passedOn()
	t.passedOnToSteer()
	t.operationOfRelay()
	t.pagesWith(t.relayHead)
	return t.router
}

// passing passes requests on, within places of their own.
func (t table) passing() http.Handler {
	return within(t.pool(), http.StatusTooManyRequests, lasting(t.relay.Pass()))
}

// passedOn is what the origin answers to whoever asks.
func (t table) passedOn() {
	other, events, recordings := t.passing(), t.passing(), t.passing()
	for _, pattern := range []string{
		"GET /api/v1/streams", "GET /api/v1/streams/{stream}", "GET /api/v1/streams/{stream}/clips", "GET /api/v1/streams/{stream}/clips/{clip}", "GET /api/v1/rooms", "GET /api/v1/rooms/{room}", "GET /time", "POST /collect", "GET /oembed",
	} {
		t.Handle(pattern, other)
	}
	for _, pattern := range []string{
		"GET /api/v1/events", "GET /api/v1/streams/{stream}/events",
	} {
		t.Handle(pattern, events)
	}
	t.cascade(other, events)
	t.Handle("GET /recordings/{stream}/{recording}/{file}", recordings)
	t.HandleFunc("GET /api/v1/server", t.serveOriginsServer)
}

// cascade is for viewers over WHEP: they have sessions here, but for those that only the origin can have, and knows.
func (t table) cascade(other, events http.Handler) {
	own := t.relay.Ingest()
	whep := t.watching(own.WHEP())
	t.Handle("/whep/{stream}", named(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && !t.relay.Cascades(r) {
			other.ServeHTTP(w, r)
			return
		}
		whep.ServeHTTP(w, r)
	})))
	here := func(own, passed http.Handler) http.Handler {
		return named(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			path := session.KindViewer.Path(r.PathValue("stream"), r.PathValue("session"))
			if t.relay.Ingest().Sessions().Session(path) == nil && !cors.IsPreflight(r) {
				passed.ServeHTTP(w, r)
				return
			}
			own.ServeHTTP(w, r)
		}))
	}
	t.Handle("/whep/{stream}/{session}", here(own.WHEP(), other))
	t.Handle("/whep/{stream}/{session}/layer", here(own.WHEPLayer(), other))
	told := within(t.pool(), http.StatusTooManyRequests, own.WHEPEvents())
	t.Handle("/whep/{stream}/{session}/sse", here(told, events))
	t.Handle("/whep/{stream}/{session}/sse/{events}", here(told, events))
}

// passedOnToSteer is what changes something, or is not for everybody. Whoever is asked here for a key sends it on to the origin, which asks too.
func (t table) passedOnToSteer() {
	pass := t.passing()
	publish := func(streamOf func(*http.Request) string) http.Handler {
		if !t.relay.PassesPublishers() {
			return http.HandlerFunc(t.refusePublisher)
		}
		return t.publisher(pass, streamOf)
	}
	for _, pattern := range []string{"/whip/{stream}", "/whip/{stream}/{session}"} {
		t.Handle(pattern, named(publish(ofPath)))
	}
	for _, pattern := range []string{"POST /echo", "OPTIONS /echo", "/echo/{session}"} {
		t.Handle(pattern, publish(anyStream))
	}
	signalling := http.Handler(http.HandlerFunc(t.refusePublisher))
	if t.relay.PassesPublishers() {
		signalling = t.passing() // the token may be in the messages: the origin asks for it
	}
	for _, transport := range room.Transports {
		t.Handle("/rooms/{room}/"+transport, signalling)
		t.Handle("/echo/"+transport, signalling)
	}
	t.Handle("GET /gst/ws", signalling)
	for _, pattern := range []string{"/upload/{stream}", "/upload/{stream}/{session}", "/frames/{stream}", "/frames/{stream}/{session}"} {
		t.HandleFunc(pattern, t.refuseMedia)
	}
	for _, pattern := range []string{
		"DELETE /api/v1/rooms/{room}/participants/{participant}", "PUT /api/v1/rooms/{room}/air", "DELETE /api/v1/rooms/{room}/air",
		"PUT /api/v1/streams/{stream}/transform", "POST /api/v1/streams/{stream}/clips", "DELETE /api/v1/streams/{stream}/clips/{clip}", "PUT /api/v1/streams/{stream}/recording", "DELETE /api/v1/streams/{stream}/recording", "DELETE /api/v1/streams/{stream}", "POST /api/v1/links", "GET /api/v1/keys", "POST /api/v1/keys", "DELETE /api/v1/keys/{key}",
		"GET /api/v1/logs", "GET /api/v1/logs/events",
	} {
		t.Handle(pattern, t.administration(pass.ServeHTTP, anyStream))
	}
	t.Handle("GET /api/v1/nodes", t.administration(pass.ServeHTTP, everyStream))
	t.Handle("GET /api/v1/sessions", t.administration(t.serveAllSessions, anyStream))
	t.Handle("GET /api/v1/sessions/events", t.administration(within(t.pool(), http.StatusTooManyRequests, http.HandlerFunc(t.serveAllSessionEvents)).ServeHTTP, anyStream))
}

// refusePublisher says where to publish, where the relay passes no publishers on.
func (h *handlers) refusePublisher(w http.ResponseWriter, r *http.Request) {
	if cors.IsPreflight(r) { // or a page could not read the refusal
		w.WriteHeader(http.StatusNoContent)
		return
	}
	problem.Write(w, http.StatusMisdirectedRequest, "This is a relay of "+h.relay.Origin()+", which passes no publishers on: publish there (or start the relay with auth.publish).")
}

// refuseMedia says where media that comes over HTTP goes: not through a relay.
func (h *handlers) refuseMedia(w http.ResponseWriter, r *http.Request) {
	if cors.IsPreflight(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	problem.Write(w, http.StatusMisdirectedRequest, "This is a relay of "+h.relay.Origin()+": send recordings and pictures there.")
}

// operationOfRelay is what monitors and load balancers ask: never the origin.
func (t table) operationOfRelay() {
	t.Handle("GET /metrics", t.monitoring(metrics.RelayHandler(t.relay)))
	t.HandleFunc("GET /openapi.json", serveDescription)
	t.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, api.Status{Status: "ok"}) })
	t.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, api.Status{Status: "ready"}) })
}

// relayHead is watchHead without a picture, and without the size of the stream's, which the relay does not know.
func (h *handlers) relayHead(r *http.Request) (html []byte, private bool) {
	private = !h.rights().Open(access.Watch)
	if _, err := h.mayWatch(r); err != nil {
		return nil, private
	}
	return executed(head, h.plainCard(r, r.PathValue("stream"), shownToken(r.URL.Query()))), private
}

// serveOriginsServer is what the origin tells of itself, and whose relay this is.
func (h *handlers) serveOriginsServer(w http.ResponseWriter, r *http.Request) {
	status, body, err := h.relay.Get(r.Context(), r)
	if err == nil && status != http.StatusOK { // it says why not
		h.relay.Pass().ServeHTTP(w, r)
		return
	}
	var server api.Server
	if err == nil {
		err = json.Unmarshal(body, &server)
	}
	if err != nil {
		problem.WriteRetry(w, http.StatusServiceUnavailable, 1, "The origin of this relay does not answer: ask again in a second.")
		return
	}
	server.RelayOf, server.EmbedOrigins = h.relay.Origin(), append([]string{}, h.cfg.HTTP.EmbedOrigins...) // the pages are ours
	writeTagged(w, r, server)
}

// signedBy is for players, as manifests is. The cache, and the origin, are asked for a manifest by an address with a signature, which is the same for
// all whose rights end in the same interval; what is answered under another address is for its client alone.
func (t table) signedBy(next http.Handler) http.Handler {
	if t.gate.Open(access.Watch) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, stream := r.PathValue("file"), r.PathValue("stream")
		stem, extension, hasExtension := strings.Cut(file, ".")
		_, signature := origin.CutSignature(file)
		switch {
		case strings.Contains(file, "/"):
			next.ServeHTTP(w, r)
		case !hasExtension:
			serveNothing(w, r)
		case signature != "":
			if err := t.gate.Check(stream, signature); err != nil {
				refuse(w, err)
				return
			}
			next.ServeHTTP(w, withoutToken(r, r.URL.Path))
		default:
			grant, err := t.mayWatch(r)
			if err != nil {
				refuse(w, err)
				return
			}
			next.ServeHTTP(&privateWriter{w}, withoutToken(r, "/live/"+stream+"/"+stem+"~"+t.gate.Sign(stream, grant.Until)+"."+extension))
		}
	})
}

// withoutToken is a request for another path, which stands for the right of who has made it.
func withoutToken(r *http.Request, path string) *http.Request {
	out := r.Clone(r.Context())
	out.Header.Del("Authorization")
	out.URL.Path, out.URL.RawPath = path, ""
	var kept []string
	for parameter := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if name, err := url.QueryUnescape(name); err != nil || name != "token" {
			kept = append(kept, parameter)
		}
	}
	out.URL.RawQuery = strings.Join(kept, "&")
	return out
}

// lasting gives each piece of an answer that is passed on its own time, and lets it be flushed.
func lasting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(&lastingWriter{w}, r) })
}

type lastingWriter struct{ http.ResponseWriter }

// Unwrap is for http.ResponseController.
func (w *lastingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *lastingWriter) Write(b []byte) (int, error) {
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(writeWithin))
	return w.ResponseWriter.Write(b)
}

// proxies are those that the service believes.
func (h *handlers) proxies() forwarded.Proxies {
	base, _ := prefix.Clean(h.cfg.HTTP.BasePath) // which the configuration has checked
	return forwarded.Proxies{Trusted: h.cfg.HTTP.TrustedProxies, Base: base, Relays: h.relays, Members: h.members()}
}

// members is what other nodes sign with; nil: there are none.
func (h *handlers) members() *hop.Key {
	if c := h.cluster(); c != nil {
		return c.Key()
	}
	return nil
}

// rights know who may do what.
func (h *handlers) rights() *access.Gate {
	if h.relay != nil {
		return h.relay.Access()
	}
	return h.service.Access()
}
