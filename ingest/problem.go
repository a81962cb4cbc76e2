package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// problem is a refusal: an RFC 9457 document whose detail says what to do.
type problem struct {
	status     int
	detail     string
	allow      string // methods, for 405
	retryAfter int    // seconds; 0: none
}

func refuse(status int, format string, args ...any) *problem {
	return &problem{status: status, detail: fmt.Sprintf(format, args...)}
}

func (p *problem) after(seconds int) *problem {
	p.retryAfter = seconds
	return p
}

func (p *problem) Error() string { return p.detail }

func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	w.WriteHeader(p.status)
	// A client that has gone away is no fault of ours.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(p.status), "status": p.status, "detail": p.detail,
	})
}
