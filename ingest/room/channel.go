package room

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/signal"
)

// acceptChannels takes the data channels that the client opens. That of a room tells what signalling tells of it, under the same ids, and takes
// messages; bytes are passed to all others who have one. In the echo all comes back.
func (p *participant) acceptChannels(c *channel.Counters) {
	if p.mode == ModeEcho {
		channel.Echo(p.session, c)
		return
	}
	channel.Accept(p.session, c, func(label string, l *channel.Line) channel.Hearing {
		if label != channel.Label {
			return channel.Hearing{}
		}
		p.channel.Store(l)
		return channel.Hearing{
			Rate: channel.OfParticipants, Hear: func(m channel.Message) { p.hearChannel(l, m) }, Gone: func() { p.channel.CompareAndSwap(l, nil) },
		}
	})
}

func (p *participant) hearChannel(l *channel.Line, m channel.Message) {
	if !m.Text {
		p.room.passBytes(p, m)
		return
	}
	e, err := signal.Parse(m.Data)
	switch {
	case err != nil:
		l.Tell(signal.Event{Kind: signal.Error, Code: http.StatusBadRequest, Detail: fmt.Sprintf("That event cannot be taken: %v.", err)})
	case e.Kind == signal.Ping:
		l.Tell(signal.Event{Kind: signal.Pong})
	case e.Kind == signal.Pong:
	case !e.IsMessage():
		l.Tell(signal.Event{Kind: signal.Error, Code: http.StatusBadRequest, Detail: "Over a data channel only message and ping are taken: negotiate over the room's signalling."})
	default:
		p.receive(e)
	}
}

// tell lets the client have an event, over its channel too if it has one. It does not wait.
func (p *participant) tell(e signal.Event) {
	e.ID = p.signalling.Send(e)
	told := []string{signal.Joined, signal.Updated, signal.Left}
	if l := p.channel.Load(); l != nil && e.ID > 0 && (e.IsMessage() || slices.Contains(told, e.Kind)) {
		l.Tell(e)
	}
}

// passBytes passes a message to all others who have a channel.
func (r *room) passBytes(from *participant, m channel.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.here {
		if l := p.channel.Load(); l != nil && p != from {
			l.Send(m)
		}
	}
}
