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

// ErrKeyEnded is why others are ended whose key has been revoked, or has expired.
var ErrKeyEnded = errors.New("the key has been revoked or has expired: connect again with one that is good")

// Right is how long somebody may do something.
type Right struct {
	Until time.Time // when it ends; zero: not by itself
	// Hold has end called when the right is taken away before; release is for who needs that no more. nil: it is not taken away.
	Hold func(end func()) (release func())
	// Ends says that sessions that publish, and people in rooms, end with it too: the others stay until they leave.
	Ends bool
	// Shared says that a relay asks, for all who watch there: neither its address nor its requests are bounded as those of one client.
	Shared bool
}

// Judge says whether and for how long the client of a request may do something with a stream or a room, by its token, or refuses it. A nil one
// refuses nobody.
type Judge func(r *http.Request, name, token string) (Right, *refusal.Refusal)

// Judge asks, if there is somebody to ask.
func (j Judge) Judge(r *http.Request, name, token string) (Right, *refusal.Refusal) {
	if j == nil {
		return Right{}, nil
	}
	return j(r, name, token)
}

type rightKey struct{}

// By returns the request as one whose session may last for as long as the right.
func By(r *http.Request, right Right) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), rightKey{}, right))
}

// IsShared reports whether By has said that a relay asks, for all who watch there.
func IsShared(r *http.Request) bool { return rightOf(r).Shared }

// rightOf is what By has set.
func rightOf(r *http.Request) Right {
	right, _ := r.Context().Value(rightKey{}).(Right)
	return right
}

// EndsWith ends the session when the right to it ends. stop is called when it has ended by itself.
func (at *Reservation) EndsWith(sess *Session) (stop func()) {
	why := ErrNoRight
	if !at.Kind.Watches() {
		why = ErrKeyEnded
	}
	release, end := func() {}, func() { sess.Close(why) }
	if at.right.Hold != nil {
		release = at.right.Hold(end)
	}
	if at.right.Until.IsZero() {
		return release
	}
	timer := panics.AfterFunc(time.Until(at.right.Until), nil, "the session", end)
	return func() {
		timer.Stop()
		release()
	}
}
