package httpapi

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/sluice-live/sluice/public/problem"
)

// withRanges ignores ranges that are none (RFC 9110 §14.2), which net/http would refuse, and what it answers with an empty part; one that is
// beyond the end is refused with a problem document.
func withRanges(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked := r.Header["Range"]; len(asked) == 1 && isRange(asked[0]) {
			w = &ranged{w}
		} else if asked != nil {
			r.Header.Del("Range")
		}
		next.ServeHTTP(w, r)
	})
}

// isRange reports whether a Range header asks for bytes as RFC 9110 §14.1.1 says, and for some.
func isRange(value string) bool {
	set, ok := strings.CutPrefix(value, "bytes=")
	for spec := range strings.SplitSeq(set, ",") {
		first, last, isSpec := strings.Cut(strings.Trim(spec, " \t"), "-")
		from, fromErr := strconv.ParseUint(first, 10, 63)
		to, toErr := strconv.ParseUint(last, 10, 63)
		switch {
		case !isSpec:
			return false
		case first == "":
			ok = ok && toErr == nil && to > 0
		case last == "":
			ok = ok && fromErr == nil
		default:
			ok = ok && fromErr == nil && toErr == nil && from <= to
		}
	}
	return ok
}

// ranged makes a problem document of net/http's refusal of a range.
type ranged struct{ http.ResponseWriter }

// Unwrap is for http.ResponseController.
func (w *ranged) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ReadFrom implements io.ReaderFrom, by which files need not be copied.
func (w *ranged) ReadFrom(from io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, from) }

// WriteHeader implements http.ResponseWriter.
func (w *ranged) WriteHeader(status int) {
	if status != http.StatusRequestedRangeNotSatisfiable {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	problem.Write(w.ResponseWriter, status, "The range begins beyond the end: the Content-Range header says how many bytes there are.")
	w.ResponseWriter = nothing{w.ResponseWriter}
}

// nothing drops the rest of an answer.
type nothing struct{ http.ResponseWriter }

func (nothing) Write(b []byte) (int, error) { return len(b), nil }
