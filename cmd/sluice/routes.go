package main

import (
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/cors"
	"github.com/sluice-live/sluice/internal/name"
	"github.com/sluice-live/sluice/internal/problem"
	"github.com/sluice-live/sluice/public"
)

const (
	// writeWithin bounds how long a client may take to read one answer; a segment at 300 kbit/s fits.
	writeWithin = 2 * time.Minute
	// bodyWithin bounds how long a request's body may take to come, that of a refused request too: net/http reads what is
	// left of it before it answers.
	bodyWithin = 10 * time.Second
)

// routes is the table of everything that is served.
func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	publish, admin := access.Publishers(s.cfg.Auth.Publish), access.Admins(s.cfg.Auth)
	ofPath := func(r *http.Request) string { return r.PathValue("stream") }
	anyStream := func(*http.Request) string { return "" }
	everyStream := func(*http.Request) string { return access.EveryStream }
	steer := func(f http.HandlerFunc, of func(*http.Request) string) http.Handler {
		return withKey(admin, ofOwnPages(admin, f), of)
	}

	whip := named(withKey(publish, s.ingest.WHIP(), ofPath))
	mux.Handle("/whip/{stream}", whip)
	mux.Handle("/whip/{stream}/{session}", whip)
	whep := named(s.ingest.WHEP())
	mux.Handle("/whep/{stream}", whep)
	mux.Handle("/whep/{stream}/{session}", whep)
	upload := named(withKey(publish, s.ingest.Upload(), ofPath))
	mux.Handle("/upload/{stream}", upload)
	mux.Handle("/upload/{stream}/{session}", upload)
	echo := withKey(publish, s.ingest.Echo(), anyStream)
	for _, method := range []string{"POST", "OPTIONS"} {
		mux.Handle(method+" /echo", echo)
	}
	mux.Handle("/echo/{session}", echo)

	rooms := within(make(chan struct{}, s.cfg.Limits.Connections), s.ingest.Rooms().Signalling(access.Token))
	for _, what := range []string{"ws", "events", "messages"} {
		mux.Handle("/rooms/{room}/"+what, rooms)
		mux.Handle("/echo/"+what, rooms)
	}
	ofRoom := func(r *http.Request) string { return r.PathValue("room") }
	mux.HandleFunc("GET /api/v1/rooms", s.serveRooms)
	mux.HandleFunc("GET /api/v1/rooms/{room}", s.serveRoom)
	mux.Handle("DELETE /api/v1/rooms/{room}/participants/{participant}", steer(s.serveSendOut, ofRoom))
	mux.Handle("PUT /api/v1/rooms/{room}/air", steer(s.servePutOnAir(admin), ofRoom))
	mux.Handle("DELETE /api/v1/rooms/{room}/air", steer(s.serveTakeOffAir, ofRoom))

	places := make(chan struct{}, s.cfg.Limits.Requests)
	mux.Handle("GET /live/{stream}/{file...}", named(s.viewed(within(places, http.HandlerFunc(s.packager.ServeLive)))))
	mux.Handle("GET /live/{stream}", named(http.HandlerFunc(serveNothing))) // or the table would redirect
	mux.HandleFunc("GET /time", s.serveTime)
	mux.Handle("GET /recordings/{stream}/{recording}/{file}", named(unhurried(http.HandlerFunc(s.packager.ServeRecordings))))

	mux.HandleFunc("GET /api/v1/server", s.serveServer)
	mux.HandleFunc("GET /api/v1/streams", s.serveStreams)
	mux.Handle("GET /api/v1/streams/{stream}", named(http.HandlerFunc(s.serveStream)))
	mux.Handle("GET /api/v1/streams/{stream}/events", named(within(places, http.HandlerFunc(s.serveEvents))))
	mux.Handle("PUT /api/v1/streams/{stream}/transform", named(steer(s.serveTransform, ofPath)))
	mux.Handle("DELETE /api/v1/streams/{stream}", named(steer(s.serveKick, ofPath)))

	mux.Handle("GET /api/v1/sessions", withKey(admin, http.HandlerFunc(s.serveSessions), everyStream))
	mux.Handle("GET /api/v1/sessions/events", withKey(admin, within(places, http.HandlerFunc(s.serveSessionEvents)), everyStream))

	mux.Handle("GET /metrics", s.metricsHandler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]string{"status": "ok"}) })
	mux.HandleFunc("GET /readyz", s.serveReady)

	pages := public.Handler()
	for _, page := range []string{"/{$}", "/publish", "/watch/{stream}", "/echo", "/rooms", "/rooms/{room}", "/dashboard", "/docs", "/docs/{page}", "/licenses", "/assets/{name}"} {
		mux.Handle("GET "+page, pages)
	}
	mux.HandleFunc("GET /recordings", func(w http.ResponseWriter, r *http.Request) { s.serveRecordings(w, r, pages) })
	return cors.Allow(withDeadline(withProblems(mux)))
}

// serveRecordings answers with the list or with its page, as the client prefers.
func (s *service) serveRecordings(w http.ResponseWriter, r *http.Request, pages http.Handler) {
	w.Header().Add("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		pages.ServeHTTP(w, r)
		return
	}
	s.packager.ServeRecordingsList(w, r)
}

// named refuses streams outside the grammar. Preflights pass, or a page could not read the refusal.
func named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !cors.IsPreflight(r) && !name.Valid(r.PathValue("stream")) {
			problem.Write(w, http.StatusBadRequest, "A stream's name is "+name.Rule+".")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// viewed remembers when a stream was last asked for.
func (s *service) viewed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Viewed()
		next.ServeHTTP(w, r)
	})
}

// within lets each request take one of the places, which bound those that are under way at once. Those that wait for what comes, and those of clients that do not
// read, are many at the same time; without a bound they could take all memory.
func within(places chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			problem.Write(w, http.StatusServiceUnavailable, "The server has all the requests of this kind that it takes (limits.requests, limits.connections): ask again in a second.")
		}
	})
}

// withDeadline frees what a client that does not read, or does not send what it has announced, would hold. Handlers that
// take longer bodies set a deadline of their own.
func withDeadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control, now := http.NewResponseController(w), time.Now()
		_ = control.SetWriteDeadline(now.Add(writeWithin))
		if r.ContentLength != 0 { // without a body this would end long polls
			_ = control.SetReadDeadline(now.Add(bodyWithin))
		}
		next.ServeHTTP(w, r)
	})
}

// unhurried gives each piece of the answer its own time: a recording may take hours to download.
func unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(pieces{w}, r) })
}

type pieces struct{ http.ResponseWriter }

func (p pieces) Write(b []byte) (int, error) {
	_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(time.Now().Add(writeWithin))
	return p.ResponseWriter.Write(b)
}

// withProblems answers in words where the table has no route for the path or the method, and preflights that no route
// answers. Nobody is redirected: players and publishers do not all follow.
func withProblems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		plain := isPlain(r.URL.EscapedPath())
		answer, pattern := mux.Handler(r)
		switch {
		case plain && pattern != "":
			mux.ServeHTTP(w, r)
		case cors.IsPreflight(r):
			w.WriteHeader(http.StatusNoContent)
		case !plain:
			problem.Write(w, http.StatusBadRequest, "Write the path without empty parts, . and ..")
		default:
			found := statusOnly{header: w.Header()}
			answer.ServeHTTP(&found, r)
			if found.status == http.StatusMethodNotAllowed {
				problem.Write(w, found.status, r.Method+" is not for "+r.URL.Path+": the Allow header says what is.")
				return
			}
			serveNothing(w, r)
		}
	})
}

// isPlain tells whether a path is as http.ServeMux would have it.
func isPlain(escaped string) bool {
	clean := path.Clean(escaped)
	return escaped == clean || escaped == clean+"/" && clean != "/"
}

func serveNothing(w http.ResponseWriter, r *http.Request) {
	problem.Write(w, http.StatusNotFound, "There is nothing at "+r.URL.Path+": the pages start at /.")
}

// statusOnly keeps the status and header of an answer, and drops its body.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }

func (s *service) serveReady(w http.ResponseWriter, _ *http.Request) {
	if !s.Ready() {
		w.Header().Set("Retry-After", "5")
		problem.Write(w, http.StatusServiceUnavailable, "The service is starting or stopping: send publishers elsewhere.")
		return
	}
	writeJSON(w, map[string]string{"status": "ready"})
}
