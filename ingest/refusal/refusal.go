package refusal

import (
	"fmt"
	"net/http"

	rfc9457 "github.com/sluice-live/sluice/public/problem"
)

// Refusal is a refusal whose detail says what to do.
type Refusal struct {
	Status     int
	Detail     string
	Allow      string // methods, for 405
	RetryAfter int    // seconds; 0: none
}

// New refuses with a status of HTTP and a sentence that says what to do.
func New(status int, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Detail: fmt.Sprintf(format, args...)}
}

// After adds after how many seconds the client may try again (Retry-After), and returns the refusal.
func (p *Refusal) After(seconds int) *Refusal {
	p.RetryAfter = seconds
	return p
}

// Error is the sentence.
func (p *Refusal) Error() string { return p.Detail }

// Write answers with the refusal.
func (p *Refusal) Write(w http.ResponseWriter) {
	if p.Allow != "" {
		w.Header().Set("Allow", p.Allow)
	}
	if p.RetryAfter > 0 {
		rfc9457.WriteRetry(w, p.Status, p.RetryAfter, p.Detail)
		return
	}
	rfc9457.Write(w, p.Status, p.Detail)
}
