package upload

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/ingest/refusal"
)

// feedBytes is how much of a body is read at once.
const feedBytes = 32 << 10

// Post takes a recording as it is made, in one request or in numbered ones.
func (us *Uploads) Post(w http.ResponseWriter, r *http.Request, stream string) *refusal.Refusal {
	body, problem := uploadBody(r)
	if problem != nil {
		return problem
	}
	if r.URL.Query().Has("chunk") {
		return us.postChunk(w, r, stream, body)
	}
	u, problem := us.newUpload(r, stream)
	if problem != nil {
		return problem
	}
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{}) // the answer comes at the end
	u.play()
	stop := u.feed(patientReader{body, control, us.config.Timers.Idle, u.session.Closing()})
	err := u.result()
	if !stop.complete.Load() {
		_ = control.SetReadDeadline(time.Now())
	}
	<-stop.done
	_ = control.SetWriteDeadline(time.Now().Add(us.config.Body))
	if err != nil {
		return u.refusal(err)
	}
	writeUpload(w, http.StatusOK, u.counts())
	return nil
}

// feeding is the reading of a body.
type feeding struct {
	complete atomic.Bool // the whole body has come
	done     chan struct{}
}

// feed puts a body into the pipe as it comes.
func (u *upload) feed(body io.Reader) *feeding {
	f := &feeding{done: make(chan struct{})}
	go func() {
		defer close(f.done)
		defer u.session.Contain()
		buffer := make([]byte, feedBytes)
		for {
			n, err := body.Read(buffer)
			if n > 0 {
				if u.pipe.writeWhenFree(bytes.Clone(buffer[:n])) != nil {
					return
				}
			}
			if err != nil {
				f.complete.Store(errors.Is(err, io.EOF))
				u.pipe.close(err)
				return
			}
		}
	}()
	return f
}

// counts is what has become of the upload so far.
func (u *upload) counts() Answer {
	s := u.session
	return Answer{Stream: u.publisher.Stream(), Received: u.received.Load(), Late: s.LateFrames.Load(), Damaged: s.DamagedFrames.Load(), Ignored: s.Ignored()}
}

// Answer tells how an upload stands.
type Answer struct {
	Stream    string   `json:"stream"`
	Received  int64    `json:"received"`            // bytes that have been read
	Buffered  int      `json:"buffered"`            // bytes that wait for their time
	Late      uint64   `json:"late"`                // frames that came too late to be passed on
	Damaged   uint64   `json:"damaged,omitempty"`   // frames that were empty or could not be read, and were passed over
	Ignored   []string `json:"ignored,omitempty"`   // tracks that are not passed on, and why
	Next      int      `json:"next,omitempty"`      // the number of the chunk that is waited for
	Missing   []int    `json:"missing,omitempty"`   // numbers of chunks that others have come after
	Lost      []int    `json:"lost,omitempty"`      // those that have been waited for long enough
	Duplicate bool     `json:"duplicate,omitempty"` // this one had come
}

func writeUpload(w http.ResponseWriter, status int, answer Answer) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a client that has gone away is no fault of ours
}

// patientReader reads a body as long as something comes now and then.
type patientReader struct {
	io.Reader
	control *http.ResponseController
	idle    time.Duration
	closing <-chan struct{}
}

func (p patientReader) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(p.idle))
	select {
	case <-p.closing: // whose deadline has been overwritten
		return 0, errInterrupted
	default:
		return p.Reader.Read(b)
	}
}
