package httpapi

import (
	"io"
	"net/http"
)

// serveTime answers with the time as urn:mpeg:dash:utc:http-iso:2014 wants it (ISO/IEC 23009-1 §5.8.4.11).
func (h *handlers) serveTime(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, h.service.Clock().Now().Format("2006-01-02T15:04:05.000Z"))
}
