package frames

import (
	"net/http"

	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/refusal"
)

// arrival is a picture that is whole, an event, or what is wrong with either.
type arrival struct {
	message
	held    *heldReader
	refused *refusal.Refusal
}

// assembly makes pictures of the messages of a channel. Bytes are one picture, or a part of the one that an event has announced; whatever else
// is said before that is whole gives it up.
type assembly struct {
	frames *Frames
	left   int // bytes that are still to come of what was announced; 0: nothing is under way
	data   []byte
	held   *heldReader // nil: what is left belongs to a picture that has been refused
}

// take takes a message, and returns what is complete by it.
func (a *assembly) take(m channel.Message) []arrival {
	switch {
	case m.Text:
		given := a.giveUp()
		return append(given, a.read(m.Data)...)
	case a.left == 0:
		a.begin(len(m.Data))
	}
	return a.add(m.Data)
}

// read takes a message of text.
func (a *assembly) read(text []byte) []arrival {
	held := &heldReader{frames: a.frames}
	if !held.hold(len(text)) {
		return []arrival{{held: held, refused: unreadable(errBudget)}}
	}
	m, p := parseMessage(text, eventEnd, eventProcess, eventPicture)
	if p != nil || m.event.Event != eventPicture {
		return []arrival{{m, held, p}}
	}
	held.release()
	switch n := m.event.Bytes; {
	case n < 1:
		return []arrival{{held: held, refused: refusal.New(http.StatusBadRequest, "Announce a picture by its length: %s.", examples[eventPicture])}}
	case n > MaxBytes:
		a.left = n // which are passed over
		return []arrival{{held: held, refused: tooLong()}}
	default:
		a.begin(n)
		return nil
	}
}

func (a *assembly) begin(bytes int) {
	a.left, a.data, a.held = bytes, nil, &heldReader{frames: a.frames}
}

// add takes bytes of a picture.
func (a *assembly) add(piece []byte) []arrival {
	over := len(piece) > a.left
	a.left -= min(len(piece), a.left)
	if a.held == nil {
		return nil
	}
	if over {
		return a.refuse(refusal.New(http.StatusBadRequest, "The picture is longer than was announced: announce all its bytes."))
	}
	if !a.held.hold(len(piece)) {
		return a.refuse(unreadable(errBudget))
	}
	a.data = append(a.data, piece...)
	if a.left > 0 {
		return nil
	}
	whole := arrival{message: message{picture: a.data}, held: a.held}
	a.data, a.held = nil, nil
	return []arrival{whole}
}

// giveUp refuses a picture that is not whole.
func (a *assembly) giveUp() []arrival {
	missing := a.left
	a.left = 0
	if a.held == nil {
		return nil
	}
	return a.refuse(refusal.New(http.StatusBadRequest, "The picture ends %d bytes before the length that was announced: send all of it before anything else.", missing))
}

// refuse refuses the picture that is under way. What is left of it is passed over.
func (a *assembly) refuse(p *refusal.Refusal) []arrival {
	refused := arrival{held: a.held, refused: p}
	a.held.release()
	a.data, a.held = nil, nil
	return []arrival{refused}
}
