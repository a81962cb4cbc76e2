package session

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/public/panics"
)

// ErrNoRight is why viewers are ended whose right to watch has ended.
var ErrNoRight = errors.New("the right to watch has ended: connect again with a token that is good")

// Judge says until when the client of a request may do something with a stream or a room, by its token, or refuses it; the zero time is no end.
// A nil one refuses nobody.
type Judge func(r *http.Request, name, token string) (until time.Time, refused *refusal.Refusal)

// Judge asks, if there is somebody to ask.
func (j Judge) Judge(r *http.Request, name, token string) (until time.Time, refused *refusal.Refusal) {
	if j == nil {
		return time.Time{}, nil
	}
	return j(r, name, token)
}

type untilKey struct{}

// Until returns the request as one whose session may last until then; zero is no end.
func Until(r *http.Request, until time.Time) *http.Request {
	if until.IsZero() {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), untilKey{}, until))
}

// untilOf is what Until has set.
func untilOf(r *http.Request) time.Time {
	until, _ := r.Context().Value(untilKey{}).(time.Time)
	return until
}

// EndsWith ends the session when the right to it ends. stop is called when it has ended by itself.
func (at *Reservation) EndsWith(sess *Session) (stop func()) {
	if at.until.IsZero() {
		return func() {}
	}
	timer := panics.AfterFunc(time.Until(at.until), nil, "the session", func() { sess.Close(ErrNoRight) })
	return func() { timer.Stop() }
}
