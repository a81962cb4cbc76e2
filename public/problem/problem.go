// Package problem writes error answers: the one form in which the service, its stages and its pages refuse a request
// (RFC 9457). It knows nothing of what went wrong: each caller says that in a sentence.
//
// It starts no goroutine.
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// ContentType is the media type of a Document (RFC 9457 §6.1).
const ContentType = "application/problem+json"

// Document is the body of an error answer (RFC 9457 §3.1).
type Document struct {
	Type   string `json:"type"`   // always about:blank: the status says what kind of problem it is (§4.2.1)
	Title  string `json:"title"`  // the reason phrase of the status
	Status int    `json:"status"` // of HTTP
	Detail string `json:"detail"` // a sentence that says what to do
}

// Header values that are the same for all answers; they are never changed.
var (
	contentType = []string{ContentType}
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
)

// Write answers with a status and a sentence that says what to do. Nobody may keep such an answer: what is refused now may be
// served a moment later. Headers that go with a status (Retry-After, Allow, WWW-Authenticate) are set by the caller before.
func Write(w http.ResponseWriter, status int, detail string) {
	body, err := json.Marshal(Document{"about:blank", http.StatusText(status), status, detail})
	if err != nil {
		body = nil // strings and a number are always JSON
	}
	header := w.Header()
	header["Content-Type"], header["Cache-Control"], header["X-Content-Type-Options"] = contentType, noStore, noSniff
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client has gone
}

// WriteRetry is Write for what may be served after so many seconds (RFC 9110 §10.2.3).
func WriteRetry(w http.ResponseWriter, status, seconds int, detail string) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	Write(w, status, detail)
}
