package relay

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// saidEach is how often it may be said that the origin is away, and that it is back.
const saidEach = time.Minute

// outage is the way to the origin, and says when that does not answer, and why: clients are told no more than to come again.
type outage struct {
	http.RoundTripper
	log *slog.Logger

	mu   sync.Mutex
	away bool
	said time.Time // when it was said last that it is
}

// RoundTrip sends a request.
func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := o.RoundTripper.RoundTrip(r)
	if err == nil || r.Context().Err() == nil { // otherwise whoever has asked has gone
		o.note(err)
	}
	return answer, err
}

func (o *outage) note(err error) {
	o.mu.Lock()
	away, now := o.away, time.Now()
	switch {
	case err == nil:
		o.away = false
	case !away && now.Sub(o.said) >= saidEach:
		o.away, o.said = true, now
	default:
		away, err = false, nil // it is known, or was said a moment ago
	}
	o.mu.Unlock()
	switch {
	case err != nil:
		o.log.Warn("the origin does not answer (sluice doctor says what to do)", "error", err)
	case away:
		o.log.Info("the origin answers again")
	}
}
