package frames

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/prefix"
)

// FrameHeader tells the number of a picture in its stream, and FacesHeader, in JSON, where faces are in it.
const (
	FrameHeader = "Sluice-Frame"
	FacesHeader = "Sluice-Faces"
)

// Post takes one picture.
func (f *Frames) Post(w http.ResponseWriter, r *http.Request, name string) *refusal.Refusal {
	p := f.post(w, r, name)
	if p != nil {
		f.refused.Add(1)
	}
	return p
}

func (f *Frames) post(w http.ResponseWriter, r *http.Request, name string) *refusal.Refusal {
	q, p := f.parseQuery(r, name)
	if p != nil {
		return p
	}
	if r.ContentLength > textBytes { // said before it is sent: nobody needs to wait for it
		return tooLong()
	}
	client := session.ClientOf(r)
	switch err := f.requests.Take(client); {
	case errors.Is(err, quota.ErrShare):
		return refusal.New(http.StatusTooManyRequests, "Your address sends all the pictures it may at once (%d): send this one again in a second.", requestShare).After(1)
	case err != nil:
		return refusal.New(http.StatusTooManyRequests, "The server receives all the pictures it can at once (%d): send this one again in a second.", requestsAtOnce).After(1)
	}
	defer f.requests.Release(client)
	held := &heldReader{Reader: r.Body, frames: f}
	defer held.release()
	data, p := readPicture(r.Header.Get("Content-Type"), held)
	if p != nil {
		return p
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if _, p := inspect(data); p != nil { // before anything is begun
		return p
	}
	s, p := f.posted(r, name, q)
	if p != nil {
		return p
	}
	j := &job{data: data, process: q.process, format: wanted(r), answer: make(chan *result, 1)}
	if p := s.enqueue(j); p != nil {
		return p
	}
	result := s.wait(j, s.session.Done())
	if result.refused != nil {
		return result.refused
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(f.config.Body))
	w.Header().Set("Location", prefix.Of(r)+s.session.Path())
	result.write(w, j, wantsJSON(r), s)
	return nil
}

// wait returns what has become of a picture, unless that is over before.
func (s *stream) wait(j *job, over <-chan struct{}) *result {
	select {
	case r := <-j.answer:
		return r
	case <-over:
	}
	select {
	case r := <-j.answer: // which was its last
		return r
	default:
		return &result{refused: s.refusal(s.session.Err())}
	}
}

// wanted is the format that the client prefers for what comes back.
func wanted(r *http.Request) string {
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "image/png") && !strings.Contains(accept, "image/jpeg") {
		return "png"
	}
	return "jpeg"
}

func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

// Answer tells what has become of a picture.
type Answer struct {
	Stream  string  `json:"stream"`
	Frame   uint64  `json:"frame"`
	Width   int     `json:"width"` // as it is encoded
	Height  int     `json:"height"`
	Took    float64 `json:"took"`            // ms
	Dropped uint64  `json:"dropped"`         // pictures of the stream for which there was no place
	Faces   []Box   `json:"faces,omitempty"` // found by the processor
	Image   string  `json:"image,omitempty"` // a data URL
}

// write answers a request, with the picture if there is one.
func (r *result) write(w http.ResponseWriter, j *job, asJSON bool, s *stream) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set(FrameHeader, strconv.FormatUint(r.frame, 10))
	h.Set("Server-Timing", fmt.Sprintf("decode;dur=%.1f, process;dur=%.1f, total;dur=%.1f", milliseconds(r.decoding), milliseconds(r.processing), milliseconds(r.took)))
	if len(r.faces) > 0 {
		faces, _ := json.Marshal(r.faces) // which cannot fail
		h.Set(FacesHeader, string(faces))
	}
	if r.image != nil && !asJSON {
		h.Set("Content-Type", "image/"+j.format)
		h.Set("Content-Length", strconv.Itoa(len(r.image)))
		_, _ = w.Write(r.image) // a client that has gone away is no fault of ours
		return
	}
	answer := Answer{
		Stream: s.publisher.Stream(), Frame: r.frame, Width: r.width, Height: r.height, Took: milliseconds(r.took), Dropped: s.dropped.Load(), Faces: r.faces,
	}
	if r.image != nil {
		answer.Image = dataURL(j.format, r.image)
	}
	h.Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func dataURL(format string, image []byte) string {
	return "data:image/" + format + ";base64," + base64.StdEncoding.EncodeToString(image)
}

// milliseconds rounds to tenths.
func milliseconds(d time.Duration) float64 { return float64(d.Round(100*time.Microsecond)) / 1e6 }
