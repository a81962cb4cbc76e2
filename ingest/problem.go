package ingest

import (
	"fmt"
	"net/http"

	rfc9457 "github.com/sluice-live/sluice/internal/problem"
)

// problem is a refusal whose detail says what to do.
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
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
	if p.retryAfter > 0 {
		rfc9457.WriteRetry(w, p.status, p.retryAfter, p.detail)
		return
	}
	rfc9457.Write(w, p.status, p.detail)
}
