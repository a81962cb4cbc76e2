package frames

import (
	"net/http"

	"github.com/sluice-live/sluice/ingest/refusal"
)

// unanswered are the pictures of a conversation that wait for their answers; then no more are read.
const unanswered = 16

// The events.
const (
	eventEnd     = "end"     // from the client, which has sent all
	eventProcess = "process" // from the client: what to do with the pictures that follow
	eventPicture = "picture" // from the client of a channel: one of so many bytes follows, in messages
	eventFrame   = "frame"   // what has become of a picture
	eventEnded   = "ended"
	eventError   = "error" // of a picture, or of the stream when there is no frame
)

// Event is a message of text, in JSON.
type Event struct {
	Event   string  `json:"event"`
	Frame   uint64  `json:"frame,omitempty"`   // of this connection, from 1 on
	Process string  `json:"process,omitempty"` // the processor's name, or "" for none
	Width   int     `json:"width,omitempty"`   // as it is encoded
	Height  int     `json:"height,omitempty"`
	Took    float64 `json:"took,omitempty"`  // ms
	Faces   []Box   `json:"faces,omitempty"` // found by the processor
	Type    string  `json:"type,omitempty"`  // of the processed picture
	Bytes   int     `json:"bytes,omitempty"` // of it, when it follows; of the picture that is to follow
	Image   string  `json:"image,omitempty"` // itself, as a data URL, when it has come in base64
	Code    int     `json:"code,omitempty"`  // of an error, as of HTTP
	Detail  string  `json:"detail,omitempty"`
}

// incoming is a picture that is to be answered.
type incoming struct {
	frame   uint64
	text    bool
	held    *heldReader
	job     *job
	refused *refusal.Refusal // then there is no job
}

// conversation is a stream whose client sends messages, and is answered in their order.
type conversation struct {
	*stream
	pending chan incoming

	// Of who hears the client.
	format  string
	process string
	count   uint64 // of pictures that have come
}

func newConversation(s *stream, r *http.Request, q query) conversation {
	return conversation{stream: s, pending: make(chan incoming, unanswered), format: wanted(r), process: q.process}
}

// take takes a message that has been read, or what is wrong with it: a picture gets its place, an event has no frame.
func (c *conversation) take(m message, held *heldReader, p *refusal.Refusal) (in incoming, end bool) {
	switch m.event.Event {
	case eventEnd:
		return in, true
	case eventProcess:
		if p = c.frames.checkProcess(m.event.Process); p == nil {
			c.process = m.event.Process
			return in, false
		}
	}
	c.count++
	in = incoming{frame: c.count, text: m.text, held: held, refused: p}
	if in.refused == nil {
		_, in.refused = inspect(m.picture)
	}
	if in.refused == nil {
		in.job = &job{data: m.picture, process: c.process, format: c.format, answer: make(chan *result, 1)}
		in.refused = c.enqueue(in.job)
	}
	return in, false
}

// answerTo tells what has become of a picture, unless that is over before. The image is not nil when it is to come back.
func (c *conversation) answerTo(in incoming, over <-chan struct{}) (e Event, image []byte) {
	r := &result{refused: in.refused}
	if r.refused == nil {
		r = c.wait(in.job, over)
	}
	if r.refused != nil {
		c.frames.refused.Add(1)
		return Event{Event: eventError, Frame: in.frame, Code: r.refused.Status, Detail: r.refused.Detail}, nil
	}
	e = Event{
		Event: eventFrame, Frame: in.frame, Process: in.job.process, Width: r.width, Height: r.height, Took: milliseconds(r.took), Faces: r.faces,
	}
	if r.image != nil {
		e.Type = "image/" + in.job.format
	}
	return e, r.image
}
