package httpapi

import (
	"net/http"
	"path"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/cors"
	"github.com/sluice-live/sluice/public/problem"
)

// withProblems answers with a problem document where the table has no route for the path or the method, and answers the preflights
// that no route answers. It redirects nobody: not all players and publishers follow.
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

// isPlain reports whether a path is as http.ServeMux would have it.
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
