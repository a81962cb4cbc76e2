package forward

import (
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sluice-live/sluice/ingest/session"
)

// maxError is how many bytes are told of an error.
const maxError = 300

// How a target stands.
const (
	StateWaiting    = "waiting"    // until there is something to send
	StateConnecting = "connecting" // until the target takes the stream
	StateForwarding = "forwarding"
	StateRetrying   = "retrying" // after a failure, until the next try
	StateEnded      = "ended"
)

// State is how a target of a stream stands.
type State struct {
	Target  string // its name, or protocol and host
	State   string
	Since   time.Time // that it has been forwarded to; zero otherwise
	Bytes   uint64    // of media that were sent
	Dropped uint64    // parts that it was too slow for, segments where it was slower than that, and packets of SRT that came too late
	Retries uint64    // tries after the first
	Error   string    // of the newest try, if that has failed
}

// change changes the state.
func (r *run) change(f func(*State)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.state)
}

// connecting notes that a connection is tried; after a failure that is told until there is one.
func (r *run) connecting() {
	r.change(func(s *State) {
		if s.Error == "" {
			s.State = StateConnecting
		}
	})
}

// fail notes and tells why a try has come to nothing; of the same reason the log tells once.
func (r *run) fail(err error, pause time.Duration) {
	why := r.tellable(err)
	same := false
	r.change(func(s *State) {
		same = s.Error == why
		s.State, s.Error, s.Since = StateRetrying, why, time.Time{}
	})
	if !same {
		r.log.Warn("stream cannot be forwarded; that is tried again", "error", why, "in", pause)
	}
}

// tellable is an error without what is nobody's business.
func (r *run) tellable(err error) string {
	if why := (*url.Error)(nil); errors.As(err, &why) {
		err = why.Err
	}
	text := err.Error()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		text = "the server has closed the connection"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, session.ErrTimedOut):
		text = "the server has not answered, or taken anything, for too long"
	}
	for _, secret := range r.Secrets(r.options.Stream) {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return strings.ToValidUTF8(text[:min(len(text), maxError)], "")
}
