package frames

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

// farewell is how long the last event may take to reach the client of a channel.
const farewell = time.Second

// ofPictures is what a client may send over a channel: its bitrate is bounded like that of all media.
var ofPictures = channel.Rate{Messages: 4000, Bytes: 8 << 20}

// Prepare reads what is asked for of a stream. What it returns has a session be that stream, whose pictures come over the data channel that its
// client opens under the label Protocol, ordered and reliable: the messages are those of the WebSocket, but what is longer than
// channel.MaxMessage is announced and comes in parts, both ways. Other channels are closed, and so is a second one.
func (f *Frames) Prepare(r *http.Request, name string, c *channel.Counters) (func(*session.Session) error, *refusal.Refusal) {
	q, p := f.parseQuery(r, name)
	if p == nil {
		p = f.check(name)
	}
	if p != nil {
		return nil, p
	}
	return func(sess *session.Session) error {
		l := &line{conversation: newConversation(f.newStreamOf(sess, q), r, q), complete: make(chan struct{}), assembly: assembly{frames: f}}
		l.finally = l.finish
		sess.Go(l.run)
		sess.Go(l.answer)
		channel.Accept(sess, c, l.open)
		return nil
	}, nil
}

// line is a stream over a data channel.
type line struct {
	conversation
	finished sync.Once
	ended    sync.Once     // closes complete
	complete chan struct{} // closed when the client has sent all

	mu       sync.Mutex
	wire     *channel.Line // nil until it is open
	assembly assembly
	over     bool // nothing is taken any more
}

func (l *line) open(label string, wire *channel.Line) channel.Hearing {
	l.mu.Lock()
	defer l.mu.Unlock()
	if label != Protocol || l.wire != nil {
		return channel.Hearing{}
	}
	l.wire = wire
	return channel.Hearing{Rate: ofPictures, Hear: l.hear, Gone: l.end} // closing says that it was all
}

// end notes that the client has sent all.
func (l *line) end() { l.ended.Do(func() { close(l.complete) }) }

// hear takes a message, and waits while too many pictures are not answered.
func (l *line) hear(m channel.Message) {
	l.mu.Lock()
	var arrivals []arrival
	if !l.over {
		arrivals = l.assembly.take(m)
	}
	l.mu.Unlock()
	for _, a := range arrivals {
		in, end := l.take(a.message, a.held, a.refused)
		switch {
		case end:
			l.stop()
			l.end()
		case in.frame != 0:
			select {
			case l.pending <- in:
				continue
			case <-l.session.Closing():
			}
		}
		a.held.release()
	}
	if l.session.Err() != nil {
		l.drop() // answer may be through with that
	}
}

// stop has no more messages taken, and gives up the picture that is under way.
func (l *line) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.assembly.giveUp()
}

// answer answers pictures in their order until there are no more, or the stream ends.
func (l *line) answer() {
	defer l.drop()
	defer l.stop()
	for {
		select {
		case in := <-l.pending:
			l.tell(in)
			continue
		case <-l.session.Closing():
			return
		case <-l.complete:
		}
		for len(l.pending) > 0 {
			l.tell(<-l.pending)
		}
		l.stream.end(ErrEnded)
		return
	}
}

// drop forgets the pictures that nobody will answer, when the session is ending.
func (l *line) drop() {
	for {
		select {
		case late := <-l.pending:
			late.held.release()
		default:
			return
		}
	}
}

// tell tells what has become of a picture, and sends it back. A client that does not read is given up.
func (l *line) tell(in incoming) {
	defer in.held.release()
	e, image := l.answerTo(in, l.session.Closing())
	e.Bytes = len(image)
	sent := l.send(e)
	for part := range slices.Chunk(image, channel.MaxMessage) {
		sent = sent && l.wire.SendWithin(channel.Message{Data: part}, socketWrite, l.session.Closing())
	}
	if !sent {
		l.session.Close(session.ErrHungUp)
	}
}

func (l *line) send(e Event) bool {
	text, err := json.Marshal(e)
	return err == nil && l.wire.SendWithin(channel.Message{Text: true, Data: text}, socketWrite, l.session.Closing())
}

// finish tells how the stream has ended, before its connection does.
func (l *line) finish(reason error) {
	l.mu.Lock()
	open := l.wire != nil
	l.mu.Unlock()
	if !open {
		return
	}
	e := Event{Event: eventEnded}
	if !errors.Is(reason, ErrEnded) {
		p := l.refusal(reason)
		e = Event{Event: eventError, Code: p.Status, Detail: p.Detail}
	}
	l.finished.Do(func() {
		if l.send(e) {
			l.wire.Flush(farewell, l.session.Closing())
		}
	})
}
