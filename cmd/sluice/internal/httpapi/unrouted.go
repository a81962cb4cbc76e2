package httpapi

import (
	"net/http"
	"path"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/cors"
	"github.com/sluice-live/sluice/public/problem"
)

// withProblems answers with a problem document where the table has no route for the path or the method, and answers the preflights
// that no route answers. What people write a slash behind is found all the same. It redirects only who asks for a page or a document so:
// not all players and publishers follow.
func withProblems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		plain := isPlain(r.URL.EscapedPath())
		answer, pattern := mux.Handler(r)
		trimmed := withoutSlash(r)
		_, meant := mux.Handler(trimmed)
		switch {
		case isEncoded(r):
			w.Header().Set("Accept-Encoding", "identity") // RFC 9110 §15.5.16
			problem.Write(w, http.StatusUnsupportedMediaType, "Send the body as it is, without Content-Encoding.")
		case plain && pattern == "" && trimmed != r && meant != "":
			if isRead := r.Method == http.MethodGet || r.Method == http.MethodHead; isRead && r.Header.Get("Upgrade") == "" {
				w.Header().Set("Location", "../"+path.Base(trimmed.URL.EscapedPath())+withQuestionMark(r.URL.RawQuery)) // below whatever prefix it is shown
				w.Header().Set("Cache-Control", "no-cache")
				w.WriteHeader(http.StatusPermanentRedirect)
				return
			}
			mux.ServeHTTP(w, trimmed)
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

// withoutSlash is the request without the slash at the end of its path; the same one if there is none, or if it is for live media, where
// what is relative would be looked for elsewhere.
func withoutSlash(r *http.Request) *http.Request {
	path, cut := strings.CutSuffix(r.URL.Path, "/")
	if !cut || path == "" || strings.HasPrefix(path, "/live/") {
		return r
	}
	trimmed, url := *r, *r.URL
	url.Path, url.RawPath = path, strings.TrimSuffix(url.RawPath, "/")
	trimmed.URL = &url
	return &trimmed
}

func withQuestionMark(query string) string {
	if query == "" {
		return ""
	}
	return "?" + query
}

// isEncoded reports whether the body is compressed: nothing here would unpack it.
func isEncoded(r *http.Request) bool {
	encoding := r.Header.Get("Content-Encoding")
	return r.ContentLength != 0 && encoding != "" && !strings.EqualFold(encoding, "identity")
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
