package session

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// ErrTooMuch is why sessions are ended whose client sends more than it may.
var ErrTooMuch = errors.New("the client has sent more bit/s than it may: lower its bitrate, or raise limits.publish-bitrate")

// bitrateWindow is the time over which is measured what a client sends. One window too many is told, the next one ends the session.
const bitrateWindow = 5 * time.Second

// received is what has come from the client, bytes: of a connection all RTP and RTCP, whether anybody reads it or not; of an upload, of RTMP and SRT, the
// payload of its media, and of pictures the bytes that they came in.
func (s *Session) received() uint64 {
	switch s.at.Kind {
	case KindUpload, KindRTMP, KindSRT:
	case KindFrames:
		return s.PictureBytes.Load()
	default:
		return s.link.streams.received.Load()
	}
	var sum uint64
	for _, t := range s.Tracks() {
		sum += t.Stats().Bytes
	}
	return sum
}

// rateMeter measures one session against a limit in bit/s.
type rateMeter struct {
	limit int64 // 0: none
	since time.Time
	bytes uint64
}

// look ends a window, and the session if its client has sent too much in this and the one before.
func (m *rateMeter) look(s *Session, now time.Time, log *slog.Logger) {
	if m.limit == 0 || s.at.Kind == KindOutput { // what an output has is a copy
		return
	}
	took, bytes := now.Sub(m.since).Seconds(), s.received()
	sent := int64(float64(bytes-m.bytes) * 8 / max(took, 1))
	m.since, m.bytes = now, bytes
	switch {
	case sent <= m.limit:
		s.excess.Store(0)
	case s.excess.Swap(sent) == 0:
		log.Warn("the client sends more than it may; its session is ended unless it sends less", "kind", s.at.Kind, "name", s.at.name,
			"session", s.id, "address", s.RemoteAddr(), "bitrate", sent, "limit", m.limit)
	default:
		s.Close(ErrTooMuch)
	}
}

// Advice is what the publisher has to change so that it is not ended, in a sentence; else "".
func (p *Publisher) Advice() string {
	if sent := p.session.excess.Load(); sent > 0 {
		return fmt.Sprintf("It sends %.1f Mbit/s, which is more than it may, and is ended if it goes on: set a lower bitrate.", float64(sent)/1e6)
	}
	return ""
}
