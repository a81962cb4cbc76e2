package channel

import (
	"encoding/json"

	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
)

// Carry joins a session in which a stream comes from another server, by a channel that we have made and that the other one may open: what it tells is
// passed to all viewers, and what they send to it, as if it published the stream.
func (ss *Streams) Carry(s *session.Session, stream string, dc *webrtc.DataChannel) {
	m, line := ss.join(s, stream, false), NewLine(dc, ss.counters)
	dc.OnOpen(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.carries = line
	})
	dc.OnClose(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.carries = nil
	})
	dc.OnMessage(func(msg webrtc.DataChannelMessage) {
		defer s.Contain()
		m.carry(Message{msg.IsString, msg.Data})
	})
}

// carry passes on what the other server tells. How the stream stands here is told by ourselves, and what it refuses was said by one of many.
func (m *Member) carry(msg Message) {
	if len(msg.Data) > MaxMessage {
		m.streams.counters.Dropped.Add(1)
		return
	}
	if msg.Text {
		var e signal.Event
		if json.Unmarshal(msg.Data, &e) != nil {
			return
		}
		switch e.Kind {
		case signal.Stream, signal.Error, signal.Ping, signal.Pong:
			return
		}
	}
	m.streams.send(m.streams.viewers(m.stream, ""), Label, msg)
}
