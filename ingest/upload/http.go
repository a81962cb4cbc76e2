package upload

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sluice-live/sluice/ingest/refusal"
)

const (
	// Types are the media types of recordings.
	Types = "video/webm, audio/webm, video/x-matroska, application/octet-stream, multipart/form-data"
)

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
	u.play(patientReader{body, control, us.config.Timers.Idle, u.session.Closing()}, func() { _ = control.SetReadDeadline(time.Now()) })
	err := u.result()
	_ = control.SetWriteDeadline(time.Now().Add(us.config.Body))
	if err != nil {
		return u.refusal(err)
	}
	writeUpload(w, http.StatusOK, Answer{Stream: stream, Received: u.received.Load(), Late: u.session.LateFrames.Load()})
	return nil
}

// Answer tells how an upload stands.
type Answer struct {
	Stream    string `json:"stream"`
	Received  int64  `json:"received"`            // bytes that have been read
	Buffered  int    `json:"buffered"`            // bytes that wait for their time
	Late      uint64 `json:"late"`                // frames that came too late to be passed on
	Next      int    `json:"next,omitempty"`      // the number of the chunk that is waited for
	Missing   []int  `json:"missing,omitempty"`   // numbers of chunks that others have come after
	Lost      []int  `json:"lost,omitempty"`      // those that have been waited for long enough
	Duplicate bool   `json:"duplicate,omitempty"` // this one had come
}

func writeUpload(w http.ResponseWriter, status int, answer Answer) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a client that has gone away is no fault of ours
}

// uploadBody is the recording in a request: the body itself, or the files of a form, one after the other.
func uploadBody(r *http.Request) (io.Reader, *refusal.Refusal) {
	given, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Header.Get("Content-Type") == "":
		return r.Body, nil
	case err == nil && given == "multipart/form-data" && parameters["boundary"] != "":
		return &formReader{form: multipart.NewReader(r.Body, parameters["boundary"])}, nil
	case err == nil && given != "multipart/form-data" && slices.Contains(strings.Split(Types, ", "), given):
		return r.Body, nil
	}
	return nil, refusal.New(http.StatusUnsupportedMediaType, "Send the recording as one of %s.", Types)
}

// formReader reads the files of a form as if they were one. Fields that are no files are passed over.
type formReader struct {
	form *multipart.Reader
	part *multipart.Part
}

func (f *formReader) Read(b []byte) (int, error) {
	for {
		if f.part == nil {
			part, err := f.form.NextPart()
			if err != nil {
				return 0, err
			}
			if part.FileName() == "" {
				continue
			}
			f.part = part
		}
		n, err := f.part.Read(b)
		if errors.Is(err, io.EOF) {
			f.part, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
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
