package main

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/sluice-live/sluice/public"
)

// writeWithin bounds how long a client may take to read one answer; a segment at 300 kbit/s fits.
const writeWithin = 2 * time.Minute

// routes is the table of everything that is served.
func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	publish, admin := publishKeys(s.cfg.Auth.Publish), adminKeys(s.cfg.Auth.Admin)
	ofPath := func(r *http.Request) string { return r.PathValue("stream") }
	anyStream := func(*http.Request) string { return "" }

	mux.Handle("/whip/{stream}", publish.require(s.ingest.WHIP(), ofPath))
	mux.Handle("/whip/{stream}/{session}", publish.require(s.ingest.WHIP(), ofPath))
	echo := publish.require(s.ingest.Echo(), anyStream)
	for _, method := range []string{"POST", "OPTIONS"} {
		mux.Handle(method+" /echo", echo)
	}
	mux.Handle("/echo/{session}", echo)

	mux.HandleFunc("GET /live/{stream}/{file...}", s.packager.ServeLive)
	mux.Handle("GET /time", s.clock)
	mux.HandleFunc("GET /recordings/{stream}/{recording}/{file}", s.packager.ServeRecordings)

	mux.HandleFunc("GET /api/v1/server", s.serveServer)
	mux.HandleFunc("GET /api/v1/streams", s.serveStreams)
	mux.HandleFunc("GET /api/v1/streams/{stream}", s.serveStream)
	mux.Handle("DELETE /api/v1/streams/{stream}", admin.require(http.HandlerFunc(s.serveKick), ofPath))

	mux.Handle("GET /metrics", s.metricsHandler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]string{"status": "ok"}) })
	mux.HandleFunc("GET /readyz", s.serveReady)

	pages := public.Handler()
	for _, page := range []string{"/{$}", "/publish", "/watch/{stream}", "/echo", "/assets/{name}"} {
		mux.Handle("GET "+page, pages)
	}
	mux.HandleFunc("GET /recordings", func(w http.ResponseWriter, r *http.Request) { s.serveRecordings(w, r, pages) })
	return withCORS(withPreflight(withDeadline(withProblems(mux))))
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

var streamGrammar = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// withPreflight answers CORS preflights of every route.
func withPreflight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isPreflight(r) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withDeadline frees what a client that does not read would hold.
func withDeadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeWithin))
		next.ServeHTTP(w, r)
	})
}

// withProblems answers in words where the table has no route for the path or the method.
func withProblems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		found := statusOnly{header: w.Header()}
		answer.ServeHTTP(&found, r)
		if found.status == http.StatusMethodNotAllowed {
			writeProblem(w, found.status, r.Method+" is not for "+r.URL.Path+": the Allow header says what is.")
			return
		}
		writeProblem(w, http.StatusNotFound, "There is nothing at "+r.URL.Path+": the pages start at /.")
	})
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
	s.mu.Lock()
	ready := s.ctx != nil && s.ctx.Err() == nil
	s.mu.Unlock()
	if !ready {
		w.Header().Set("Retry-After", "5")
		writeProblem(w, http.StatusServiceUnavailable, "The service is starting or stopping: send publishers elsewhere.")
		return
	}
	writeJSON(w, map[string]string{"status": "ready"})
}
